"""What can be done to an open cluster: its actions, their plans, the review and the run."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from etcdtui.errors import UsageError
from etcdtui.model.cluster import EndpointRow
from etcdtui.model.severity import Severity
from etcdtui.ops import guards, runner
from etcdtui.ops.plan import Outcome, Plan, Result
from etcdtui.ops.registry import Action, Request, actions_for

if TYPE_CHECKING:
    from etcdtui.runtime.session import Session

_SEVERITY = {
    Outcome.DONE: Severity.OK,
    Outcome.CANCELLED: Severity.WARNING,
    Outcome.REFUSED: Severity.WARNING,
}


class Changes:
    """The acting half of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def actions(self) -> tuple[Action, ...]:
        """What can be done here: the registry's actions that the site offers."""
        return actions_for(self._session.site, self._session.read_only)

    def prepare(
        self, action_id: str, row: EndpointRow | None = None, options: Mapping[str, Any] | None = None
    ) -> Plan:
        """The plan of an action for the latest snapshot. Raises UsageError or GuardRefused."""
        session = self._session
        for action in self.actions():
            if action.id == action_id:
                plan_id = uuid.uuid4().hex[:12]
                return action.plan(Request(session.snapshot(), session.site, row, options or {}, plan_id))
        kind = session.site.kind
        why = "this console is read-only" if session.read_only else f"a {kind} site does not offer it"
        raise UsageError(f"{action_id} cannot be done here: {why}")

    def verdicts(self, plan: Plan) -> tuple[guards.Verdict, ...]:
        """What the guards before the first step say of the latest snapshot, those that refuse first."""
        return guards.review(plan, self._session.snapshot())

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
        result = runner.run(plan, session, override=override, progress=progress, cancel=cancel)
        severity = _SEVERITY.get(result.outcome, Severity.CRITICAL)
        session.note(severity, f"{plan.title}: {result.outcome.value}: {result.message}")
        session.poke()
        return result
