"""Remove a member: leadership moved away first, its node given up afterwards, its data moved aside."""

from __future__ import annotations

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Member, RunState
from etcdtui.model.text import clean
from etcdtui.ops import leaving, members, rolling
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.keeping import Keeper
from etcdtui.ops.plan import Plan
from etcdtui.sites.base import Site
from etcdtui.sites.manager import LastFirst


def plan(request: Request) -> Plan:
    """Membership first, then the node; a node that belongs to no member is given up by itself."""
    row = request.row
    if row is not None and row.member is None and row.node is not None:
        return _node_alone(request, row)
    row, member = members.member_row(row, "removing")
    members.known_members(request.snapshot)
    if row.node is not None and (why := _node_must_stay(request.site, row.node.name)):
        raise GuardRefused(f"its node must go too: {why}")
    name = clean(row.name)
    rest = sum(not m.is_learner and m.id != member.id for m in request.snapshot.members)
    if not rest:
        raise GuardRefused(f"{name} is the last voter: without it there is no cluster")
    steps, keeper = leaving.leave_steps(request.site, request.snapshot, row, member), Keeper(request.site)
    if not member.is_learner:
        steps = keeper.leaving(rest + 1, steps)
    return make_plan(
        request,
        ACTION.id,
        f"remove {name}",
        tuple(steps),
        (
            *([] if member.is_learner else [members.size_sentence(rest)]),
            *leave_sentences(request.site, request.snapshot, row, member),
            *keeper.remarks(rest),
        ),
        (row,),
        dangerous=True,
    )


def _node_must_stay(site: Site, node: str) -> str:
    """Why a node cannot be given up now; empty when it can."""
    return site.why_not_stop(node) if isinstance(site, LastFirst) else ""


def _node_alone(request: Request, row: EndpointRow) -> Plan:
    """A node that no member runs on, as a removal that was cut off leaves it."""
    node = row.node
    if node is None:
        raise UsageError(f"{clean(row.name)} is no node")
    members.known_members(request.snapshot)
    name = clean(node.name)
    if not members.can_grow(request.site):
        raise UsageError(f"{name}: no member of this cluster runs there, so there is none to remove")
    peer_urls = list(node.peer_urls)
    seat = {"member": row.member_id, "peer_urls": peer_urls, "node": node.name}
    return make_plan(
        request,
        ACTION.id,
        f"give {name} up",
        (members.retire_step(request.site, node.name, seat),),
        (f"no member of this cluster runs on {name}: the membership stays as it is",),
        (),
    )


def leave_sentences(
    site: Site, snapshot: ClusterSnapshot, row: EndpointRow, member: Member
) -> tuple[str, ...]:
    """What the removal of one member means for the leadership and its node."""
    name, said = clean(row.name), []
    heir = rolling.heir(snapshot)
    if member.id == snapshot.leader_id:
        said.append(
            f"{name} leads: leadership moves to {clean(heir.name)} before"
            if heir is not None
            else f"{name} leads and nobody else can"
        )
    said.append(f"member {member.hex_id} can never come back: its node may join again only with empty data")
    if row.node is None:
        said.append("no node of it is known here: stop its etcd yourself")
    elif row.node.run_state is RunState.UNKNOWN:
        said.append(f"how {clean(row.node.name)} is cannot be told: its etcd is left to end by itself")
    elif members.can_grow(site):
        said.append(f"{clean(row.node.name)} is stopped and given up; its data is moved aside, never deleted")
    return tuple(said)


ACTION = Action(
    id="remove-member",
    title="Remove",
    key="D",
    help="Remove the selected member, stop its node and move its data aside",
    scope=Scope.NODE,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    group="members",
)
