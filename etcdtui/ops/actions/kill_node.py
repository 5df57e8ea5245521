"""Kill the etcd of one node with SIGKILL: the classic exercise."""

from __future__ import annotations

from etcdtui.errors import NotOffered, UsageError
from etcdtui.model.cluster import EndpointRow, State
from etcdtui.model.text import clean
from etcdtui.ops.action import Action, Request, Scope, make_plan, target
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.sites.base import Killable


def _election(row: EndpointRow) -> str:
    if row.state is State.LEADER:
        return (
            f"{clean(row.name)} leads: SIGKILL of the leader costs an election, about a second without writes"
        )
    return f"{clean(row.name)} does not lead: SIGKILL costs no election"


def plan(request: Request) -> Plan:
    """One step, guarded by quorum as a stop is."""
    row, node = target(request, "kill")
    site = request.site
    if not isinstance(site, Killable):
        raise NotOffered(f"{site.name}: a {site.kind} site cannot kill nodes")
    if nodes.ended(node):
        raise UsageError(f"{clean(node.name)} is not running{nodes.detail(node)}")
    step = Step(
        verb="node.kill",
        args={"node": node.name},
        title=f"kill -9 {clean(node.name)}",
        call=site.describe_kill(node.name),
        guards=(Check("node-running", {"node": node.name}), nodes.loss([(row, node)], "killing")),
        verify=Check("member-down", {**nodes.ids(row, node), "pid": node.pid, "run": node.run}),
        verify_timeout=nodes.DOWN_TIMEOUT,
        undo=nodes.start_step(site, row, node) if nodes.can_start(site) else None,
    )
    consequences = (
        nodes.budget_sentence(request.snapshot, row),
        _election(row),
        "the process gets no warning; its write-ahead log is replayed at the next start",
    )
    title = f"kill -9 {clean(node.name)}"
    return make_plan(request, ACTION.id, title, (step,), consequences, (row,), dangerous=True)


ACTION = Action(
    id="kill-node",
    title="Kill -9",
    key="K",
    help="Kill etcd on this node with SIGKILL and watch the others carry on",
    scope=Scope.NODE,
    mutating=True,
    offered=nodes.can_kill,
    plan=plan,
)
