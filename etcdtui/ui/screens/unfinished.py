"""The changes that were left unfinished on this cluster, each to be finished, undone or forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.binding import Binding

from etcdtui.model.text import clean
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.ports import UnfinishedInfo
from etcdtui.ui.spans import Line, Span

_SIGN = {"done": ("✔ ", "ok"), "begun": ("▶ ", "warn"), "failed": ("✖ ", "bad"), "pending": ("· ", "dim")}


class Decision(NamedTuple):
    """What is to become of one."""

    left: UnfinishedInfo
    how: str
    """``finish``, ``undo`` or ``forget``."""


class UnfinishedScreen(Panel[Decision]):
    """Lists them; the one under the cursor with its steps. The answer is a Decision, or None for later."""

    BINDINGS = [  # noqa: RUF012
        Binding("j,down", "turn(1)", show=False),
        Binding("k,up", "turn(-1)", show=False),
        Binding("f", "decide('finish')", show=False),
        Binding("u", "decide('undo')", show=False),
        Binding("F", "decide('forget')", show=False),
    ]

    def __init__(self, found: Sequence[UnfinishedInfo]) -> None:
        super().__init__("left unfinished", "f finish · u undo · F forget · Esc later")
        self._found = tuple(found)
        self._at = 0

    def on_mount(self) -> None:
        """Show them."""
        if len(self._found) > 1:
            self.hint("jk choose · f finish · u undo · F forget · Esc later")
        self._draw()

    def _draw(self) -> None:
        lines: list[Line] = []
        for index, left in enumerate(self._found):
            here = index == self._at
            when = clean(left.begun[:19].replace("T", " "))
            lines.append(
                (
                    Span("▸ " if here else "  ", "warn"),
                    Span(clean(left.title), "strong"),
                    Span(f"  {when}", "dim"),
                )
            )
            if here:
                lines.append((Span("  "), Span(clean(left.why))))
                for title, state in left.progress:
                    sign, tone = _SIGN[state]
                    lines.append(
                        (Span("  "), Span(sign, tone), Span(clean(title), "dim" if tone == "dim" else ""))
                    )
        self.show(lines)

    def action_turn(self, by: int) -> None:
        """The next one, or the one before."""
        self._at = (self._at + by) % len(self._found)
        self._draw()

    def action_decide(self, how: str) -> None:
        """Finishing and undoing go on to a review."""
        self.dismiss(Decision(self._found[self._at], how))
