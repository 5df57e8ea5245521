"""A table that repaints single cells and whose cursor stays on its row, whatever the rows do.

Textual's DataTable was measured and left: `update_cell` repaints the whole widget (2.6 kB a tick), its
cursor is a coordinate that ends up on another member when rows come and go, and two of them make a
tenth of the time to the first frame. What is needed here is small: fixed widths, one cursor, keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from etcdtui.model.delta import Cell, Sheet, changed_cells
from etcdtui.ui.fit import Slot, title_lines
from etcdtui.ui.spans import cut
from etcdtui.ui.tones import Variables, tone_style, variables_of


def aligned(text: str, slot: Slot) -> str:
    """Text cut and padded to a column's width and the gap after it."""
    text = cut(text, slot.width)
    room = " " * (slot.width - cell_len(text))
    return (room + text if slot.right else text + room) + " " * slot.gap


class Grid(ScrollView, can_focus=True):
    """A table fed with whole sheets, see `show`. The cursor is a row key, not a place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "go('down')", show=False),
        Binding("up", "go('up')", show=False),
        Binding("left", "go('left')", show=False),
        Binding("right", "go('right')", show=False),
        Binding("pagedown", "go('page_down')", show=False),
        Binding("pageup", "go('page_up')", show=False),
        Binding("home", "go('top')", show=False),
        Binding("end", "go('bottom')", show=False),
    ]

    class Highlighted(Message):
        """The cursor is on another row."""

        def __init__(self, grid: Grid) -> None:
            super().__init__()
            self.grid = grid

    class Selected(Message):
        """The row under the cursor was clicked."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._slots: tuple[Slot, ...] = ()
        self._sheet = Sheet()
        self._cursor: str | None = None
        self._titles: list[list[str]] = []
        self.fixed = 0
        """Columns at the left that do not scroll sideways."""

    # -- what is in it ---------------------------------------------------------------------

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The columns that are shown."""
        return self._slots

    @property
    def keys(self) -> tuple[str, ...]:
        """The row keys in their order."""
        return self._sheet.keys

    @property
    def selected_key(self) -> str | None:
        """Key of the row under the cursor, None for an empty table."""
        return self._cursor

    @property
    def header_height(self) -> int:
        """Lines the titles take."""
        return max((len(lines) for lines in self._titles), default=1)

    @property
    def line_count(self) -> int:
        """Lines needed to show everything without scrolling."""
        return self.header_height + len(self._sheet.rows)

    def show(self, slots: Sequence[Slot], sheet: Sheet, follow: str | None = None) -> None:
        """Draw a sheet; only changed cells are repainted while rows and columns stay.

        Args:
            sheet: its columns are exactly those of `slots`.
            follow: key the cursor shall be on when its row came back under another key.
        """
        slots = tuple(slots)
        changes = changed_cells(self._sheet, sheet) if slots == self._slots else None
        if changes is not None:
            self._sheet = sheet
            for change in changes:
                self._refresh_cell(change.key, change.column)
            return
        before = self.keys
        self._slots, self._sheet = slots, sheet
        self._titles = [title_lines(s.title, s.width) for s in slots]
        self._keep_cursor(before, follow)
        self.virtual_size = Size(sum(s.width + s.gap for s in slots), self.line_count)
        self.refresh()

    def _keep_cursor(self, before: Sequence[str], follow: str | None) -> None:
        keys = self.keys
        if follow in keys:
            self._cursor = follow
        elif self._cursor not in keys:
            # Its row is gone: the neighbour that took its place.
            index = before.index(self._cursor) if self._cursor in before else 0
            self._cursor = keys[min(index, len(keys) - 1)] if keys else None

    def _refresh_cell(self, key: str, column: str) -> None:
        x = 0
        for index, slot in enumerate(self._slots):
            if slot.key == column:
                x -= self.scroll_offset.x if index >= self.fixed else 0
                self.refresh(Region(x, self._line_of(key), slot.width, 1).intersection(self.size.region))
                return
            x += slot.width + slot.gap

    def _line_of(self, key: str) -> int:
        return self.header_height + self.keys.index(key) - self.scroll_offset.y

    # -- moving ----------------------------------------------------------------------------

    def move_to(self, key: str) -> None:
        """Put the cursor on a row."""
        if key == self._cursor or key not in self.keys:
            return
        old, self._cursor = self._cursor, key
        index, page = self.keys.index(key), max(1, self.size.height - self.header_height)
        top = self.scroll_offset.y
        if not top <= index < top + page:
            self.scroll_to(y=index if index < top else index - page + 1, animate=False)
        for one in (old, key):
            if one in self.keys:
                line = Region(0, self._line_of(one), self.size.width, 1)
                self.refresh(line.intersection(self.size.region))
        self.post_message(self.Highlighted(self))

    def go(self, where: str) -> None:
        """Move the cursor (or, sideways, the view) as vim's keys say."""
        if where in ("left", "right"):
            self.scroll_relative(x=-8 if where == "left" else 8, animate=False, immediate=True)
        elif self._cursor is not None:
            half, last = max(1, (self.size.height - self.header_height) // 2), len(self.keys) - 1
            at = self.keys.index(self._cursor)
            to = {"down": at + 1, "up": at - 1, "page_down": at + half, "page_up": at - half}
            index = {"top": 0, "bottom": last}.get(where, to.get(where, at))
            self.move_to(self.keys[max(0, min(index, last))])

    def action_go(self, where: str) -> None:
        """The arrow and page keys."""
        self.go(where)

    def on_click(self, event: Click) -> None:
        """A click moves the cursor; a click on the row it is on selects it."""
        index = event.y - self.header_height + self.scroll_offset.y
        if event.y >= self.header_height and index < len(self.keys):
            if self.keys[index] == self._cursor:
                self.post_message(self.Selected())
            self.move_to(self.keys[index])

    # -- drawing ---------------------------------------------------------------------------

    def on_focus(self) -> None:
        """The cursor is drawn stronger."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor is drawn weaker."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One visible line: the titles stay, the rows scroll."""
        base = self.rich_style
        variables = variables_of(self.app)
        height = self.header_height
        if y < height:
            style = base + tone_style("dim", variables)
            lines = [[""] * (height - len(t)) + t for t in self._titles]
            parts = [Segment(aligned(t[y], s), style) for t, s in zip(lines, self._slots, strict=True)]
            return self._cropped(parts, base)
        index = y - height + self.scroll_offset.y
        if index >= len(self._sheet.rows):
            return Strip.blank(self.size.width, base)
        key, cells = self._sheet.rows[index]
        if key == self._cursor and (self.has_focus or self.id == "endpoints"):
            base += tone_style("cursor" if self.has_focus else "cursor-blurred", variables)
        return self._cropped(self._segments(cells, base, variables), base)

    def _segments(self, cells: Sequence[Cell], base: Style, variables: Variables) -> list[Segment]:
        return [
            Segment(aligned(c.text, s), base + tone_style(c.tone, variables) if c.tone else base)
            for c, s in zip(cells, self._slots, strict=True)
        ]

    def _cropped(self, parts: list[Segment], base: Style) -> Strip:
        """The visible part of a line: fixed columns, then the others from the scroll position on."""
        width = self.size.width
        still, moving = Strip(parts[: self.fixed]), Strip(parts[self.fixed :])
        left = self.scroll_offset.x
        strip = Strip.join([still, moving.crop(left, left + max(0, width - still.cell_length))])
        return strip.adjust_cell_length(width, base)
