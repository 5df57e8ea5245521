"""Restart the etcd of one node: stop it, see it gone, start it, see it healthy."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.cluster import RunState
from etcdtui.model.text import clean
from etcdtui.ops.action import Action, Request, Scope, make_plan, target
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Plan
from etcdtui.sites.manager import Restartable


def plan(request: Request) -> Plan:
    """Two steps; a failed start leaves the node stopped, and the message says so."""
    row, node = target(request, "restart")
    if isinstance(request.site, Restartable):
        return _by_one_call(request, request.site)
    if nodes.ended(node):
        raise UsageError(f"{clean(node.name)} is not running{nodes.detail(node)}", "start it")
    guards = (Check("node-running", {"node": node.name}), nodes.loss([(row, node)], "restarting"))
    consequences = (
        nodes.budget_sentence(request.snapshot, row, "in between"),
        nodes.leadership_sentence(row),
        f"if the start fails, {clean(node.name)} is left stopped",
    )
    steps = (
        nodes.stop_step(request.site, row, node, guards),
        nodes.start_step(request.site, row, node, guard=False),
    )
    return make_plan(request, ACTION.id, f"restart {clean(node.name)}", steps, consequences, (row,))


def _by_one_call(request: Request, site: Restartable) -> Plan:
    """One step: the site's service manager starts the node again by itself."""
    row, node = target(request, "restart")
    if node.run_state is RunState.STOPPED:
        raise UsageError(f"{clean(node.name)} is not running{nodes.detail(node)}", "start it")
    consequences = (
        nodes.budget_sentence(request.snapshot, row, "in between"),
        nodes.leadership_sentence(row),
    )
    steps = (nodes.restart_step(site, row, node, (nodes.loss([(row, node)], "restarting"),)),)
    return make_plan(request, ACTION.id, f"restart {clean(node.name)}", steps, consequences, (row,))


ACTION = Action(
    id="restart-node",
    title="Restart",
    key="r",
    help="Stop etcd on this node gracefully, then start it and wait until its member is healthy",
    scope=Scope.NODE,
    mutating=True,
    offered=nodes.can_start,
    plan=plan,
)
