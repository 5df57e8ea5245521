"""How an action goes: plan in the background, review, run in the background, outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from etcdtui.errors import EtcdtuiError, UsageError
from etcdtui.model.cluster import EndpointRow
from etcdtui.model.text import clean
from etcdtui.ui.background import post, run

if TYPE_CHECKING:
    from textual.app import App

    from etcdtui.ops.plan import Plan, Result
    from etcdtui.ui.modals.progress import ProgressPanel
    from etcdtui.ui.modals.review import Approval, Review
    from etcdtui.ui.ports import ActionInfo, PromptInfo, SessionPort, UnfinishedInfo, VerdictInfo


class ActionFlow:
    """Carries one action at a time from its key to its outcome."""

    def __init__(self, app: App[int], session: SessionPort) -> None:
        self._app = app
        self._session = session
        self._review: Review | None = None
        self._busy = False

    def begin(self, action: ActionInfo, row: EndpointRow | None) -> None:
        """Plan an action for a row (None for the cluster) and show it for review."""
        if self._busy:
            self._say("another action is under way", "warning")
            return
        needs_row = str(action.scope) != "cluster"
        if needs_row and row is None:
            self._say(f"{action.title}: select a row first", "warning")
            return
        self._busy = True
        target = row if needs_row else None
        if any(field.required for field in action.fields):
            self._ask(action, target)
        else:
            self._plan(action, target, {})

    def _ask(
        self,
        action: ActionInfo,
        row: EndpointRow | None,
        typed: Mapping[str, str] | None = None,
        why: str = "",
    ) -> None:
        """Show the action's form, then plan with what was typed."""

        def show(prompts: Sequence[PromptInfo]) -> None:
            from etcdtui.ui.modals.form import Form

            self._app.push_screen(Form(action.title, prompts, why), answered)

        def answered(values: dict[str, str] | None) -> None:
            if values is None:
                self._busy = False
            else:
                self._plan(action, row, values)

        run(self._app, lambda: self._session.prompts(action.id, row, typed), show, self._refused)

    def _plan(self, action: ActionInfo, row: EndpointRow | None, typed: Mapping[str, str]) -> None:
        def failed(error: EtcdtuiError) -> None:
            # What was typed, or left out, can be mended; a guard's refusal cannot.
            if action.fields and isinstance(error, UsageError):
                self._ask(action, row, typed, str(error))
            else:
                self._refused(error)

        def change() -> None:
            self._ask(action, row, typed)

        options = change if action.fields else None
        self._review_plan(lambda: self._session.prepare(action.id, row, typed), failed, options)

    def _review_plan(
        self,
        make: Callable[[], Plan],
        failed: Callable[[EtcdtuiError], None],
        options: Callable[[], None] | None = None,
    ) -> None:
        """Make a plan in the background, ask the guards, and show it for review."""

        def work() -> tuple[Plan, tuple[VerdictInfo, ...]]:
            plan = make()
            return plan, tuple(self._session.verdicts(plan))

        run(self._app, work, lambda made: self._show_review(*made, options), failed, "etcdtui-prepare")

    def settle(self, found: Sequence[UnfinishedInfo]) -> None:
        """Offer to finish, undo or forget what was left; a plan goes on to its review."""
        if self._busy:
            self._say("another action is under way", "warning")
            return
        from etcdtui.ui.screens.unfinished import Decision, UnfinishedScreen

        def decided(decision: Decision | None) -> None:
            if decision is None:
                self._busy = False
            elif decision.how == "forget":
                run(self._app, lambda: self._session.forget(decision.left.id), forgotten, self._refused)
            else:
                left_id, how = decision.left.id, decision.how
                self._review_plan(lambda: self._session.settle(left_id, how), self._refused)

        def forgotten(_: None) -> None:
            self._busy = False
            self._say("forgotten; the audit log keeps what was done")

        self._busy = True
        self._app.push_screen(UnfinishedScreen(found), decided)

    def snapshot_arrived(self) -> None:
        """An open review shows what the guards say of the newest snapshot."""
        if self._review is not None and self._review.is_attached:
            self._review.show_verdicts(tuple(self._session.verdicts(self._review.plan)))

    def _say(self, text: str, severity: str = "information") -> None:
        kind: Any = severity
        self._app.notify(clean(text), severity=kind, markup=False)

    def _refused(self, error: EtcdtuiError) -> None:
        self._busy = False
        self._say(str(error), "warning")

    def _show_review(
        self, plan: Plan, verdicts: tuple[VerdictInfo, ...], options: Callable[[], None] | None
    ) -> None:
        from etcdtui.ui.modals.review import Review

        self._review = Review(plan, verdicts, options=options is not None)
        self._app.push_screen(self._review, lambda answer: self._decided(plan, answer, options))

    def _decided(self, plan: Plan, answer: Approval | None, options: Callable[[], None] | None) -> None:
        self._review = None
        if answer is None:
            self._busy = False
            return
        if answer.options and options is not None:
            options()
            return
        from etcdtui.ops.plan import Outcome, Result
        from etcdtui.ui.modals.progress import ProgressPanel

        cancel = threading.Event()
        panel = ProgressPanel(plan, cancel)
        self._app.push_screen(panel)

        def progress(report: Any) -> None:
            at, note = int(report.step_index), f"{report.phase}: {report.text}"
            done = str(report.phase) == "done"
            post(self._app, lambda: panel.advance(at + done, "" if done else note))

        def work() -> Result:
            return self._session.execute(plan, override=answer.override, progress=progress, cancel=cancel)

        def failed(error: EtcdtuiError) -> None:
            self._finished(panel, Result(plan, Outcome.FAILED, str(error)))

        run(self._app, work, lambda result: self._finished(panel, result), failed, "etcdtui-run")

    def _finished(self, panel: ProgressPanel, result: Result) -> None:
        self._busy = False
        panel.finish(result)
