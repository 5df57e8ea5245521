"""Replace a failed member by a new one on the same node: removed first, its data moved aside, then added."""

from __future__ import annotations

from dataclasses import replace

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import EndpointRow, Member, RunState
from etcdtui.model.text import clean
from etcdtui.ops import leaving, members
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.keeping import Keeper
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.ops.rolling_exec import is_well
from etcdtui.sites.base import NewNode
from etcdtui.sites.manager import Emptying


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
    if isinstance(site, Emptying):
        return _with_a_new_volume(request, site, row, member, place)
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


def _with_a_new_volume(
    request: Request, site: Emptying, row: EndpointRow, member: Member, place: NewNode
) -> Plan:
    """Remove, add anew, and only then give the node an empty volume: it starts by itself, as the new one."""
    snapshot, node, name = request.snapshot, place.name, clean(row.name)
    place = replace(place, peer_url=(*member.peer_urls, place.peer_url)[0])
    seat = {"member": None, "peer_urls": [place.peer_url], "node": node}
    if not members.learners(snapshot):
        raise GuardRefused(f"{name}: this etcd has no learners", "upgrade it first")
    empty = Step(
        verb="node.empty",
        args={"node": node, "marks": site.data_marks(node), "peer_urls": [place.peer_url]},
        title=f"delete the data of {clean(node)} and have it made anew",
        call=site.describe_empty(node),
        guards=(Check("holds-no-vote", seat),),
        verify=Check("node-run-state", {"node": node, "states": ["running", "starting"]}),
        verify_timeout=members.START_TIMEOUT,
    )
    steps = [
        *leaving.remove_steps(snapshot, row, member),
        *members.add_steps(node, [place.peer_url], learner=True),
        members.prepare_step(request.site, place, None),
        empty,
        *members.promote_steps(node, seat, undo=members.unadd_step([place.peer_url], node)),
        members.joined_step(node, seat),
    ]
    rest = sum(not m.is_learner and m.id != member.id for m in snapshot.members)
    kept = tuple(Keeper(request.site).joining(rest, steps))
    consequences = (
        f"{name} is removed first, so that the quorum is that of {rest} while the new member catches up",
        f"THE DATA OF {clean(node)} IS DELETED with its claim: the new member copies it all from the others",
    )
    return make_plan(request, ACTION.id, f"replace {name}", kept, consequences, (row,), dangerous=True)


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
