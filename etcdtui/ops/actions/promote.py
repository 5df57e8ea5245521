"""Promote a learner to a voter once it has what the leader has."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops import members
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.plan import Check, Plan


def plan(request: Request) -> Plan:
    """Wait until it is in sync, promote it, see it as a healthy voter."""
    members.known_members(request.snapshot)
    row, member = members.member_row(request.row, "promoting")
    name = clean(row.name)
    if not member.is_learner:
        raise UsageError(f"{name} is a voter already", "select a learner")
    seat = members.seat_of(row, member)
    wait, promote = members.promote_steps(name, seat)
    steps = (
        members.wait_step(wait.title, wait.verify or Check("quorum"), wait.verify_timeout, promote.guards),
        promote,
        members.joined_step(name, seat),
    )
    voters = 1 + sum(not m.is_learner for m in request.snapshot.members)
    consequences = (
        members.size_sentence(voters),
        f"{name} votes from then on, and serves linearizable reads and writes",
        "a voter cannot be made a learner again: it can only be removed and added anew",
    )
    return make_plan(request, ACTION.id, f"promote {name}", steps, consequences, (row,))


ACTION = Action(
    id="promote",
    title="Promote",
    key="P",
    help="Make the selected learner a voter once it is in sync with the leader",
    scope=Scope.NODE,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    group="members",
)
