"""The review of a plan: what it will do, what that means, what the guards say; nothing runs unasked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Button, Input

from etcdtui.model.text import clean
from etcdtui.ops.plan import Plan
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.ports import VerdictInfo
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.widgets.typed import Typed


class Approval(NamedTuple):
    """The operator's yes."""

    override: str | None = None
    """The cluster's name as typed, to pass a guard that allows it."""
    options: bool = False
    """Not a yes yet: other values are to be given first."""


def review_lines(plan: Plan, verdicts: Sequence[VerdictInfo]) -> list[Line]:
    """The whole plan in words and calls."""
    cluster = clean(plan.cluster_name)
    ids = ", ".join(f"{i:x}" for i in plan.member_ids)
    where = f"cluster {cluster}" + (f" · member {ids}" if ids else "")
    # What stands against it comes first: a long plan may fill the panel.
    against = [_verdict_line(v) for v in verdicts if not v.ok or v.warning]
    consequences: list[Line] = [
        (Span("▸ ", "warn"), Span(clean(text), "" if n else "strong"))
        for n, text in enumerate(plan.consequences)
    ]
    steps: list[Line] = []
    for n, step in enumerate(plan.steps, 1):
        steps.append((Span(f"{n}. ", "dim"), Span(clean(step.title))))
        steps.append((Span("   "), Span(clean(step.call), "learner")))
    passed = [_verdict_line(v) for v in verdicts if v.ok and not v.warning]
    return [(Span(where, "dim"),), *dict.fromkeys(against), *consequences, *steps, *dict.fromkeys(passed)]


def _verdict_line(verdict: VerdictInfo) -> Line:
    if not verdict.ok:
        return (Span("✖ refused: ", "bad"), Span(clean(verdict.reason), "bad"))
    if verdict.warning:
        return (Span("▲ ", "warn"), Span(clean(verdict.reason), "warn"))
    return (Span("✔ ", "ok"), Span(clean(verdict.reason)))


class Review(Panel[Approval]):
    """Shows a plan and asks; the answer is an Approval or None."""

    DEFAULT_CSS = """
    Review #buttons { height: 1; padding: 0 1; }
    Review Button { border: none; height: 1; min-width: 14; margin: 0 2 0 0; background: $background; }
    Review Button:focus { background: $cursor; text-style: bold; border: none; }
    Review #run { color: $warning; text-style: bold; }
    Review #run:disabled { color: $tone-dim; }
    Review #override { display: none; }
    Review.-override #override { display: block; }
    """
    BINDINGS = [  # noqa: RUF012
        Binding("y", "run", "run", show=False),
        Binding("o", "options", "options", show=False),
    ]

    def __init__(self, plan: Plan, verdicts: Sequence[VerdictInfo], *, options: bool = False) -> None:
        super().__init__(f"{clean(plan.title)}?")
        self.plan = plan
        self._options = options
        self._verdicts: tuple[VerdictInfo, ...] = tuple(verdicts)

    def extra(self) -> ComposeResult:
        """Cancel has the focus; a guard that may be overridden brings a field for the cluster's name."""
        yield Typed(id="override", placeholder="the cluster's name", compact=True)
        with Horizontal(id="buttons"):
            yield Button("Cancel (Esc)", id="cancel", compact=True)
            yield Button("Run (y)", id="run", compact=True)

    def on_mount(self) -> None:
        """Show what was given; the careful answer is the default."""
        self.query_one("#override", Input).cursor_blink = False
        self.query_one("#cancel").focus()
        self.show_verdicts(self._verdicts, force=True)

    @property
    def refused(self) -> bool:
        """Whether a guard says no."""
        return any(not v.ok for v in self._verdicts)

    @property
    def overridable(self) -> bool:
        """Whether every guard that says no may be overridden."""
        return self.refused and all(v.overridable for v in self._verdicts if not v.ok)

    @property
    def allowed(self) -> bool:
        """Whether it may run now."""
        typed = self.query_one("#override", Input).value
        return not self.refused or (self.overridable and typed == self.plan.cluster_name)

    def show_verdicts(self, verdicts: Sequence[VerdictInfo], *, force: bool = False) -> None:
        """The guards' newest word: a review may stay open while the cluster changes."""
        if tuple(verdicts) == self._verdicts and not force:
            return
        before, self._verdicts = self.overridable, tuple(verdicts)
        self.show(review_lines(self.plan, verdicts))
        self.set_class(self.overridable, "-override")
        run = self.query_one("#run", Button)
        run.display = not self.refused or self.overridable
        run.label = "Override and run" if self.overridable else "Run (y)"
        if self.overridable:
            name = clean(self.plan.cluster_name)
            self.hint(f"to override, type the cluster's name ({name}) and press Enter · Esc cancel")
            if force or not before:
                self.query_one("#override").focus()
        else:
            hint = "Esc close: this cannot be overridden" if self.refused else "y run · Esc cancel"
            self.hint(f"{hint} · o options" if self._options else hint)
            if before or self.refused:
                self.query_one("#cancel").focus()
        run.disabled = not self.allowed

    def on_input_changed(self) -> None:
        """The button wakes up with the exact name alone."""
        self.query_one("#run", Button).disabled = not self.allowed

    def on_input_submitted(self) -> None:
        """Enter in the field."""
        self.action_run()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Either answer by mouse or Enter."""
        if event.button.id == "run":
            self.action_run()
        else:
            self.action_close()

    def action_options(self) -> None:
        """Back to the form, where the action has one."""
        if self._options:
            self.dismiss(Approval(options=True))

    def action_run(self) -> None:
        """Yes, when nothing stands against it."""
        if self.allowed:
            self.dismiss(Approval(self.plan.cluster_name if self.refused else None))
