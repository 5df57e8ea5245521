"""Stop every node gracefully, the leader last: the end of quorum, so only with the cluster's name typed."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.cluster import EndpointRow, Node, State
from etcdtui.model.text import clean
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.sites.manager import Collective


def _order(pair: tuple[EndpointRow | None, Node]) -> int:
    """Those without a vote first, the leader last, so that leadership never moves."""
    row = pair[0]
    if row is not None and row.state is State.LEADER:
        return 2
    return 1 if row is not None and row.is_voter else 0


def _one_by_one(
    request: Request, pairs: list[tuple[EndpointRow | None, Node]], gate: Check
) -> tuple[Step, ...]:
    return tuple(
        nodes.stop_step(request.site, row, node, (gate,) if number == 0 else ())
        for number, (row, node) in enumerate(pairs)
    )


def _together(site: Collective, gate: Check) -> Step:
    return Step(
        verb="nodes.stop",
        args={},
        title="stop all nodes",
        call=site.describe_stop_all(),
        guards=(gate,),
        verify=Check("nodes-down"),
        verify_timeout=nodes.ALL_TIMEOUT,
        undo=nodes.start_all_step(site),
    )


def plan(request: Request) -> Plan:
    """A step a node; the guard for all of them stands before the first."""
    snapshot = request.snapshot
    if not snapshot.nodes:
        raise UsageError(f"{clean(snapshot.name)}: no nodes are known", clean(snapshot.site_error))
    pairs = [(nodes.row_of(snapshot, n), n) for n in snapshot.nodes if not nodes.ended(n)]
    if not pairs:
        raise UsageError(f"{clean(snapshot.name)}: no node runs")
    pairs.sort(key=_order)
    gate = nodes.loss(pairs, "stopping")
    together = request.site if isinstance(request.site, Collective) else None
    steps = (_together(together, gate),) if together else _one_by_one(request, pairs, gate)
    consequences = (
        f"the cluster {clean(snapshot.name)} stops serving: no reads, no writes, until a quorum runs again",
        "all of them are stopped by one call"
        if together
        else "the leader is stopped last, so that leadership does not move",
        "data directories stay as they are",
    )
    title = f"stop {', '.join(clean(node.name) for _, node in pairs)}"
    known = tuple(row for row, _ in pairs if row is not None)
    return make_plan(request, ACTION.id, title, steps, consequences, known, dangerous=True)


ACTION = Action(
    id="stop-all",
    title="Stop all",
    key="X",
    help="Stop every node gracefully, the leader last; the cluster's name must be typed",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=nodes.can_start,
    plan=plan,
)
