"""Carrying out a plan: guards on a fresh snapshot, one step after the other, each verified and written down.

Nothing is done before the audit log has taken the line that announces it. A step that may have
happened is never sent again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from etcdtui.config import ChangeLock
from etcdtui.errors import AuditError, DeadlineExceeded, EtcdtuiError, GuardRefused, OutcomeUnknown, PlanStale
from etcdtui.model.cluster import ClusterSnapshot, State
from etcdtui.model.text import clean
from etcdtui.ops import guards, verify
from etcdtui.ops.audit import Phase as Line
from etcdtui.ops.context import Context
from etcdtui.ops.exclusive import sole_change
from etcdtui.ops.executors import EXECUTORS, Executor, execute, heard, only_reads
from etcdtui.ops.journal import Journal
from etcdtui.ops.lease import Hold, held
from etcdtui.ops.plan import Check, Outcome, Plan, Result, Step
from etcdtui.ops.store import PlanStore

FRESH = 6.0
"""Seconds that reading everything afresh may take."""
PAUSE = 0.1
"""Seconds between two looks of a verification."""
PATIENCE = 8.0
"""Seconds for which a guard may refuse while a node runs and is only silent: it may be busy."""
MIDWAY = 30.0
"""The same in the middle of a plan: rather late than left half done."""


class Phase(StrEnum):
    """Where a step is."""

    GUARD = "guard"
    RUN = "run"
    VERIFY = "verify"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """One report to whoever watches."""

    step_index: int
    """0-based."""
    total: int
    phase: Phase
    text: str


class _Ended(Exception):
    """Ends the run from within a step."""

    def __init__(self, outcome: Outcome, message: str, overridable: bool = False) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.overridable = overridable


def run(
    plan: Plan,
    context: Context,
    *,
    override: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    executors: Mapping[str, Executor] = EXECUTORS,
    lock: ChangeLock | None = None,
    store: PlanStore | None = None,
) -> Result:
    """Carry out a reviewed plan; blocks until it has ended one way or another.

    Cancelling is honoured between steps. A cancel during a verification ends it with UNKNOWN: the
    step was carried out, and its effect was not seen.

    Args:
        override: the cluster's name as typed; lets overridable guards pass, and is written down.
        executors: the verbs that can be carried out.
        lock: keeps other consoles from changing the cluster meanwhile; None for no lock.
        store: keeps the plan while it runs and when it was left unfinished; None for nowhere.

    Raises:
        PlanStale: another cluster answers or a member is gone, and nothing was done.
        AuditError: the audit log cannot be written, and nothing was done.
    """
    for step in plan.steps:
        if step.verb not in executors:
            return Result(plan, Outcome.REFUSED, f"this version knows no step {step.verb!r}")
    try:
        with sole_change(plan):
            journal = Journal(plan, context, store)
            stop = cancel or threading.Event()
            run = _Run(plan, context, journal, override, progress, stop, executors)
            return journal.end(run.all(None if only_reads(plan.steps) else lock))
    except GuardRefused as error:
        return Result(plan, Outcome.REFUSED, str(error))


class _Run:
    """One run of one plan."""

    def __init__(
        self,
        plan: Plan,
        context: Context,
        journal: Journal,
        override: str | None,
        progress: Callable[[Progress], None] | None,
        cancel: threading.Event,
        executors: Mapping[str, Executor],
    ) -> None:
        self.plan = plan
        self.context = context
        self.override = override
        self.progress = progress
        self.cancel = cancel
        self.executors = executors
        self._journal = journal
        self._hold: Hold | None = None
        self.index = 0
        self.snapshot = context.snapshot()

    def all(self, lock: ChangeLock | None) -> Result:
        """Every step, until one ends the run."""
        message = "there was nothing to do"
        try:
            self._check_override()
            self._journal.write(Line.PLAN, before=self.snapshot)
            with held(lock, self.plan, self.context, self._note_lock) as self._hold:
                for index, step in enumerate(self.plan.steps):
                    self.index = index
                    message = self._step(step)
        except GuardRefused as error:
            self._journal.write(Line.REFUSED, result=str(error))
            return Result(self.plan, Outcome.REFUSED, str(error))
        except _Ended as end:
            message = end.message
            if self.index and end.outcome is not Outcome.DONE:
                message += self._left_behind()
            return Result(self.plan, end.outcome, message, self.index, end.overridable)
        except AuditError as error:
            # Before anything was done the error itself says all; afterwards what was done counts.
            if not self.index:
                raise
            text = f"stopped before step {self.index + 1} of {len(self.plan.steps)}: {error}"
            return Result(self.plan, Outcome.FAILED, text + self._left_behind(), self.index)
        return Result(self.plan, Outcome.DONE, message, len(self.plan.steps))

    def _note_lock(self, text: str) -> None:
        self._journal.write(Line.LOCK, result=text)

    def _check_override(self) -> None:
        if self.override is not None and (not self.override or self.override != self.plan.cluster_name):
            text = f"the name typed is not the cluster's: type {clean(self.plan.cluster_name)!r}"
            self._journal.write(Line.REFUSED, result=text)
            raise _Ended(Outcome.REFUSED, text, overridable=True)

    # -- one step --------------------------------------------------------------------------

    def _step(self, step: Step) -> str:
        self._check_cancel(step)
        self._guard(step)
        self._check_cancel(step)
        before = self.snapshot
        self._journal.write(Line.BEGIN, self.index, before=before)
        outcome, text = self._carry_out(step)
        try:
            self._journal.write(
                Line.END, self.index, outcome=outcome, result=text, before=before, after=self.snapshot
            )
        except AuditError as error:
            # The step is over and must not look as if it had never begun.
            outcome = outcome if outcome is not Outcome.DONE else Outcome.FAILED
            raise _Ended(outcome, f"{text}; then {error}") from error
        if outcome is not Outcome.DONE:
            raise _Ended(outcome, text)
        self._report(Phase.DONE, text)
        return text

    def _check_cancel(self, step: Step) -> None:
        if self.cancel.is_set():
            text = f"cancelled before step {self.index + 1} of {len(self.plan.steps)}: {step.title}"
            self._journal.write(Line.CANCELLED, self.index, result=text)
            raise _Ended(Outcome.CANCELLED, text)

    def _guard(self, step: Step) -> None:
        """Look until the guards let the step pass, or refuse it for good."""
        deadline = time.monotonic() + (MIDWAY if self.index else PATIENCE)
        self._report(Phase.GUARD, "reading the cluster afresh")
        while refused := self._refused(step):
            patient = self.override is None and guards.may_pass(self.snapshot)
            if not patient or time.monotonic() >= deadline:
                self._refuse_or_override(step, refused)
                return
            if self.cancel.wait(PAUSE):
                return
            self._report(Phase.GUARD, f"looking again: {refused[0].reason}")

    def _refused(self, step: Step) -> list[guards.Verdict]:
        """What the guards of a step have against it on a fresh snapshot; what binds the plan ends it."""
        try:
            self.snapshot = self._fresh()
        except EtcdtuiError as error:
            self._refuse(step, f"the cluster could not be read: {error}")
        for check in guards.bindings(self.plan, self.index):
            verdict = guards.evaluate(check, self.snapshot)
            if not verdict.ok and not self.index:
                self._journal.write(Line.REFUSED, self.index, result=verdict.reason)
                raise PlanStale(verdict.reason, "look again and make a new plan")
            if not verdict.ok:
                self._refuse(step, verdict.reason)
        if self._hold is not None and (lost := self._hold.check(self.snapshot)):
            self._refuse(step, lost)
        return [v for c in step.guards if not (v := guards.evaluate(c, self.snapshot)).ok]

    def _refuse_or_override(self, step: Step, refused: list[guards.Verdict]) -> None:
        """The refusal, unless the operator has typed the cluster's name against it."""
        reasons = "; ".join(v.reason for v in refused)
        overridable = all(v.overridable for v in refused)
        if self.override is None or not overridable:
            self._refuse(step, reasons, overridable)
        self._journal.write(
            Line.OVERRIDE,
            self.index,
            result=f"{self.override!r} was typed against: {reasons}",
            before=self.snapshot,
        )

    def _refuse(self, step: Step, reason: str, overridable: bool = False) -> None:
        self._journal.write(Line.REFUSED, self.index, result=reason, before=self.snapshot)
        if not self.index:
            raise _Ended(Outcome.REFUSED, reason, overridable)
        text = f"stopped before step {self.index + 1} of {len(self.plan.steps)} ({step.title}): {reason}"
        raise _Ended(Outcome.FAILED, text)

    def _carry_out(self, step: Step) -> tuple[Outcome, str]:
        """The call and its verification; how the step ended, in words."""
        self._report(Phase.RUN, step.call)
        try:
            with heard(lambda text: self._report(Phase.RUN, text)):
                did = clean(execute(step, self.context, self.executors))
        except (OutcomeUnknown, DeadlineExceeded) as error:
            text = f"{step.title}: sent, and its result was never seen: {clean(str(error))}"
            return Outcome.UNKNOWN, f"{text}; look before doing it again"
        except EtcdtuiError as error:
            return Outcome.FAILED, f"{step.title}: {clean(str(error))}{self._state_of(step)}"
        if step.verify is None:
            return Outcome.DONE, did
        return self._await(step, step.verify, did)

    def _await(self, step: Step, check: Check, did: str) -> tuple[Outcome, str]:
        deadline = time.monotonic() + step.verify_timeout
        look = verify.Look(False, "not looked yet")
        kind, since = (False, False), time.monotonic()
        while True:
            try:
                self.snapshot = self._fresh()
                look = verify.look(check, self.snapshot)
            except EtcdtuiError as error:
                look = verify.Look(False, f"the cluster could not be read: {clean(str(error))}")
            now = time.monotonic()
            if (look.done, look.lost) != kind:
                kind, since = (look.done, look.lost), now
            self._report(Phase.VERIFY, look.text)
            if look.done and now - since >= look.hold:
                return Outcome.DONE, f"{did}; {look.text}"
            if look.lost and now - since >= look.hold:
                return Outcome.FAILED, f"{step.title}: {did}, but {look.text}"
            if now >= deadline:
                waited = f"{step.verify_timeout:g} s later"
                return Outcome.FAILED, f"{step.title}: {did}, but {waited}: {look.text}"
            if self.cancel.wait(min(PAUSE, max(0.0, deadline - now))):
                return (
                    Outcome.UNKNOWN,
                    f"{step.title}: {did}; cancelled before its effect was seen: {look.text}",
                )

    # -- helpers ---------------------------------------------------------------------------

    def _fresh(self) -> ClusterSnapshot:
        """A snapshot in which nothing older than this call passes for an answer."""
        asked = time.monotonic()
        snapshot = self.context.fresh(FRESH)
        rows = tuple(
            replace(row, reading=replace(row.reading, outcome=State.UNKNOWN, reason="not read again in time"))
            if row.reading.answered and row.reading.read_at is not None and row.reading.read_at < asked
            else row
            for row in snapshot.rows
        )
        return replace(snapshot, rows=rows)

    def _state_of(self, step: Step) -> str:
        """What state the step's node is left in, for a message of failure."""
        name = step.args.get("node")
        try:
            self.snapshot = self._fresh()
        except EtcdtuiError:
            return "; what state it is left in could not be read"
        node = next((n for n in self.snapshot.nodes if n.name == name), None)
        if node is None:
            return ""
        detail = f" ({clean(node.detail)})" if node.detail else ""
        return f"; {clean(node.name)} is {node.run_state} now{detail}"

    def _left_behind(self) -> str:
        """What the steps before this one have done, and what would take it back."""
        done = self.plan.steps[: self.index]
        text = f"; done before: {', '.join(step.title for step in done)}"
        undo = [step.undo.title for step in reversed(done) if step.undo is not None]
        return f"{text}; to take it back: {', '.join(undo)}" if undo else text

    def _report(self, phase: Phase, text: str) -> None:
        if self.progress is not None:
            self.progress(Progress(self.index, len(self.plan.steps), phase, text))
