"""Grow or shrink the cluster to a number of voters, member by member, each with its node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.text import clean, plural
from etcdtui.ops import leaving, members, scaling_last
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.actions.add_member import join_sentences
from etcdtui.ops.plan import Plan, Step
from etcdtui.ops.rolling_exec import is_well
from etcdtui.sites.manager import LastFirst

MOST = 9
"""More voters make every write slower and stand hardly more; etcd's own advice ends at seven."""


def plan(request: Request) -> Plan:
    """From the voters there are to those asked for, one at a time, the next when all is well."""
    snapshot = request.snapshot
    members.known_members(snapshot)
    if isinstance(request.site, LastFirst):
        return scaling_last.plan(request, request.site, _wanted(request))
    if request.options.get("discard"):
        raise UsageError("--discard: a node that goes here has its data moved aside", "leave it out")
    wanted, now = _wanted(request), len(snapshot.voters)
    if wanted == now:
        raise UsageError(f"{clean(snapshot.name)} has {plural(now, 'voter')} already")
    return _grow(request, wanted, wanted - now) if wanted > now else _shrink(request, wanted, now - wanted)


def _wanted(request: Request) -> int:
    try:
        wanted = int(request.options.get("voters") or 0)
    except (TypeError, ValueError):
        wanted = 0
    if not 1 <= wanted <= MOST:
        raise UsageError(f"--voters: expected a number from 1 to {MOST}", "1, 3, 5 or 7")
    return wanted


def _grow(request: Request, wanted: int, count: int) -> Plan:
    site, snapshot = request.site, request.snapshot
    _all_well(snapshot, set(), "start, replace or remove what is not before growing")
    places = list(members.growable(site).propose_nodes(count))
    learner = members.learners(snapshot)
    steps: list[Step] = []
    for place in places:
        steps += members.join_steps(site, place, learner=learner)
    return make_plan(
        request,
        ACTION.id,
        f"grow to {plural(wanted, 'voter')}: add {_names(place.name for place in places)}",
        tuple(steps),
        (
            *join_sentences(snapshot, places, learner=learner),
            "one after the other: the next is added when the one before is a healthy voter",
        ),
        (),
        dangerous=not learner,
    )


def _shrink(request: Request, wanted: int, count: int) -> Plan:
    site, snapshot = request.site, request.snapshot
    going = leaving.who_goes(snapshot, count)
    ids = {member.id for _, member in going}
    _all_well(snapshot, ids, "start or replace what stays before shrinking")
    steps: list[Step] = []
    for row, member in going:
        steps += leaving.leave_steps(site, snapshot, row, member, _unwell(going, snapshot))
    return make_plan(
        request,
        ACTION.id,
        f"shrink to {plural(wanted, 'voter')}: remove {_names(row.name for row, _ in going)}",
        tuple(steps),
        (
            members.size_sentence(wanted),
            f"who goes: {_names(_why(snapshot, row) for row, _ in going)}",
            "each is removed, seen gone by all the others, stopped and given up; its data is moved aside",
        ),
        tuple(row for row, _ in going),
        dangerous=True,
    )


def _unwell(going: Sequence[tuple[EndpointRow, object]], snapshot: ClusterSnapshot) -> list[int]:
    return [r.member_id for r, _ in going if r.member_id is not None and not is_well(snapshot, r)]


def _all_well(snapshot: ClusterSnapshot, apart: set[int], way_out: str) -> None:
    """Raises GuardRefused when a member that stays is not healthy."""
    unwell = [
        f"{clean(row.name)} is {row.state}"
        for row in snapshot.rows
        if row.member is not None and row.member.id not in apart and not is_well(snapshot, row)
    ]
    if unwell:
        raise GuardRefused(f"not all members are healthy: {', '.join(unwell)}", way_out)


def _why(snapshot: ClusterSnapshot, row: EndpointRow) -> str:
    if not is_well(snapshot, row):
        return f"{row.name} ({row.state})"
    return f"{row.name} ({'leads' if row.member_id == snapshot.leader_id else 'newest'})"


def _names(names: Iterable[str]) -> str:
    return ", ".join(clean(name) for name in names)


DISCARD_FIELD = Field(
    name="discard",
    label="Delete the claims of nodes that go",
    kind=Kind.BOOL,
    help="where nodes leave their data behind: a removed member's data stands in the way of growing again",
    default=lambda _request: False,
)

ACTION = Action(
    id="scale",
    title="Scale",
    key="S",
    help="Grow or shrink to a number of voters, one member with its node at a time",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=members.can_grow,
    plan=plan,
    fields=(
        Field(
            name="voters",
            label="Voters",
            kind=Kind.INT,
            help="1, 3, 5 or 7; an even number stands no more than the one below it",
            required=True,
            default=lambda request: len(request.snapshot.voters) + 2,
        ),
        DISCARD_FIELD,
    ),
    group="members",
)
