"""The frame of everything opened over the main screen: from the bottom up, the header stays in sight."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from etcdtui.ui.prose import prose
from etcdtui.ui.spans import Line, Span

T = TypeVar("T")


class Panel(ModalScreen[T]):
    """A titled panel with scrolled text; Esc closes it with None.

    Args:
        title: its heading, harmless text.
        hint: the keys it knows, as a line under the text.
    """

    DEFAULT_CSS = """
    Panel { align: center bottom; background: transparent; }
    Panel #panel { width: 100%; height: auto; max-height: 80%; background: $bar; border-top: heavy $accent; }
    Panel #panel-title { height: 1; padding: 0 1; }
    Panel #panel-scroll { height: auto; max-height: 55vh; padding: 0 1; scrollbar-size: 1 1; }
    Panel #panel-scroll { background: $bar; }
    Panel #panel-text { height: auto; }
    Panel #panel-hint { height: 1; padding: 0 1; color: $tone-dim; }
    Panel.-tall #panel { height: 80%; }
    Panel.-tall #panel-scroll { height: 1fr; max-height: 100%; }
    Panel Input { background: $background; border: none; height: 1; margin: 0 1; padding: 0 1; }
    Panel Input:focus { border: none; }
    """
    BINDINGS = [  # noqa: RUF012
        Binding("escape", "close", "close", show=False),
        Binding("j,down", "line(1)", show=False),
        Binding("k,up", "line(-1)", show=False),
        Binding("ctrl+d,pagedown", "line(10)", show=False),
        Binding("ctrl+u,pageup", "line(-10)", show=False),
        Binding("g,home", "line(-100000)", show=False),
        Binding("G,end", "line(100000)", show=False),
    ]

    def __init__(self, title: str, hint: str = "Esc close") -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._shown: tuple[Line, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, scrolled text, whatever the subclass adds, hint."""
        with Vertical(id="panel"):
            yield Static(prose([(Span(self._title, "title"),)]), id="panel-title")
            with VerticalScroll(id="panel-scroll", can_focus=False):
                yield Static("", id="panel-text", markup=False)
            yield from self.extra()
            yield Static(Content(self._hint), id="panel-hint")

    def extra(self) -> ComposeResult:
        """Further widgets between text and hint."""
        yield from ()

    def show(self, lines: list[Line]) -> None:
        """Show these lines instead of the ones before."""
        if tuple(lines) != self._shown:
            self._shown = tuple(lines)
            self.query_one("#panel-text", Static).update(prose(lines))

    def heading(self, line: Line) -> None:
        """Change the heading."""
        self.query_one("#panel-title", Static).update(prose([line]))

    def hint(self, text: str) -> None:
        """Change the line of keys."""
        self.query_one("#panel-hint", Static).update(Content(text))

    def action_close(self) -> None:
        """Close with nothing."""
        self.dismiss(None)

    def action_line(self, by: int) -> None:
        """Scroll the text."""
        self.query_one("#panel-scroll").scroll_relative(y=by, animate=False, immediate=True)
