"""Defragment every member that is worth it, one at a time, the leader last."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.space import MIN_FREE, MIN_SHARE, Rule, defrag_order, space_of, summary
from etcdtui.model.text import clean
from etcdtui.ops import maintenance, rolling
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.plan import Plan


def plan(request: Request) -> Plan:
    """Followers first; leadership moves to a defragmented voter before the leader's turn."""
    snapshot, options = request.snapshot, request.options
    if not snapshot.members_known:
        raise UsageError(
            f"{clean(snapshot.name)}: the member list is not known", clean(snapshot.members_error)
        )
    rule = Rule(_percent(options.get("share")), _bytes(options.get("free")))
    rows = [
        row
        for row in defrag_order(snapshot)
        if row.reading.status is not None and space_of(row.reading.status).worth(rule)
    ]
    if not rows:
        raise UsageError(
            f"{clean(snapshot.name)}: nothing is worth defragmenting by the rule "
            f"({rule.sentence()}): {clean(summary(snapshot))}",
            "lower the share and the bytes",
        )
    pause = options.get("pause")
    steps = maintenance.defrag_steps(snapshot, rows, rolling.HOLD if pause is None else float(pause))
    names = ", ".join(clean(row.name) for row in rows)
    consequences = (*maintenance.blocking(snapshot, rows), f"the rule: {rule.sentence()}")
    return make_plan(
        request,
        ACTION.id,
        f"defragment {names}",
        steps,
        consequences,
        tuple(rows),
        dangerous=len(snapshot.voters) == 1,
    )


def _percent(given: object) -> int:
    share = MIN_SHARE if given is None else int(str(given))
    if not 0 <= share <= 100:
        raise UsageError(f"--share {share}: expected percent, 0 to 100")
    return share


def _bytes(given: object) -> int:
    free = MIN_FREE if given is None else int(str(given))
    if free < 0:
        raise UsageError(f"--free {free}: expected bytes, 0 or more")
    return free


ACTION = Action(
    id="defrag",
    title="Defragment all",
    key="F",
    help="Give back the free space of the members' databases, one at a time, the leader last",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    fields=(
        Field(
            name="share",
            label="Free share from, in percent",
            kind=Kind.INT,
            help="members with less are left as they are",
            default=lambda _request: MIN_SHARE,
        ),
        Field(
            name="free",
            label="Free space from, in bytes",
            kind=Kind.INT,
            help="both must hold",
            default=lambda _request: MIN_FREE,
        ),
        maintenance.PAUSE_FIELD,
    ),
    group="maintenance",
)
