"""The way out of NOSPACE in one plan: compact, defragment every member, disarm the alarm, prove a write."""

from __future__ import annotations

from dataclasses import replace

from etcdtui.errors import UsageError
from etcdtui.model.space import defrag_order, summary
from etcdtui.model.text import clean
from etcdtui.ops import maintenance, rolling
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.plan import Check, Plan

HOLD = 1.0
"""Seconds for which no member raises the alarm again after the write; each judges its own file."""


def plan(request: Request) -> Plan:
    """While the alarm is raised etcd takes no writes, so the revision stands still and the history can go."""
    snapshot, options = request.snapshot, request.options
    name = clean(snapshot.name)
    if not any(alarm.kind == "NOSPACE" for alarm in snapshot.alarms or ()):
        unknown = "the alarms are not known" if snapshot.alarms is None else "no NOSPACE alarm is raised"
        raise UsageError(f"{name}: {unknown}", "compact and defrag do the same without an alarm")
    rows = defrag_order(snapshot)
    now, keep = maintenance.current_revision(snapshot), int(options.get("keep") or 0)
    if now - keep < 1 or not rows:
        raise UsageError(f"{name}: at revision {now} there is no history to drop beside the last {keep}")
    pause, quota = options.get("pause"), options.get("quota")
    compact = maintenance.compact_step(now - keep, physical=True, or_older=True)
    if len(snapshot.voters) == 1:
        # What would be refused later is said before anything is done.
        alone = Check("defrag-target", {"member": rows[0].member_id})
        compact = replace(compact, guards=(*compact.guards, alone))
    steps = (
        compact,
        *maintenance.defrag_steps(snapshot, rows, rolling.HOLD if pause is None else float(pause)),
        maintenance.disarm_step("NOSPACE", quota),
        maintenance.prove_step(request.plan_id),
        maintenance.quiet_step("NOSPACE", HOLD),
    )
    consequences = (
        f"the history before revision {now - keep} goes; every key keeps its value",
        "watches and reads of older revisions are refused (mvcc: required revision has been compacted)",
        *maintenance.blocking(snapshot, rows),
        f"{clean(summary(snapshot, quota))}; if the keys themselves fill the quota, the last step says so",
    )
    return make_plan(
        request, ACTION.id, f"free the space of {name}", steps, consequences, rows, dangerous=len(rows) == 1
    )


ACTION = Action(
    id="free-space",
    title="Free space (NOSPACE)",
    key="N",
    help="End a NOSPACE: compact, defragment every member, disarm the alarm, prove a write",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    fields=(
        Field(
            name="keep",
            label="Keep the last revisions",
            kind=Kind.INT,
            help="0 frees the most",
            default=lambda _request: 0,
        ),
        maintenance.PAUSE_FIELD,
        maintenance.QUOTA_FIELD,
    ),
    group="maintenance",
)
