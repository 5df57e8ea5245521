"""The wizard's application: pages of a draft, looks in the background, the review of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.driver import Driver
from textual.events import Resize
from textual.timer import Timer
from textual.widgets import Input, Static

from etcdtui.config.draft import KUBE, Draft
from etcdtui.config.draft_fields import FIELDS, HOW, PLAN, WHERE
from etcdtui.errors import EtcdtuiError
from etcdtui.model.bootstrap_checks import Problem
from etcdtui.model.text import clean, plural
from etcdtui.ui import themes
from etcdtui.ui.background import run
from etcdtui.ui.messages import FromThread
from etcdtui.ui.modals.form import Choice
from etcdtui.ui.prose import prose
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.terminal import steady
from etcdtui.ui.wizard import words
from etcdtui.ui.wizard.fields import HELP, ROWS, Cell, FieldPage, PlanTable
from etcdtui.ui.wizard.ports import Backstage, SightInfo

if TYPE_CHECKING:
    from etcdtui.ui.asking import ConsoleAsker

REST = 0.8
"""Seconds without a keystroke after which the hosts are looked at."""
REVIEW = 3
"""Number of the last page."""
_ELSEWHERE = ("name", "release", "where", "sha256", "srv_domain", "discovery", "secrets")
"""Begins the names of fields that the hosts are looked at without."""
_OWN = ("page", "next", "enter", "move", "add_row", "drop_row", "look", "leave", "agree")
"""The wizard's actions."""


