"""One of several to choose, before anything is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from etcdtui.model.text import clean
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.spans import Line, Span


class ChoicePanel(Panel[int]):
    """A list with a cursor; the answer is the place of the one that was chosen, None for none.

    Args:
        choices: a name and what it is, each.
    """

    BINDINGS = [  # noqa: RUF012
        Binding("j,down,tab", "turn(1)", show=False),
        Binding("k,up,shift+tab", "turn(-1)", show=False),
        Binding("enter", "take", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(clean(title), "jk choose · Enter open it · Esc none of them")
        self._choices = tuple((clean(name, 120), clean(words, 200)) for name, words in choices)
        self._at = 0

    def on_mount(self) -> None:
        """Show them."""
        self._draw()

    def _draw(self) -> None:
        width = max(len(name) for name, _ in self._choices)
        lines: list[Line] = []
        for index, (name, words) in enumerate(self._choices):
            here = index == self._at
            lines.append(
                (
                    Span("▸ " if here else "  ", "warn"),
                    Span(f"{name:<{width}}", "strong" if here else ""),
                    Span(f"  {words}", "" if here else "dim"),
                )
            )
        self.show(lines)
        self.query_one("#panel-scroll").scroll_to(y=max(0, self._at - 3), animate=False)

    def action_turn(self, by: int) -> None:
        """The next one, or the one before."""
        self._at = (self._at + by) % len(self._choices)
        self._draw()

    def action_take(self) -> None:
        """This one."""
        self.dismiss(self._at)
