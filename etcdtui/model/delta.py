"""What changed between two pictures of one table: single cells, or its very shape."""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """One cell as it is drawn."""

    text: str
    """Harmless text, see `etcdtui.model.text.clean`."""
    tone: str = ""
    """What it means (``ok``, ``bad``, ``dim``, ...); the theme gives it a colour."""


class Sheet(NamedTuple):
    """A whole table as it is drawn: column keys, and rows by key in their order."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[Cell, ...]], ...] = ()
    """(row key, one cell a column)."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The row keys in order."""
        return tuple(key for key, _ in self.rows)


class CellChange(NamedTuple):
    """One cell that is to be drawn anew."""

    key: str
    column: str
    cell: Cell


def changed_cells(old: Sheet, new: Sheet) -> tuple[CellChange, ...] | None:
    """The cells that differ, in reading order; None when rows or columns came, went or moved."""
    if old.columns != new.columns or old.keys != new.keys:
        return None
    return tuple(
        CellChange(key, column, cell)
        for (_, before), (key, after) in zip(old.rows, new.rows, strict=True)
        if before != after
        for column, was, cell in zip(new.columns, before, after, strict=True)
        if was != cell
    )
