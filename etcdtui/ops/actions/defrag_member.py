"""Defragment the member under the cursor, whatever it has free."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops import maintenance, rolling
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.plan import Plan


def plan(request: Request) -> Plan:
    """One member; if it leads, its leadership moves first."""
    row, snapshot = request.row, request.snapshot
    if row is None or row.member_id is None:
        raise UsageError("defragmenting needs a member", "select or name one")
    name = clean(row.name)
    if not row.reading.answered:
        raise UsageError(f"{name} does not answer: {clean(row.reading.reason)}", "start it first")
    if not row.is_voter:
        raise UsageError(f"{name} is a learner: etcd defragments none", "promote it first")
    pause = request.options.get("pause")
    steps = maintenance.defrag_steps(snapshot, [row], rolling.HOLD if pause is None else float(pause))
    return make_plan(
        request,
        ACTION.id,
        f"defragment {name}",
        steps,
        maintenance.blocking(snapshot, [row]),
        (row,),
        dangerous=len(snapshot.voters) == 1,
    )


ACTION = Action(
    id="defrag-member",
    title="Defragment",
    key="d",
    help="Give back the free space of this member's database; it is blocked meanwhile",
    scope=Scope.NODE,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    fields=(maintenance.PAUSE_FIELD,),
    group="maintenance",
)
