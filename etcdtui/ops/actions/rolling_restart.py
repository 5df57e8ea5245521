"""Restart every node, one at a time, with the cluster healthy in between."""

from __future__ import annotations

from etcdtui.model.text import clean
from etcdtui.ops import rolling
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Plan

PAUSE_FIELD = Field(
    name="pause",
    label="Healthy between two nodes for",
    kind=Kind.DURATION,
    help="seconds without a break; etcd asks for 5 at least",
    default=lambda _request: rolling.HOLD,
)


def plan(request: Request) -> Plan:
    """Broken nodes first, then learners, followers, the leader; a step that fails ends it."""
    hold = float(request.options.get("pause") or rolling.HOLD)
    roll = rolling.in_order(request.snapshot, hold)
    consequences = (
        *rolling.order_sentences(roll),
        "a step that fails ends the plan: the others are not touched, and starting the node is the way back",
    )
    return make_plan(
        request,
        ACTION.id,
        f"restart {', '.join(clean(node.name) for _, node in roll.pairs)}, one at a time",
        rolling.steps(request.site, roll),
        consequences,
        tuple(row for row, _ in roll.pairs),
        dangerous=roll.heir is None,
    )


ACTION = Action(
    id="rolling-restart",
    title="Rolling restart",
    key="O",
    help="Restart every node, one at a time, the leader last, with a healthy cluster in between",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=nodes.can_start,
    plan=plan,
    fields=(PAUSE_FIELD,),
    group="rolling",
)
