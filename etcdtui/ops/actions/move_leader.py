"""Hand leadership over to the member under the cursor: no election, no pause worth speaking of."""

from __future__ import annotations

from dataclasses import replace

from etcdtui.errors import UsageError
from etcdtui.model.cluster import State
from etcdtui.model.text import clean
from etcdtui.ops import rolling
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.plan import Check, Plan


def plan(request: Request) -> Plan:
    """One step; etcd refuses a target that is no voter, and so does the guard before it is asked."""
    row, leader = request.row, request.snapshot.leader_row
    if row is None or row.member_id is None:
        raise UsageError("moving leadership needs a member", "select or name one")
    name = clean(row.name)
    if leader is None:
        raise UsageError("no member knows a leader: there is no leadership to move", "wait for an election")
    if leader.member_id == row.member_id:
        raise UsageError(f"{name} leads already", "select the member that is to lead")
    if row.state is State.LEARNER or not row.is_voter:
        raise UsageError(f"{name} is a learner: it cannot lead", "promote it first")
    # Without the old leader's ID only this very member will do.
    args = {"from": None, "target": row.member_id}
    step = replace(
        rolling.move_step(leader, row),
        args=args,
        guards=(Check("leader-target", args),),
        verify=Check("leader-moved", args),
    )
    consequences = (
        f"{name} leads instead of {clean(leader.name)}, in a new term",
        "writes pause for the moment of the transfer; nothing is restarted",
    )
    title = f"move leadership from {clean(leader.name)} to {name}"
    return make_plan(request, ACTION.id, title, (step,), consequences, (leader, row))


ACTION = Action(
    id="move-leader",
    title="Move leader here",
    key="L",
    help="Hand leadership over to the selected member, without an election",
    scope=Scope.NODE,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    group="members",
)
