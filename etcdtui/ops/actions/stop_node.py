"""Stop the etcd of one node gracefully."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops.action import Action, Request, Scope, make_plan, target
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Plan
from etcdtui.sites.manager import LastFirst


def plan(request: Request) -> Plan:
    """One step, guarded by quorum."""
    row, node = target(request, "stop")
    if nodes.ended(node):
        raise UsageError(f"{clean(node.name)} is not running{nodes.detail(node)}")
    if isinstance(request.site, LastFirst) and (why := request.site.why_not_stop(node.name)):
        raise UsageError(why)
    guards = (Check("node-running", {"node": node.name}), nodes.loss([(row, node)], "stopping"))
    consequences = (
        nodes.budget_sentence(request.snapshot, row),
        nodes.leadership_sentence(row),
        f"{clean(node.name)} stays stopped until it is started",
    )
    steps = (nodes.stop_step(request.site, row, node, guards),)
    return make_plan(request, ACTION.id, f"stop {clean(node.name)}", steps, consequences, (row,))


ACTION = Action(
    id="stop-node",
    title="Stop",
    key="x",
    help="Stop etcd on this node gracefully (SIGTERM)",
    scope=Scope.NODE,
    mutating=True,
    offered=nodes.can_start,
    plan=plan,
)
