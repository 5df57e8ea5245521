"""The form of an action: its fields, proposals filled in, checked when it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Label, Static

from etcdtui.model.text import clean
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.ports import PromptInfo
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.widgets.typed import Typed

_SWITCH = ("no", "yes")


class Choice(Typed):
    """A field of a few values; the arrows go through them, and typing finds one."""

    IN_ORDER: ClassVar[Mapping[str, str]] = {
        key: action for key, action in Typed.IN_ORDER.items() if key not in ("left", "right")
    }
    BINDINGS = [  # noqa: RUF012
        Binding("left", "turn(-1)", show=False),
        Binding("right,space", "turn(1)", show=False),
    ]

    def __init__(self, value: str, choices: tuple[str, ...], field_id: str) -> None:
        super().__init__(value, id=field_id, classes="choice", compact=True)
        self._choices = choices

    def action_turn(self, by: int) -> None:
        """The next value, or the one before."""
        at = self._choices.index(self.value) if self.value in self._choices else (-1 if by > 0 else 0)
        self.value = self._choices[(at + by) % len(self._choices)]
        self.cursor_position = len(self.value)


class Form(Panel[dict[str, str]]):
    """Asks for the values of some fields; the answer is what was typed, or None.

    Args:
        title: what the values are for.
        prompts: the fields.
        problem: what was wrong with the values before, shown above them.
    """

    DEFAULT_CSS = """
    Form .field { height: 1; padding: 0 1; }
    Form .field Label { width: 34; }
    Form .field Input { width: 1fr; margin: 0; }
    """
    BINDINGS = [  # noqa: RUF012
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, title: str, prompts: Sequence[PromptInfo], problem: str = "") -> None:
        super().__init__(clean(title), "Enter go on to the review · Tab next field · Esc cancel")
        self._prompts = tuple(prompts)
        self._problem = problem

    def extra(self) -> ComposeResult:
        """One line a field."""
        for index, prompt in enumerate(self._prompts):
            with Horizontal(classes="field"):
                mark = "" if prompt.required or prompt.proposal else " (optional)"
                yield Label(Content(f"{clean(prompt.label, 32)}{mark}"))
                choices = _SWITCH if str(prompt.kind) == "bool" else prompt.choices
                field_id = f"field-{index}"
                if choices:
                    yield Choice(clean(prompt.proposal), choices, field_id)
                else:
                    secret = str(prompt.kind) == "secret"
                    text = prompt.proposal if secret else clean(prompt.proposal)
                    yield Typed(text, id=field_id, password=secret, compact=True)
        yield Static("", id="form-help")

    def on_mount(self) -> None:
        """The first field has the focus, its text selected by typing over it."""
        lines: list[Line] = [(Span(clean(self._problem), "bad"),)] if self._problem else []
        self.show(lines)
        for field in self.query(Input):
            field.cursor_blink = False
        self.query(Input).first().focus()

    def on_descendant_focus(self) -> None:
        """Say what the focused field means."""
        focused = self.focused
        if focused is None or focused.id is None or not focused.id.startswith("field-"):
            return
        prompt = self._prompts[int(focused.id.removeprefix("field-"))]
        arrows = "←→ choose" if isinstance(focused, Choice) else ""
        words = [clean(word) for word in (prompt.help, arrows) if word]
        self.query_one("#form-help", Static).update(Content("  " + " · ".join(words)))

    def on_input_submitted(self) -> None:
        """Enter in any field sends the form."""
        self.dismiss(self.typed())

    def typed(self) -> dict[str, str]:
        """The values as they stand."""
        return {p.name: self.query_one(f"#field-{i}", Input).value for i, p in enumerate(self._prompts)}
