"""Start every node that does not run, then wait until the whole cluster is healthy."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.sites.manager import Collective


def plan(request: Request) -> Plan:
    """A step a node, none waiting for health: the first of three cannot be healthy alone."""
    snapshot = request.snapshot
    if not snapshot.nodes:
        raise UsageError(f"{clean(snapshot.name)}: no nodes are known", clean(snapshot.site_error))
    # A node that belongs to no member any more would come back as a removed one.
    strangers = (
        {r.node.name for r in snapshot.rows if r.node and not r.member} if snapshot.members_known else ()
    )
    down = [node for node in snapshot.nodes if not nodes.runs(node) and node.name not in strangers]
    if not down:
        raise UsageError(f"{clean(snapshot.name)}: every node runs already")
    if isinstance(request.site, Collective):
        step = nodes.start_all_step(request.site)
        said = (nodes.start_sentence(snapshot, down),)
        return make_plan(request, ACTION.id, step.title, (step,), said, ())
    rows = [nodes.row_of(snapshot, node) for node in down]
    starts = tuple(
        nodes.start_step(request.site, row, node, wait=False, guard=False)
        for row, node in zip(rows, down, strict=True)
    )
    wait = Step(
        verb="wait",
        args={},
        title="wait until every member is healthy",
        call="Maintenance.Status of every endpoint, until all agree on one leader",
        verify=Check("cluster-healthy"),
        verify_timeout=nodes.START_TIMEOUT,
    )
    consequences = (
        nodes.start_sentence(snapshot, down),
        "nodes are started one after the other without waiting, for none is healthy before a quorum runs",
    )
    title = f"start {', '.join(clean(node.name) for node in down)}"
    known = tuple(row for row in rows if row is not None)
    return make_plan(request, ACTION.id, title, (*starts, wait), consequences, known)


ACTION = Action(
    id="start-all",
    title="Start all",
    key="A",
    help="Start every node that does not run and wait until the cluster is healthy",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=nodes.can_start,
    plan=plan,
)
