"""Replace a failed member by a new one on the same node: removed first, its data moved aside, then added."""

from __future__ import annotations

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import RunState
from etcdtui.model.text import clean
from etcdtui.ops import leaving, members
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.ops.rolling_exec import is_well
from etcdtui.sites.base import NewNode


def plan(request: Request) -> Plan:
    """Remove, stop, set aside, and join as anybody else does."""
    site, snapshot = request.site, request.snapshot
    row, member = members.member_row(request.row, "replacing")
    members.known_members(snapshot)
    name = clean(row.name)
    if is_well(snapshot, row):
        raise GuardRefused(f"{name} is healthy: there is nothing to replace", "stop it first if you must")
    node = row.node
    if node is None or not node.client_urls:
        raise UsageError(f"{name}: the node it ran on is not known here", "remove it, and add another member")
    if node.run_state is RunState.UNKNOWN:
        raise UsageError(
            f"{name}: how {clean(node.name)} is cannot be told{nodes.detail(node)}", "bring it back"
        )
    place = NewNode(node.name, (node.peer_urls or member.peer_urls)[0], node.client_urls[0])
    aside = Step(
        verb="node.set-aside",
        args={"node": node.name},
        title=f"move the data of {clean(node.name)} aside",
        call=members.growable(site).describe_set_aside(node.name),
        guards=(Check("holds-no-vote", members.seat_of(row, member)),),
        verify=Check("node-run-state", {"node": node.name, "states": ["stopped", "failed"]}),
        verify_timeout=members.CHANGE_TIMEOUT,
    )
    learner = members.learners(snapshot)
    steps = (
        *leaving.remove_steps(snapshot, row, member),
        *leaving.stop_steps(site, row),
        aside,
        *members.join_steps(site, place, learner=learner),
    )
    rest = sum(not m.is_learner and m.id != member.id for m in snapshot.members)
    consequences = (
        f"{name} is removed first, so that the quorum is that of {rest} while the new member catches up",
        f"what it held is moved aside, never deleted: the new member on {clean(node.name)} copies everything",
        *([] if learner else ["RISK: this etcd has no learners: the voter counts before it has caught up"]),
    )
    return make_plan(request, ACTION.id, f"replace {name}", steps, consequences, (row,), dangerous=True)


ACTION = Action(
    id="replace-member",
    title="Replace",
    key="R",
    help="Replace a failed member: remove it, move its data aside, join anew on the same node",
    scope=Scope.NODE,
    mutating=True,
    offered=members.can_grow,
    plan=plan,
    group="members",
)
