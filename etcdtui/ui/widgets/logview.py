"""Log lines on the screen: only what is seen is taken apart and drawn, however many lines there are."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from etcdtui.model.logline import read_line, stamp_of
from etcdtui.model.text import clean
from etcdtui.ui.logfeed import RING
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.widgets.lines import strip_of

_SLACK = 2_000
_TONES = {"warn": "warn", "error": "bad", "fatal": "bad", "panic": "bad", "dpanic": "bad", "debug": "dim"}
_MARKS = {"warn": "▲", "error": "✖", "fatal": "✖", "panic": "✖", "dpanic": "✖"}


class LogView(ScrollView, can_focus=True):
    """A list of raw lines, filtered; follows the end until it is scrolled."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._all: list[str] = []
        self._shown: list[str] = []
        self._words: tuple[str, ...] = ()
        self._marked: int | None = None
        self._shift = 0
        self.following = True

    @property
    def counts(self) -> tuple[int, int]:
        """Lines shown, lines kept."""
        return len(self._shown), len(self._all)

    def add(self, lines: Sequence[str]) -> None:
        """Lines at the end; a scrolled view stays on what it shows."""
        if not lines:
            return
        self._all += lines
        self._shown += [line for line in lines if self._passes(line)]
        dropped = _trim(self._shown)
        _trim(self._all)
        if self._marked is not None:
            self._marked = self._marked - dropped if self._marked >= dropped else None
        self._resize()
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        elif dropped:
            self.scroll_to(y=max(0, self.scroll_y - dropped), animate=False, force=True)
        self.refresh()

    def clear(self, *, following: bool) -> None:
        """Forget all lines."""
        self._all, self._shown, self._marked = [], [], None
        self.following = following
        self._resize()
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh()

    @property
    def newest(self) -> str:
        """When the newest line that says so was written; empty when none does."""
        return next((stamp for line in reversed(self._all) if (stamp := stamp_of(line))), "")

    def filter(self, words: str) -> None:
        """Show only the lines with all of these words."""
        self._words = tuple(words.lower().split())
        self._shown = [line for line in self._all if self._passes(line)]
        self._marked = None
        self._resize()
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()

    def find(self, text: str, backwards: bool = True) -> bool:
        """Go to the next line that has the text, upwards unless told; whether there is one."""
        wanted = text.lower()
        start = self._marked
        if start is None:
            start = len(self._shown) if backwards else -1
        order = range(start - 1, -1, -1) if backwards else range(start + 1, len(self._shown))
        for index in order:
            if wanted in self._shown[index].lower():
                self.following = False
                self._marked = index
                self.scroll_to(y=max(0, index - self.size.height // 2), animate=False, force=True)
                self.refresh()
                return True
        return False

    def follow(self, on: bool) -> None:
        """Stay at the end, or where it is."""
        self.following = on
        if on:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def go(self, lines: int) -> None:
        """Scroll; at the end it follows again."""
        target = min(max(0, self.scroll_offset.y + lines), self.max_scroll_y)
        self.following = target >= self.max_scroll_y
        self.scroll_to(y=target, animate=False, force=True)

    def sideways(self, cells: int) -> None:
        """Shift the text."""
        self._shift = max(0, self._shift + cells)
        self.refresh()

    def _passes(self, line: str) -> bool:
        if not self._words:
            return True
        low = line.lower()
        return all(word in low for word in self._words)

    def _resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width or 80, len(self._shown))

    def on_resize(self) -> None:
        """The end stays the end."""
        self._resize()
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """One visible line."""
        index = y + self.scroll_offset.y
        if index >= len(self._shown):
            return strip_of(self, (), self.size.width)
        return strip_of(self, self._line(index), self.size.width)

    def _line(self, index: int) -> Line:
        entry = read_line(self._shown[index])
        tone = "badge" if index == self._marked else _TONES.get(entry.level, "")
        text = clean(entry.text[self._shift : self._shift + 4 * self.size.width])
        clock = f"{clean(entry.time, 12):<12} " if entry.time else ""
        return (Span(clock, "dim"), Span(f"{_MARKS.get(entry.level, ' ')} ", tone), Span(text, tone))


def _trim(lines: list[str]) -> int:
    """Let go of what is beyond the ring, not at every line; how many went."""
    surplus = len(lines) - RING
    if surplus < _SLACK:
        return 0
    del lines[:surplus]
    return surplus