class WizardApp(App[Draft]):
    """Asks for a new cluster; the answer is the draft that was agreed to, or None.

    Args:
        draft: what is known already; changed as it is typed.
        asker: told when questions of connections can be asked on the screen, and when no more.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: $background; color: $foreground; }
    #tabs, #keys { height: 1; background: $bar; }
    #body { height: 1fr; padding: 1 1 0 1; }
    #body > * { height: 1fr; scrollbar-size: 1 1; background: $background; }
    #said { height: auto; max-height: 8; padding: 0 1; background: $bar; }
    .field { height: 1; }
    .field Label { width: 24; }
    .field Input { width: 1fr; }
    .row { height: 1; }
    .heading Static { color: $tone-dim; padding: 0 0 0 1; }
    .row .mark { width: 2; }
    .row > .column-host { width: 3fr; margin: 0 1 0 0; }
    .row > .column-client_port, .row > .column-peer_port { width: 9; margin: 0 1 0 0; }
    .row > .column-name { width: 2fr; margin: 0 1 0 0; }
    .row > .column-address { width: 2fr; }
    Input { background: $bar; border: none; height: 1; padding: 0 1; }
    Input:focus { border: none; background: $cursor; }
    Input.-wrong { color: $error; }
    #review-text { height: auto; }
    """
    # With priority: a key typed fast must find the field that the key before it has moved to.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown,ctrl+f", "page(1)", show=False, priority=True),
        Binding("pageup,ctrl+b", "page(-1)", show=False, priority=True),
        Binding("tab", "next(1)", show=False, priority=True),
        Binding("shift+tab", "next(-1)", show=False, priority=True),
        Binding("enter", "enter", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("ctrl+n", "add_row", show=False, priority=True),
        Binding("ctrl+x", "drop_row", show=False, priority=True),
        Binding("ctrl+l", "look", show=False, priority=True),
        Binding("escape", "leave", show=False, priority=True),
        Binding("y", "agree", show=False),
    ]

    def __init__(
        self, draft: Draft, backstage: Backstage, *, theme: str = "", asker: ConsoleAsker | None = None
    ) -> None:
        super().__init__()
        self.draft = draft
        self._backstage = backstage
        self._asker = asker
        self.at = 0
        self.problems: tuple[Problem, ...] = ()
        self.sights: Mapping[str, SightInfo] = {}
        self._looked_at: dict[str, Any] = {}
        self._looking = False
        self._look_failed = ""
        self._previewed = False
        self._timer: Timer | None = None
        spec, _ = themes.find_theme(theme or themes.DEFAULT)
        shown = (spec or themes.DARK).to_textual()
        self.register_theme(shown)
        self.theme = shown.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The console's own variables for themes that do not have them."""
        return themes.defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        """Tabs, the pages, what is to be said, the keys."""
        yield Static("", id="tabs")
        with VerticalScroll(id="body", can_focus=False):
            yield FieldPage(WHERE, self.draft)
            yield PlanTable(self.draft)
            yield FieldPage(PLAN, self.draft)
            yield FieldPage(HOW, self.draft)
            with VerticalScroll(id="review"):
                yield Static("", id="review-text", markup=False)
        yield Static("", id="said", markup=False)
        yield Static("", id="keys")

    def get_driver_class(self) -> type[Driver]:
        """One that a terminal which vanishes does not stop."""
        return steady(super().get_driver_class())

    def on_mount(self) -> None:
        """The first field has the focus."""
        from etcdtui.runtime.quitting import on_request

        for field in self.query(Input):
            field.cursor_blink = False
        loop = asyncio.get_running_loop()
        self._forget = on_request(lambda: _hand_over(loop, self))
        if self._asker is not None:
            self._asker.attach(self)
        self.query_one(PlanTable).fill()
        self._check()
        self._turn_to(0)

    def on_unmount(self) -> None:
        """No more questions."""
        self._forget()
        if self._asker is not None:
            self._asker.detach()

    def on_from_thread(self, message: FromThread) -> None:
        """What a thread wants done here."""
        message.callback()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A question over the wizard has the keys for itself."""
        del parameters
        return action not in _OWN or len(self.screen_stack) == 1

    # -- pages -----------------------------------------------------------------------------

    @property
    def page_id(self) -> str:
        """Which widget the page is."""
        plan = f"page-{PLAN}" if self.draft.kind == KUBE else "plan-table"
        return (f"page-{WHERE}", plan, f"page-{HOW}", "review")[self.at]

    def _turn_to(self, at: int) -> None:
        self.at = at
        for page in self.query_one("#body").children:
            page.display = page.id == self.page_id
        if at == REVIEW:
            self._begin_review()
            self.screen.set_focus(self.query_one("#review"))
        else:
            fields = list(self._fields())
            empty = next((f for f in fields if isinstance(f, Cell) and not f.value), None)
            self.screen.set_focus(empty or fields[0])
            self._look_if_needed()
        self._draw()

    def _fields(self) -> Any:
        """The inputs of the page that can be seen, in order."""
        # What was chosen a moment ago may bring fields along, and a key typed fast is to find them.
        if isinstance(focused := self.focused, Choice) and self._take(focused):
            for each in self.query(FieldPage):
                each.refresh_shown()
        page = self.query_one(f"#{self.page_id}")
        return (f for f in page.query(Input) if all(n.display for n in f.ancestors_with_self))

    def action_page(self, by: int) -> None:
        """The next page, or the one before; on the last one through its text, and back from its top."""
        if self.at == REVIEW:
            review = self.query_one("#review")
            if by > 0 or review.scroll_y:
                review.scroll_relative(y=by * max(1, review.size.height - 1), animate=False)
                return
        self._turn_to(min(REVIEW, max(0, self.at + by)))

    def action_move(self, by: int) -> None:
        """In the table the same column of the next line; else the next field, or a line of the text."""
        if self.at == REVIEW:
            self.query_one("#review").scroll_relative(y=by, animate=False)
            return
        focused = self.focused
        if isinstance(focused, Cell):
            row = focused.row + by
            if 0 <= row < len(self.draft.rows):
                self.screen.set_focus(self.query_one(PlanTable).cell(row, focused.column))
            return
        self.action_next(by)

    def action_next(self, by: int) -> None:
        """The next field of the page, or the one before, around its ends."""
        fields = list(self._fields())
        if fields:
            at = fields.index(self.focused) if self.focused in fields else -by
            self.screen.set_focus(fields[(at + by) % len(fields)])

    def action_enter(self) -> None:
        """The next field; behind the last one the next page."""
        fields = list(self._fields())
        if fields and self.focused is not fields[-1]:
            self.action_next(1)
        else:
            self.action_page(1)

    def action_add_row(self) -> None:
        """One more member, and a cursor in its first cell."""
        if self.page_id == "plan-table" and len(self.draft.rows) < ROWS:
            self.draft.rows.append({})
            table = self.query_one(PlanTable)
            table.fill()
            self._changed()
            self.screen.set_focus(table.cell(len(self.draft.rows) - 1, "host"))

    def action_drop_row(self) -> None:
        """The line of the cursor goes."""
        focused = self.focused
        if isinstance(focused, Cell) and len(self.draft.rows) > 1:
            del self.draft.rows[focused.row]
            table = self.query_one(PlanTable)
            row = min(focused.row, len(self.draft.rows) - 1)
            self.screen.set_focus(table.cell(row, focused.column))
            table.fill()
            self._changed()

    def action_leave(self) -> None:
        """Back a page; from the first one out, with nothing written."""
        if self.at:
            self._turn_to(self.at - 1)
        else:
            self.exit(None)

    # -- what is typed ---------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Into the draft, and looked through."""
        if self._take(event.input):
            self._changed()

    def _take(self, field: Input) -> bool:
        """Have the draft say what stands in a field; False for one that is none of it."""
        if isinstance(field, Cell):
            if field.row < len(self.draft.rows):
                self.draft.rows[field.row][field.column] = str(field.value)
        elif field.id is not None and field.id.startswith("value-"):
            self.draft.values[field.id.removeprefix("value-")] = str(field.value)
        else:
            return False
        return True

    def _changed(self) -> None:
        self._check()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REST, self._look_if_needed)
        self._draw()

    def _check(self) -> None:
        found = self.draft.problems()
        if self._backstage.taken(self.draft.name):
            text = f"{clean(self._backstage.file)} has a profile of that name"
            found = (Problem("name", text), *found)
        self.problems = found
        for page in self.query(FieldPage):
            page.refresh_shown()
        self.query_one(PlanTable).propose()
        wrong = {problem.where for problem in found if problem.hard}
        for field in self.query(Input):
            place = field.place if isinstance(field, Cell) else (field.id or "").removeprefix("value-")
            field.set_class(place in wrong, "-wrong")

    def on_descendant_focus(self) -> None:
        """What the field means stands below."""
        self._draw()

    # -- looks -----------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether nothing forbids it."""
        return not any(problem.hard for problem in self.problems)

    def action_look(self) -> None:
        """Look again."""
        self._looked_at = {}
        self._look_if_needed()

    def _look_if_needed(self) -> None:
        """Look at the places, when they are said and were not looked at like this."""
        hosts = self.draft.kind == KUBE or all(row.get("host", "").strip() for row in self.draft.rows)
        unsaid = any(problem.hard and not problem.where.startswith(_ELSEWHERE) for problem in self.problems)
        wanted = self.draft.mapping()
        if self._looking or unsaid or not hosts or (self.draft.kind == KUBE and not self.at):
            return
        if wanted == self._looked_at:
            return
        self._looking, self._looked_at = True, wanted
        draft = Draft(dict(self.draft.values), [dict(row) for row in self.draft.rows])
        run(self, lambda: self._backstage.look(draft), self._seen, self._not_seen, "etcdtui-look")
        self._draw()

    def _seen(self, sights: Sequence[SightInfo]) -> None:
        self._looking, self._look_failed = False, ""
        self.sights = {sight.place: sight for sight in sights}
        self._look_if_needed()
        self._draw()

    def _not_seen(self, error: EtcdtuiError) -> None:
        self._looking, self._look_failed = False, clean(str(error), 300)
        self.sights = {}
        self._draw()

    # -- review ----------------------------------------------------------------------------

    def _begin_review(self) -> None:
        self._previewed = False
        self._look_if_needed()
        if not self.ready:
            hard = [words.problem_line(p) for p in self.problems if p.hard]
            self._show_review([(Span("This is missing yet:", "strong"),), *hard])
            return
        draft = self.draft
        run(self, lambda: self._backstage.preview(draft), self._show_preview, self._no_preview)

    def _show_preview(self, parts: Sequence[tuple[str, str]]) -> None:
        self._previewed = True
        self._show_review(words.preview_lines(parts))
        self._draw()

    def _no_preview(self, error: EtcdtuiError) -> None:
        self._show_review([(Span(clean(str(error)), "bad"),)])

    def _show_review(self, lines: list[Line]) -> None:
        self.query_one("#review-text", Static).update(prose(lines))

    def action_agree(self) -> None:
        """Only on the last page, with everything shown."""
        if self.at == REVIEW and self._previewed and self.ready:
            self.exit(self.draft)

    # -- drawing ---------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """The tabs fit."""
        del event
        self._draw()

    def _draw(self) -> None:
        focused = self.focused
        where, about, host = "", "", ""
        if isinstance(focused, Cell) and focused.row < len(self.draft.rows):
            where, about = focused.place, HELP[focused.column]
            host = words.host_of(self.draft, focused.row)
        elif focused is not None and (focused.id or "").startswith("value-"):
            where = (focused.id or "").removeprefix("value-")
            about = next(each.help for each in FIELDS if each.key == where)
        hosts = {words.host_of(self.draft, row) for row in range(len(self.draft.rows))}
        sights = {place: sight for place, sight in self.sights.items() if place in hosts or not place}
        lines = words.said_lines(where, about, self.problems, sights, host, self._state())
        if self._look_failed:
            lines.append((Span("✖ ", "bad"), Span(self._look_failed, "bad")))
        self.query_one("#said", Static).update(prose(lines))
        for row in range(len(self.draft.rows)):
            sight = self.sights.get(words.host_of(self.draft, row))
            sign = words.sign_of(sight, self._looking)
            self.query_one(PlanTable).mark(row, prose([(sign,)]))
        self.query_one("#tabs", Static).update(prose([words.tabs(self.at, self.size.width)]))
        self.query_one("#keys", Static).update(Content(" " + self._keys()))

    def _state(self) -> str:
        if not self._looking:
            return ""
        if self.draft.kind == KUBE:
            return "… looking at Kubernetes"
        return f"… looking at {plural(len(self.draft.rows), 'host')}"

    def _keys(self) -> str:
        if self.at == REVIEW:
            go = "y write the profile and open the console · " if self._previewed and self.ready else ""
            return f"{go}↑↓ PgDn PgUp scroll · Esc back"
        table = "^n line · ^x drop line · " if self.page_id == "plan-table" else ""
        choose = "←→ choose · " if self.focused is not None and self.focused.has_class("choice") else ""
        return f"{choose}↑↓ Tab move · {table}^l look again · PgDn next page · Esc back"


def _hand_over(loop: asyncio.AbstractEventLoop, app: WizardApp) -> None:
    loop.call_soon_threadsafe(app.exit, None)
