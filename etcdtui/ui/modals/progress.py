"""A running plan: its steps ticked off, its outcome in a word; the grid stays in sight above."""

from __future__ import annotations

import threading

from textual.binding import Binding

from etcdtui.model.text import clean
from etcdtui.ops.plan import Outcome, Plan, Result
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.spans import Line, Span

TONE = {
    Outcome.DONE: "ok",
    Outcome.FAILED: "bad",
    Outcome.UNKNOWN: "bad",
    Outcome.REFUSED: "warn",
    Outcome.CANCELLED: "warn",
}


class ProgressPanel(Panel[None]):
    """Steps of a plan while it runs. `c` cancels between two steps; Esc closes it once it has ended."""

    BINDINGS = [  # noqa: RUF012
        Binding("c", "cancel_run", "cancel", show=False),
        Binding("enter", "close", "close", show=False),
    ]

    def __init__(self, plan: Plan, cancel: threading.Event) -> None:
        super().__init__(f"{clean(plan.title)}: running", "c cancel before the next step")
        self.plan = plan
        self._cancel = cancel
        self._at = 0
        self._note = ""
        self.result: Result | None = None

    def on_mount(self) -> None:
        """Show the steps."""
        self._draw()

    def advance(self, at: int, note: str = "") -> None:
        """Step number `at` (from 0) is under way.

        Args:
            note: what it is doing, harmless or not.
        """
        self._at, self._note = at, clean(note)
        self._draw()

    def finish(self, result: Result) -> None:
        """It has ended."""
        self.result = result
        word = result.outcome.value.upper()
        self.heading((Span(f"{clean(self.plan.title)}: "), Span(word, TONE[result.outcome])))
        self.hint("Esc close")
        self._draw()

    def _draw(self) -> None:
        lines: list[Line] = []
        done = self.result.steps_done if self.result else self._at
        for n, step in enumerate(self.plan.steps):
            title = Span(clean(step.title))
            if n < done:
                lines.append((Span("✔ ", "ok"), title))
            elif n == done and self.result is None:
                note = Span(f" {self._note}", "dim") if self._note else Span("")
                lines.append((Span("▶ ", "leader"), title, note))
            elif n == done and self.result and self.result.outcome in (Outcome.FAILED, Outcome.UNKNOWN):
                lines.append((Span("✖ ", "bad"), title))
            else:
                lines.append((Span("· ", "dim"), Span(title.text, "dim")))
        if self.result is not None:
            lines.append((Span(clean(self.result.message), TONE[self.result.outcome]),))
        self.show(lines)

    def action_cancel_run(self) -> None:
        """Stop before the next step."""
        if self.result is None:
            self._cancel.set()
            self.hint("cancelled: the step under way is finished first")

    def action_close(self) -> None:
        """Only once it has ended: what runs is not to be lost sight of."""
        if self.result is not None:
            self.dismiss(None)
        else:
            self.hint("still running · c cancel before the next step")
