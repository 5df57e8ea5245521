"""The wizard's two kinds of page: a list of fields, and the plan table with a field in every cell."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from etcdtui.config.draft import COLUMNS, Draft
from etcdtui.config.draft_fields import FIELDS, DraftField
from etcdtui.ui.modals.form import Choice
from etcdtui.ui.widgets.typed import Typed

ROWS = 9
"""Members that the table takes: seven are the most that etcd advises."""
TITLES = {"host": "host", "client_port": "client", "peer_port": "peer", "name": "node name",
          "address": "address"}  # fmt: skip
HELP = {
    "host": "[user@]host[:port], or a name of ~/.ssh/config: where the console logs in",
    "client_port": "clients come here",
    "peer_port": "the other members come here",
    "name": "the member's name; empty: the host's",
    "address": "what peers and clients dial, an address or a DNS name; empty: the host's",
}
"""By column of the plan table."""


class FieldPage(VerticalScroll, can_focus=False):
    """The fields of a page, one a line; those that do not matter now are not there."""

    def __init__(self, page: str, draft: Draft) -> None:
        super().__init__(id=f"page-{page}")
        self._fields = [each for each in FIELDS if each.page == page]
        self._draft = draft

    def compose(self) -> ComposeResult:
        """A label and an input each."""
        for each in self._fields:
            with Horizontal(classes="field", id=f"line-{each.key}"):
                yield Label(each.label)
                yield self._input(each)

    def _input(self, each: DraftField) -> Input:
        place = f"value-{each.key}"
        if each.choices:
            return Choice(self._draft.text(each.key), tuple(map(str, each.choices)), place)
        typed = self._draft.values.get(each.key, "")
        return Typed(typed, placeholder=each.standard, id=place, compact=True)

    def refresh_shown(self) -> None:
        """Show what matters for what was chosen."""
        for each in self._fields:
            self.query_one(f"#line-{each.key}").display = each.shown(self._draft)


class Cell(Typed):
    """One cell of the plan table."""

    def __init__(self, row: int, column: str) -> None:
        super().__init__(id=f"cell-{row}-{column}", classes=f"column-{column}", compact=True)
        self.row, self.column = row, column

    @property
    def place(self) -> str:
        """As problems name it."""
        return f"members[{self.row}].{self.column}"


class PlanTable(VerticalScroll, can_focus=False):
    """Host, client port, peer port, node name, address: a line a member."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(id="plan-table")
        self._draft = draft

    def compose(self) -> ComposeResult:
        """The heading and all lines there may be."""
        with Horizontal(classes="row heading"):
            yield Static("", classes="mark")
            for column in COLUMNS:
                yield Static(TITLES[column], classes=f"column-{column}")
        for row in range(ROWS):
            with Horizontal(classes="row", id=f"row-{row}"):
                yield Static("", classes="mark", id=f"mark-{row}")
                for column in COLUMNS:
                    yield Cell(row, column)

    def fill(self) -> None:
        """Show the draft's lines: after one came or went."""
        for row in range(ROWS):
            there = row < len(self._draft.rows)
            self.query_one(f"#row-{row}").display = there
            for column in COLUMNS:
                self.cell(row, column).value = self._draft.rows[row].get(column, "") if there else ""
        self.propose()

    def propose(self) -> None:
        """What counts in an empty cell stands there dimmed."""
        for cell in self.cells():
            cell.placeholder = self._draft.usual(cell.row, cell.column) or (
                "host name or address" if cell.column == "host" else ""
            )

    def cell(self, row: int, column: str) -> Cell:
        """One cell."""
        return self.query_one(f"#cell-{row}-{column}", Cell)

    def cells(self) -> Iterator[Cell]:
        """Those of the lines there are."""
        return (cell for cell in self.query(Cell) if cell.row < len(self._draft.rows))

    def mark(self, row: int, content: Content) -> None:
        """What a look at the host of a line came to."""
        self.query_one(f"#mark-{row}", Static).update(content)
