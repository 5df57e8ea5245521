"""The delta between two drawn tables."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etcdtui.model.delta import Cell, CellChange, Sheet, changed_cells

words = st.text("ab", max_size=2)


@st.composite
def sheets(draw: st.DrawFn) -> tuple[Sheet, Sheet]:
    columns = tuple(draw(st.lists(words, unique=True, min_size=1, max_size=4)))
    keys = draw(st.lists(words, unique=True, max_size=4))

    def sheet() -> Sheet:
        rows = tuple((k, tuple(Cell(draw(words), draw(words)) for _ in columns)) for k in keys)
        return Sheet(columns, rows)

    return sheet(), sheet()


def test_only_what_changed_is_named() -> None:
    old = Sheet(("a", "b"), (("1", (Cell("x"), Cell("y"))), ("2", (Cell("x"), Cell("y")))))
    new = Sheet(("a", "b"), (("1", (Cell("x"), Cell("y"))), ("2", (Cell("x"), Cell("z")))))
    assert changed_cells(old, new) == (CellChange("2", "b", Cell("z")),)
    assert changed_cells(new, new) == ()


def test_a_tone_alone_is_a_change() -> None:
    old, new = (Sheet(("a",), (("1", (Cell("x", tone),)),)) for tone in ("ok", "bad"))
    assert changed_cells(old, new) == (CellChange("1", "a", Cell("x", "bad")),)


def test_another_shape_is_no_delta() -> None:
    base = Sheet(("a",), (("1", (Cell("x"),)), ("2", (Cell("x"),))))
    assert changed_cells(base, Sheet(("b",), base.rows)) is None
    assert changed_cells(base, Sheet(("a",), base.rows[:1])) is None
    assert changed_cells(base, Sheet(("a",), base.rows[::-1])) is None


@given(sheets())
def test_applying_the_delta_gives_the_new_sheet(pair: tuple[Sheet, Sheet]) -> None:
    old, new = pair
    table = {key: dict(zip(old.columns, cells, strict=True)) for key, cells in old.rows}
    changes = changed_cells(old, new)
    assert changes is not None
    for change in changes:
        assert table[change.key][change.column] != change.cell
        table[change.key][change.column] = change.cell
    assert table == {key: dict(zip(new.columns, cells, strict=True)) for key, cells in new.rows}
