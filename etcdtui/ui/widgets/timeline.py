"""The timeline: what happened, the newest first, at a scroll position that stays."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from textwrap import wrap

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from etcdtui.model.events import Event
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.widgets.lines import strip_of

GLYPH = {
    Severity.OK: Span("● ", "ok"),
    Severity.WARNING: Span("▲ ", "warn"),
    Severity.CRITICAL: Span("✖ ", "bad"),
}
"""Sign and colour of a severity."""
KEPT = 1000
"""Events that are kept on screen; the audit log keeps more."""
LATE = 30
"""Seconds that an event may be told late, as Kubernetes' are; more is a clock that was put back."""
_INDENT = len(" 00:00:00 ● ")


def event_lines(event: Event, width: int) -> list[Line]:
    """One event as lines: local time, sign, text; continued lines are indented."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.wall_time))
    text = clean(event.text)
    pieces = wrap(text, max(20, width - _INDENT)) or [""]
    tone = "strong" if event.severity is Severity.CRITICAL else ""
    first: Line = (Span(f" {clock} ", "dim"), GLYPH[event.severity], Span(pieces[0], tone))
    return [first, *((Span(" " * _INDENT), Span(piece, tone)) for piece in pieces[1:])]


def place_of(event: Event, events: Sequence[Event]) -> int:
    """Where an event belongs among others, oldest first: what is told late stands where it happened."""
    place = len(events)
    while place and 0 < int(events[place - 1].wall_time) - int(event.wall_time) <= LATE:
        place -= 1
    return place


class Timeline(ScrollView, can_focus=True):
    """A list of events."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._events: list[Event] = []
        self._lines: list[Line] = []

    def add(self, events: Iterable[Event]) -> None:
        """Put events on top, oldest first, or where they happened; a scrolled view stays where it was."""
        before = len(self._lines)
        for event in events:
            place, room = place_of(event, self._events), self._room()
            above = sum(len(event_lines(later, room)) for later in self._events[place:])
            self._events.insert(place, event)
            self._lines[above:above] = event_lines(event, room)
        if len(self._events) > KEPT:
            del self._events[: len(self._events) - KEPT]
        grown = len(self._lines) - before
        if not grown:
            return
        self._resize()
        if self.scroll_y > 0:
            self.scroll_to(y=self.scroll_y + grown, animate=False, force=True)
        self.refresh()

    def go(self, where: str) -> None:
        """Scroll as vim's keys say."""
        half = max(1, self.size.height // 2)
        steps = {"down": 1, "up": -1, "page_down": half, "page_up": -half}
        if where in steps:
            self.scroll_relative(y=steps[where], animate=False)
        elif where in ("top", "bottom"):
            self.scroll_to(y=0 if where == "top" else self.max_scroll_y, animate=False)

    def _room(self) -> int:
        return self.scrollable_content_region.width or 80

    def _resize(self) -> None:
        self.virtual_size = Size(self._room(), len(self._lines))

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._lines = [line for event in reversed(self._events) for line in event_lines(event, self._room())]
        self._resize()

    def render_line(self, y: int) -> Strip:
        """One visible line."""
        index = y + self.scroll_offset.y
        if index < len(self._lines):
            return strip_of(self, self._lines[index], self.size.width)
        if y == 0 and not self._lines:
            return strip_of(self, (Span(" nothing has happened yet", "dim"),), self.size.width)
        return strip_of(self, (), self.size.width)
