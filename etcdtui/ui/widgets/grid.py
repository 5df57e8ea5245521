"""A table that repaints single cells and whose cursor stays on its row, whatever the rows do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.widgets import DataTable

from etcdtui.model.delta import Cell, Sheet, changed_cells
from etcdtui.ui.fit import Slot, title_lines
from etcdtui.ui.spans import cut
from etcdtui.ui.tones import Variables, tone_style, variables_of


class Grid(DataTable[Text]):
    """A DataTable fed with whole sheets.

    `DataTable.update_cell` repaints the whole widget (2.6 kB for 5 rows of 10 columns), so cells go
    through `set_cell`. `DataTable.clear` and row removals leave the cursor on a coordinate, so the
    key under it is kept here and looked up again.
    """

    _silent = False
    """Whether `refresh` is left out; read by it before `__init__` is through."""

    def __init__(self, id: str) -> None:
        super().__init__(
            id=id,
            cursor_type="row",
            cell_padding=0,
            show_row_labels=False,
            cursor_foreground_priority="renderable",
        )
        self._slots: tuple[Slot, ...] = ()
        self._sheet = Sheet()
        self._variables: Variables = ()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The columns that are shown."""
        return self._slots

    @property
    def selected_key(self) -> str | None:
        """Key of the row under the cursor, None for an empty table."""
        rows = self._sheet.rows
        return rows[self.cursor_row][0] if 0 <= self.cursor_row < len(rows) else None

    @property
    def keys(self) -> tuple[str, ...]:
        """The row keys in their order."""
        return self._sheet.keys

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
        if changes is None:
            self._rebuild(slots, sheet, follow)
            return
        self._sheet = sheet
        for change in changes:
            self.set_cell(change.key, change.column, change.cell)

    def set_cell(self, key: str, column: str, cell: Cell) -> None:
        """Change one cell and repaint its region alone."""
        slot = next(s for s in self._slots if s.key == column)
        self._silent = True
        try:
            self.update_cell(key, column, self._text(slot, cell))
        finally:
            self._silent = False
        self.refresh_coordinate(self.get_cell_coordinate(key, column))

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Leave out the full repaint that `update_cell` asks for; see `set_cell`."""
        if self._silent:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _text(self, slot: Slot, cell: Cell) -> Text:
        text = cut(cell.text, slot.width)
        text = " " * (slot.width - cell_len(text)) + text if slot.right else text
        return Text(text, style=self._tone(cell.tone), no_wrap=True, end="")

    def _tone(self, tone: str) -> Style:
        return tone_style(tone, variables_of(self.app)) if tone else Style.null()

    def _title(self, slot: Slot, height: int) -> Text:
        lines = title_lines(slot.title, slot.width)
        lines = [""] * (height - len(lines)) + lines
        lines = [f"{line:>{slot.width}}" if slot.right else line for line in lines]
        return Text("\n".join(lines), no_wrap=True, end="")

    def _rebuild(self, slots: tuple[Slot, ...], sheet: Sheet, follow: str | None) -> None:
        key = follow or self.selected_key
        index, top, left = self.cursor_row, self.scroll_y, self.scroll_x
        same_columns = slots == self._slots
        self._slots, self._sheet = slots, sheet
        self._variables = variables_of(self.app)
        self.clear(columns=not same_columns)
        if not same_columns:
            height = max((len(title_lines(s.title, s.width)) for s in slots), default=1)
            self.header_height = height
            for slot in slots:
                self.add_column(self._title(slot, height), width=slot.width + slot.gap, key=slot.key)
        for row_key, cells in sheet.rows:
            self.add_row(*(self._text(s, c) for s, c in zip(slots, cells, strict=True)), key=row_key)
        if sheet.rows:
            keys = sheet.keys
            row = keys.index(key) if key in keys else min(index, len(keys) - 1)
            self.move_cursor(row=row, scroll=False)
        if left or top:
            self.call_after_refresh(self.scroll_to, left, top, animate=False)

    def go(self, where: str) -> None:
        """Move the cursor (or, sideways, the view) as vim's keys say."""
        half = max(1, (self.size.height - self.header_height) // 2)
        last = len(self._sheet.rows) - 1
        rows = {
            "down": self.cursor_row + 1,
            "up": self.cursor_row - 1,
            "page_down": self.cursor_row + half,
            "page_up": self.cursor_row - half,
            "top": 0,
            "bottom": last,
        }
        if where in rows and last >= 0:
            self.move_cursor(row=max(0, min(rows[where], last)))
        elif where in ("left", "right"):
            self.scroll_relative(x=-8 if where == "left" else 8, animate=False)

    def notify_style_update(self) -> None:
        """Colours come from the theme: draw every cell anew when they are others now."""
        if self._slots and variables_of(self.app) != self._variables:
            self._rebuild(self._slots, self._sheet, None)
        super().notify_style_update()
