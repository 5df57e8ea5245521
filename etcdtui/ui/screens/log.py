"""A node's log: followed, filtered, searched."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ui.logfeed import LogFeed
from etcdtui.ui.moment import EXAMPLES, parse_moment
from etcdtui.ui.prose import prose
from etcdtui.ui.spans import Span
from etcdtui.ui.widgets.logview import LogView
from etcdtui.ui.widgets.typed import Typed

DRAW = 0.2
"""Seconds between two looks at what has come: the pace of the log is not that of the screen."""
HINT = "f filter · / n N search · t time · space follow · Esc close · j k h l"
_PLACEHOLDERS = {
    "filter": "show only lines with these words",
    "search": "search upwards",
    "time": f"from that time on: {EXAMPLES}; nothing: its end",
}


class LogScreen(ModalScreen[None]):
    """Shows a feed until it is closed."""

    DEFAULT_CSS = """
    LogScreen { align: center bottom; background: transparent; }
    LogScreen #log-panel { width: 100%; height: 85%; background: $bar; border-top: heavy $accent; }
    LogScreen #log-title { height: 1; padding: 0 1; }
    LogScreen #log { height: 1fr; padding: 0 1; background: $bar; scrollbar-size: 1 1; }
    LogScreen #log-hint { height: 1; padding: 0 1; color: $tone-dim; }
    LogScreen Input { background: $background; border: none; height: 1; margin: 0 1; padding: 0 1; }
    LogScreen Input:focus { border: none; }
    """
    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "close", show=False),
        Binding("f", "ask('filter')", "filter", show=False),
        Binding("slash", "ask('search')", "search", show=False),
        Binding("t", "ask('time')", "from a time", show=False),
        Binding("p", "other_run", "the run before", show=False),
        Binding("n", "find(True)", show=False),
        Binding("N", "find(False)", show=False),
        Binding("space", "follow", show=False),
        Binding("j,down", "go(1)", show=False),
        Binding("k,up", "go(-1)", show=False),
        Binding("ctrl+d,pagedown", "go(20)", show=False),
        Binding("ctrl+u,pageup", "go(-20)", show=False),
        Binding("g,home", "go(-1000000)", show=False),
        Binding("G,end", "go(1000000)", show=False),
        Binding("l,right", "sideways(20)", show=False),
        Binding("h,left", "sideways(-20)", show=False),
        Binding("q", "close", show=False),
    ]

    def __init__(self, node: str, feed: LogFeed) -> None:
        super().__init__()
        self._node = clean(node, 40)
        self._feed = feed
        self._asking = ""
        self._filter = ""
        self._search = ""

    def compose(self) -> ComposeResult:
        """Title, lines, the field for words, hint."""
        with Vertical(id="log-panel"):
            yield Static("", id="log-title", markup=False)
            yield LogView("log")
            field = Typed(compact=True)
            field.cursor_blink = False
            field.display = False
            yield field
            yield Static(Content(self._keys), id="log-hint")

    @property
    def _keys(self) -> str:
        """The keys that this log knows."""
        if not self._feed.has_previous:
            return HINT
        return f"p {'this run' if self._feed.previous else 'the run before'} · {HINT}"

    def on_mount(self) -> None:
        """Draw what comes."""
        self.query_one(LogView).focus()
        self._title()
        self.set_interval(DRAW, self._draw)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._feed.close()

    def _draw(self) -> None:
        self.query_one(LogView).add(self._feed.take())
        self._title()

    def _title(self) -> None:
        view = self.query_one(LogView)
        shown, kept = view.counts
        words = [f"{shown} of {kept} lines" if self._filter else f"{kept} lines"]
        words += [f"filter: {clean(self._filter, 30)}"] if self._filter else []
        words += [f"from {self._feed.moment}"] if self._feed.moment else []
        if not self._feed.error:
            words += ["following" if view.following else "standing still"]
        name = f"{self._node}, the run before" if self._feed.previous else self._node
        spans = [Span(f"log of {name}  ", "title"), Span(" · ".join(words), "dim")]
        if self._feed.error:
            spans.append(Span(f"  {clean(self._feed.error)}", "bad"))
        self.query_one("#log-title", Static).update(prose([tuple(spans)]))

    def action_ask(self, what: str) -> None:
        """Open the field for a filter or for what is searched."""
        self._asking = what
        field = self.query_one(Input)
        field.placeholder = _PLACEHOLDERS[what]
        field.value = {"filter": self._filter, "search": self._search}.get(what, self._feed.moment)
        field.display = True
        # At once, not with the next message: what is typed on belongs into the field.
        self.set_focus(field)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter counts while it is typed."""
        event.stop()
        if self._asking == "filter":
            self._filter = event.value
            self.query_one(LogView).filter(event.value)
            self._title()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self._shut()
        if self._asking == "search":
            self._search = event.value
            self.action_find(True)
        elif self._asking == "time":
            self._begin(event.value)

    def _begin(self, typed: str) -> None:
        """Show the log from a time on, standing there; its end again when nothing was typed."""
        view = self.query_one(LogView)
        try:
            moment = parse_moment(typed, view.newest) if typed.strip() else ""
        except UsageError as error:
            self._hint(str(error))
            return
        self._feed = self._feed.again(moment)
        view.clear(following=not moment)
        self._hint(self._keys)
        self._title()

    def action_other_run(self) -> None:
        """Show the run before this one, or this one again."""
        if self._feed.has_previous:
            self._feed = self._feed.other_run()
            self.query_one(LogView).clear(following=True)
            self._hint(self._keys)
            self._title()

    def _shut(self) -> None:
        self.set_focus(self.query_one(LogView))
        self.query_one(Input).display = False

    def action_find(self, backwards: bool) -> None:
        """The next line with what is searched."""
        if self._search and not self.query_one(LogView).find(self._search, backwards):
            self._hint(
                f"no line {'above' if backwards else 'below'} has {clean(self._search, 40)} · {self._keys}"
            )
        else:
            self._hint(self._keys)
        self._title()

    def _hint(self, text: str) -> None:
        self.query_one("#log-hint", Static).update(Content(text))

    def action_follow(self) -> None:
        """Stay at the end, or stand still."""
        view = self.query_one(LogView)
        view.follow(not view.following)
        self._title()

    def action_go(self, lines: int) -> None:
        """Scroll."""
        self.query_one(LogView).go(lines)
        self._title()

    def action_sideways(self, cells: int) -> None:
        """Shift the lines."""
        self.query_one(LogView).sideways(cells)

    def action_leave(self) -> None:
        """Close the field, else the log."""
        if self.query_one(Input).display:
            self._shut()
        else:
            self.dismiss(None)

    def action_close(self) -> None:
        """Close the log."""
        self.dismiss(None)
