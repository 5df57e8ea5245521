"""What can be done to an open cluster: its actions, their plans, the review and the run."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from etcdtui import paths
from etcdtui.config import ChangeLock
from etcdtui.errors import UsageError
from etcdtui.model.cluster import EndpointRow
from etcdtui.model.severity import Severity
from etcdtui.ops import fields, guards, lease, resume, runner
from etcdtui.ops.executors import only_reads
from etcdtui.ops.plan import Check, Outcome, Plan, Result
from etcdtui.ops.registry import Action, Request, actions_for
from etcdtui.ops.resume import Unfinished
from etcdtui.ops.store import PlanStore

if TYPE_CHECKING:
    from etcdtui.runtime.session import Session

_SEVERITY = {
    Outcome.DONE: Severity.OK,
    Outcome.CANCELLED: Severity.WARNING,
    Outcome.REFUSED: Severity.WARNING,
}


class Changes:
    """The acting half of a session.

    Args:
        lock: keeps other consoles from changing the cluster while a plan runs; None for none.
        store: keeps plans while they run and when they are left unfinished; the user's by default.
    """

    def __init__(
        self, session: Session, lock: ChangeLock | None = None, store: PlanStore | None = None
    ) -> None:
        self._session = session
        self._lock = lock
        self._asked = ""
        self._holder = guards.Verdict(Check("change-lock"), True, "")
        self.store = store or PlanStore(paths.plans_dir())

    def actions(self) -> tuple[Action, ...]:
        """What can be done here: the registry's actions that the site offers."""
        return actions_for(self._session.site, self._session.read_only)

    def prepare(
        self, action_id: str, row: EndpointRow | None = None, options: Mapping[str, Any] | None = None
    ) -> Plan:
        """The plan of an action for the latest snapshot. Raises UsageError or GuardRefused.

        Args:
            options: values of the action's fields, as they are or as typed.
        """
        action = self._action(action_id)
        values = fields.values(action, options or {})
        plan = action.plan(self._request(row, values, uuid.uuid4().hex[:12]))
        left = (
            [each for each in self.unfinished() if each.entry.plan.action == action.id]
            if action.goes_on
            else []
        )
        return replace(plan, origin=left[-1].id) if left else plan

    def prompts(
        self, action_id: str, row: EndpointRow | None = None, typed: Mapping[str, str] | None = None
    ) -> tuple[fields.Prompt, ...]:
        """The form of an action; empty when it asks nothing. May block for as long as the site looks."""
        return fields.prompts(self._action(action_id), self._request(row), typed)

    def _request(
        self, row: EndpointRow | None, options: Mapping[str, Any] | None = None, plan_id: str = ""
    ) -> Request:
        return Request(self._session.snapshot(), self._session.site, row, options or {}, plan_id)

    def _action(self, action_id: str) -> Action:
        for action in self.actions():
            if action.id == action_id:
                return action
        session = self._session
        kind = session.site.kind
        why = "this console is read-only" if session.read_only else f"a {kind} site does not offer it"
        raise UsageError(f"{action_id} cannot be done here: {why}")

    def verdicts(self, plan: Plan) -> tuple[guards.Verdict, ...]:
        """What the guards before the first step say of the latest snapshot, those that refuse first.

        With a change lock its verdict is among them; asking for it blocks for at most some seconds.
        """
        found = guards.review(plan, self._session.snapshot())
        if self._lock is None or only_reads(plan.steps):
            return found
        if self._asked != plan.id:
            # Once a plan: a review is drawn again with every snapshot, and asking takes time.
            self._asked, self._holder = plan.id, lease.prospect(self._lock, self._session)
        lock = self._holder
        return tuple(sorted((*found, lock), key=lambda v: (v.ok, not v.warning)))

    def execute(
        self,
        plan: Plan,
        *,
        override: str | None = None,
        progress: Callable[[runner.Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        """Carry out a reviewed plan; blocks until it ended one way or another."""
        session = self._session
        session.note(Severity.OK, f"{plan.title}: begun" + (" (guard overridden)" if override else ""))
        result = runner.run(
            plan,
            session,
            override=override,
            progress=progress,
            cancel=cancel,
            lock=self._lock,
            store=self.store,
        )
        severity = _SEVERITY.get(result.outcome, Severity.CRITICAL)
        session.note(severity, f"{plan.title}: {result.outcome.value}: {result.message}")
        session.poke()
        return result

    # -- what was left unfinished ----------------------------------------------------------

    def unfinished(self) -> tuple[Unfinished, ...]:
        """The plans that were left on this cluster, oldest first."""
        return resume.unfinished(self.store, self._session.snapshot())

    def finish(self, left: Unfinished) -> Plan:
        """A plan for what remains of one. Raises UsageError when nothing does."""
        return resume.finish_plan(left, self._session.snapshot(), uuid.uuid4().hex[:12])

    def undo(self, left: Unfinished) -> Plan:
        """A plan that takes one back. Raises UsageError when nothing can be."""
        return resume.undo_plan(left, self._session.snapshot(), uuid.uuid4().hex[:12])

    def settle(self, left_id: str, how: str) -> Plan:
        """The plan that finishes or undoes the one with that ID.

        Args:
            how: ``finish`` or ``undo``.

        Raises:
            UsageError: it is settled already, or there is nothing to do.
        """
        return (self.finish if how == "finish" else self.undo)(self._left(left_id))

    def put_away(self, left_id: str) -> None:
        """`forget` the one with that ID. Raises UsageError or StoreError."""
        self.forget(self._left(left_id))

    def _left(self, left_id: str) -> Unfinished:
        for left in self.unfinished():
            if left.id == left_id:
                return left
        raise UsageError(f"the plan {left_id} is settled already")

    def forget(self, left: Unfinished) -> None:
        """Put a plan away as it is. Raises StoreError."""
        self.store.retire(left.id)
        self._session.note(Severity.WARNING, f"{left.title}: forgotten, {left.why}")
