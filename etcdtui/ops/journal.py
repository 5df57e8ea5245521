"""What the runner writes into the audit log: each line with its plan, step and cluster filled in."""

from __future__ import annotations

import time

from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.ops.audit import Phase, Record, members_of, who
from etcdtui.ops.context import Context
from etcdtui.ops.plan import Outcome, Plan


class Journal:
    """The lines of one run of one plan."""

    def __init__(self, plan: Plan, context: Context) -> None:
        self._plan = plan
        self._context = context
        self._who = who()
        self._began = 0.0

    def write(
        self,
        phase: Phase,
        index: int | None = None,
        *,
        outcome: Outcome | None = None,
        result: str = "",
        before: ClusterSnapshot | None = None,
        after: ClusterSnapshot | None = None,
    ) -> None:
        """Write a line and wait for the disk. Raises AuditError.

        Args:
            index: 0-based step, or None for the plan as a whole.
        """
        now = time.monotonic()
        if phase is Phase.BEGIN:
            self._began = now
        plan = self._plan
        seen = after or before
        self._context.audit.write(
            Record(
                phase=phase,
                profile=self._context.profile,
                site=self._context.site.kind,
                cluster=plan.cluster_name,
                cluster_id=plan.cluster_id
                if plan.cluster_id is not None or seen is None
                else seen.cluster_id,
                plan=plan.id,
                action=plan.action,
                total=len(plan.steps),
                step=0 if index is None else index + 1,
                call=plan.title if index is None else plan.steps[index].call,
                outcome=outcome,
                result=result,
                duration=now - self._began if phase is Phase.END else None,
                members_before=members_of(before),
                members_after=members_of(after),
                who=self._who,
            )
        )
