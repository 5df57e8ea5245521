"""What the runner writes down: the audit log's lines, and how far the stored plan has come."""

from __future__ import annotations

import time
from dataclasses import replace

from etcdtui.errors import AuditError
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.ops.audit import Phase, Record, members_of, who
from etcdtui.ops.context import Context
from etcdtui.ops.plan import Outcome, Plan, Result
from etcdtui.ops.resume import done_before
from etcdtui.ops.store import Keeper, Mark, PlanStore


class Journal:
    """The lines of one run of one plan.

    Args:
        store: where the plan is kept from its first step to its end; None for nowhere.
    """

    def __init__(self, plan: Plan, context: Context, store: PlanStore | None = None) -> None:
        self._store = store
        self._keeper: Keeper | None = None
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
        if index is not None:
            self._keep(phase, index, outcome, result)
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
                origin=plan.origin,
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

    def end(self, result: Result) -> Result:
        """Put the stored plan away, or leave it for the next launch; the result, with what went wrong."""
        store, plan = self._store, self._plan
        try:
            if self._keeper is not None:
                self._keeper.end(result.outcome, result.message)
            elif store is not None and plan.origin and result.outcome is Outcome.DONE:
                store.retire(plan.origin)
        except AuditError as error:
            return replace(result, message=f"{result.message}; and {error}")
        return result

    def _keep(self, phase: Phase, index: int, outcome: Outcome | None, result: str) -> None:
        """The step's mark in the plan's file, before its line in the audit log. Raises StoreError."""
        if self._store is None:
            return
        if phase is Phase.BEGIN:
            if self._keeper is None:
                before = done_before(self._store, self._plan)
                site = self._context.site.kind
                self._keeper = self._store.begin(self._plan, self._context.profile, site, before)
            self._keeper.mark(index, Mark.BEGUN)
        elif phase is Phase.END and self._keeper is not None:
            # An unknown outcome stays begun: what became of it has to be looked up in the cluster.
            marks = {Outcome.DONE: Mark.DONE, Outcome.UNKNOWN: Mark.BEGUN}
            self._keeper.mark(index, marks.get(outcome or Outcome.FAILED, Mark.FAILED), result)
