"""Start the etcd of one node."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops.action import Action, Request, Scope, make_plan, target
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Plan


def plan(request: Request) -> Plan:
    """One step, verified by the member's health."""
    row, node = target(request, "start")
    if nodes.runs(node):
        raise UsageError(f"{clean(node.name)} runs already{nodes.detail(node)}")
    consequences = (nodes.start_sentence(request.snapshot, [node]),)
    steps = (nodes.start_step(request.site, row, node),)
    return make_plan(request, ACTION.id, f"start {clean(node.name)}", steps, consequences, (row,))


ACTION = Action(
    id="start-node",
    title="Start",
    key="s",
    help="Start etcd on this node and wait until its member is healthy",
    scope=Scope.NODE,
    mutating=True,
    offered=nodes.can_start,
    plan=plan,
)
