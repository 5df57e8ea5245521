"""The main screen: header, grid, detail, member list and timeline, laid out for the size it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import DescendantFocus, Resize
from textual.geometry import Size
from textual.screen import Screen

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.columns import Column
from etcdtui.model.delta import Sheet
from etcdtui.model.events import Event
from etcdtui.ui import render
from etcdtui.ui.fit import Slot, everything, fit
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.thrift import ThriftyCompositor
from etcdtui.ui.widgets.grid import Grid
from etcdtui.ui.widgets.lines import Lines
from etcdtui.ui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from etcdtui.ui.ports import ColumnInfo

PANES = ("endpoints", "members", "timeline")
TIMELINE_LEAST = 4
"""Lines of timeline that must remain for the member list to stand above it; else they take turns."""


class MainScreen(Screen[None]):
    """Draws snapshots and events; what to do about keys is the app's business."""

    AUTO_FOCUS = "#endpoints"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.next_pane", "next pane", show=False, id="pane.next")
    ]

    def __init__(self, snapshot: ClusterSnapshot, read_only: bool, footer: Callable[[int], Line]) -> None:
        super().__init__()
        self._compositor = ThriftyCompositor()
        self._snapshot = snapshot
        self._read_only = read_only
        self._footer = footer
        self._wide = False
        self._lower = "timeline"
        self._hidden: tuple[Column, ...] = ()
        self._fitted: dict[str, tuple[object, tuple[Slot, ...]]] = {}
        self._area = Size(0, 0)
        self._header = Lines(id="header")
        self._grid = Grid(id="endpoints")
        self._detail = Lines(id="detail")
        self._members_rule = Lines(id="members-rule", classes="rule")
        self._members = Grid(id="members")
        self._timeline_rule = Lines(id="timeline-rule", classes="rule")
        self._timeline = Timeline(id="timeline")
        self._keys = Lines(id="footer")

    def compose(self) -> ComposeResult:
        """All panes, drawn before they are laid out: the first frame is the whole picture."""
        self._lay_out(self.app.size)
        yield self._header
        yield self._grid
        yield self._detail
        yield self._members_rule
        yield self._members
        yield self._timeline_rule
        yield self._timeline
        yield self._keys

    # -- what is shown ---------------------------------------------------------------------

    @property
    def selected(self) -> EndpointRow | None:
        """The row the cursor is on."""
        key = self._grid.selected_key
        return self._snapshot.row_by_key(key) if key is not None else None

    @property
    def snapshot(self) -> ClusterSnapshot:
        """The snapshot that is shown."""
        return self._snapshot

    @property
    def pane(self) -> str:
        """The pane that has the focus."""
        focused = self.focused.id if self.focused is not None else None
        return focused if focused in PANES else "endpoints"

    def show(self, snapshot: ClusterSnapshot) -> None:
        """Draw a snapshot."""
        follow = self._moved(snapshot)
        self._snapshot = snapshot
        if not self._area.width:
            return
        columns, sheet = render.status_sheet(snapshot)
        self._fill("endpoints", columns, sheet, follow)
        shown = {s.key for s in self._grid.slots}
        self._hidden = tuple(c for c in columns if c.key not in shown)
        self._fill("members", render.MEMBER_COLUMNS, render.member_sheet(snapshot), None)
        self.show_header()
        self.show_detail()
        self._arrange()

    def show_header(self) -> None:
        """Draw the header's two lines."""
        lines = render.header_lines(self._snapshot, self._read_only, self._area.width)
        self._header.show(lines)

    def show_detail(self) -> None:
        """Draw what there is to know of the selected row."""
        lines = render.detail_lines(self._snapshot, self.selected, self._hidden, self._area.width)
        self._detail.show(lines)

    def show_keys(self) -> None:
        """Draw the footer."""
        self._keys.show([self._footer(self._area.width)])

    def add_events(self, events: Iterable[Event]) -> None:
        """Put events into the timeline."""
        self._timeline.add(events)

    def _moved(self, snapshot: ClusterSnapshot) -> str | None:
        """The new key of the selected row when it got another one, as when its member became known."""
        row = self.selected
        if row is None or snapshot.row_by_key(row.key) is not None:
            return None
        for new in snapshot.rows:
            same_node = row.node is not None and new.node is not None and row.node.name == new.node.name
            if (row.endpoint and new.endpoint == row.endpoint) or same_node:
                return new.key
        return None

    def _fill(self, pane: str, columns: Sequence[ColumnInfo], sheet: Sheet, follow: str | None) -> None:
        texts = {key: [cells[i].text for _, cells in sheet.rows] for i, key in enumerate(sheet.columns)}
        slots = self._slots(pane, columns, texts, sheet)
        index = [sheet.columns.index(s.key) for s in slots]
        rows = tuple((key, tuple(cells[i] for i in index)) for key, cells in sheet.rows)
        (self._grid if pane == "endpoints" else self._members).show(
            slots, Sheet(tuple(s.key for s in slots), rows), follow
        )

    def _slots(
        self, pane: str, columns: Sequence[ColumnInfo], texts: dict[str, list[str]], sheet: Sheet
    ) -> tuple[Slot, ...]:
        """The visible columns. They rest: only other rows, sizes or a value that grew move them."""
        lines = 2 if pane == "endpoints" else 1
        room = self._area.width
        new = everything(columns, texts, lines) if self._wide else fit(columns, texts, room, lines)
        situation = (sheet.columns, sheet.keys, self._area.width, self._wide)
        before, old = self._fitted.get(pane, (None, ()))
        widths = {s.key: s.width for s in old}
        same = situation == before and [s.key for s in new] == [s.key for s in old]
        if same and all(s.width <= widths[s.key] for s in new):
            return old
        self._fitted[pane] = (situation, new)
        return new

    # -- layout ----------------------------------------------------------------------------

    def _arrange(self) -> None:
        """Give every pane its lines. The lower two take turns when there is no room for both."""
        width, height = self._area
        grid, members = self._grid, self._members
        detail = 4 if height < 36 else 5
        bar = 1 if self._wide else 0
        upper = min(grid.line_count + bar, max(4, height - 2 - detail - 1 - 1 - 3))
        left = height - 2 - upper - detail - 1
        both = left - (members.line_count + 2) >= TIMELINE_LEAST
        show_members = both or self._lower == "members"
        show_timeline = both or self._lower == "timeline"
        self._set(grid, upper)
        self._set(self._detail, detail)
        self._set(members, members.line_count if both else max(1, left - 1))
        members.display = show_members
        self._timeline_rule.display = both
        self._timeline.display = show_timeline
        self._rules(both, width)

    @staticmethod
    def _set(widget: object, height: int) -> None:
        styles = widget.styles  # type: ignore[attr-defined]
        if styles.height is None or styles.height.value != height:
            styles.height = height

    def _rules(self, both: bool, width: int) -> None:
        def tab(number: int, pane: str, on: bool) -> list[Span]:
            tone = "title" if on else "dim"
            action = f"app.pane('{pane}')"
            return [Span(f" {number} ", "key", action), Span(f"{pane} ", tone, action)]

        def rule(tabs: list[Span]) -> Line:
            used = sum(len(s.text) for s in tabs)
            return (Span("──", "dim"), *tabs, Span("─" * max(0, width - used - 2), "dim"))

        members, timeline = self._members_rule, self._timeline_rule
        focused = self.pane
        if both:
            members.show([rule(tab(2, "members", focused == "members"))])
            timeline.show([rule(tab(3, "timeline", focused == "timeline"))])
        else:
            tabs = [*tab(2, "members", self._lower == "members"), Span("│", "dim")]
            members.show([rule([*tabs, *tab(3, "timeline", self._lower == "timeline")])])

    # -- what happens ----------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """Lay everything out anew."""
        if event.size.width and event.size != self._area:
            self._lay_out(event.size)

    def _lay_out(self, size: Size) -> None:
        self._area = size
        self.show_keys()
        self.show(self._snapshot)

    def on_grid_highlighted(self, event: Grid.Highlighted) -> None:
        """The detail follows the cursor; the cursor in the member list takes the grid's along."""
        event.stop()
        if event.grid is self._members and (key := self._members.selected_key) is not None:
            self._grid.move_to(key)
        self.show_detail()

    def on_grid_selected(self, event: Grid.Selected) -> None:
        """A second click on a row opens all its values."""
        event.stop()
        self.call_later(self.app.run_action, "details")

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The focused pane's title is lit."""
        del event
        if self._area.width:
            self._arrange()

    def focus_pane(self, pane: str) -> None:
        """Go to a pane, bringing it up when another one had its place."""
        if pane in ("members", "timeline"):
            self._lower = pane
            self._arrange()
        self.query_one(f"#{pane}").focus()

    def next_pane(self) -> None:
        """Go to the next pane, a hidden one too."""
        self.focus_pane(PANES[(PANES.index(self.pane) + 1) % len(PANES)])

    def toggle_wide(self) -> bool:
        """Show all columns, scrolled sideways, or those that fit; which it is now."""
        self._wide = not self._wide
        grid = self._grid
        grid.set_class(self._wide, "-wide")
        grid.fixed = 2 if self._wide else 0
        self.show(self._snapshot)
        return self._wide

    def go(self, where: str) -> None:
        """Move in the focused pane: rows of a table, lines of the timeline."""
        widget = self.query_one(f"#{self.pane}")
        if isinstance(widget, Grid | Timeline):
            widget.go(where)
