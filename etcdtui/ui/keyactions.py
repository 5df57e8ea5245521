"""What each key of the console does; the application itself is in `etcdtui.ui.app`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from textual.app import App

from etcdtui.model.text import clean
from etcdtui.ui.background import run
from etcdtui.ui.flow import ActionFlow
from etcdtui.ui.keymap import shown
from etcdtui.ui.output import outlasting
from etcdtui.ui.screens.main import MainScreen

if TYPE_CHECKING:
    from textual.driver import Driver

    from etcdtui.ui.ports import ActionInfo, SessionPort, UnfinishedInfo

REFRESHES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Steps of the refresh interval in seconds."""


class KeyActions(App[int]):
    """The ``action_*`` methods the key table names. Panels are imported when they are first opened."""

    session: SessionPort
    flow: ActionFlow
    keys: dict[str, str]
    """Keys by id, as they are in force."""
    actions: tuple[ActionInfo, ...]
    """What the site offers."""
    bound: dict[str, str]
    """Keys by action id."""
    theme_names: list[str]

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, whose output outlasts its terminal."""
        return outlasting(super().get_driver_class())

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever lies over it."""
        return cast(MainScreen, self.screen_stack[0])

    def say(self, text: str, severity: Any = "information") -> None:
        """A notification; never markup."""
        self.notify(clean(text), severity=severity, markup=False)

    def action_leave(self) -> None:
        """Quit."""
        self.exit(0)

    def action_site(self, action_id: str) -> None:
        """Begin an action on the selected row or the cluster."""
        for action in self.actions:
            if action.id == action_id:
                self.flow.begin(action, self.main.selected)

    def action_denied(self, title: str) -> None:
        """A key of an action that a read-only console does not have."""
        self.say(f"{title}: this console is read-only", "warning")

    def action_health(self) -> None:
        """Open the health check and run it."""
        from etcdtui.ui.screens.health import HealthScreen

        def start() -> None:
            run(self, self.session.check_health, screen.show_report, lambda e: screen.show_error(str(e)))

        screen = HealthScreen(start, self._remedies())
        self.push_screen(screen)

    def _remedies(self) -> dict[str, str]:
        """What each action that is offered here is called, and its key; by its ID."""
        keys = {a.id: shown(self.bound[a.id]) for a in self.actions if self.bound.get(a.id)}
        return {a.id: f"{a.title} ({keys.get(a.id) or shown(self.keys['palette'])})" for a in self.actions}

    def action_details(self) -> None:
        """Open all values of the selected row."""
        from etcdtui.ui.screens.details import DetailsScreen

        if (row := self.main.selected) is not None:
            self.push_screen(DetailsScreen(self.main.snapshot, row))

    def action_log(self) -> None:
        """Open the log of the selected row's node."""
        row, source = self.main.selected, self.session.logs
        if source is None:
            self.say("the logs of these members are not within reach", "warning")
        elif row is None or row.node is None:
            self.say("no node of this row is known, and so no log", "warning")
        else:
            from etcdtui.ui.logfeed import LogFeed
            from etcdtui.ui.screens.log import LogScreen

            self.push_screen(LogScreen(row.node.name, LogFeed(source, row.node.name)))

    def action_help(self) -> None:
        """Open the help."""
        from etcdtui.ui.screens.help import HelpScreen, help_lines

        lines = help_lines(self.keys, self.actions, self.bound, self.session.read_only)
        self.push_screen(HelpScreen(lines))

    def action_audit(self) -> None:
        """Open the audit log."""
        from etcdtui.ui.screens.audit import AuditScreen

        screen = AuditScreen()
        self.push_screen(screen)
        audit = self.session.audit
        run(self, lambda: list(audit.read()), screen.show_records, lambda e: screen.show_error(str(e)))

    def action_unfinished(self) -> None:
        """Open what was left unfinished."""

        def show(found: Sequence[UnfinishedInfo]) -> None:
            if found:
                self.flow.settle(found)
            else:
                self.say("nothing was left unfinished")

        run(self, self.session.unfinished, show, lambda e: self.say(str(e), "error"))

    def action_pause(self) -> None:
        """Rest or go on reading."""
        self.session.paused = not self.session.paused
        self.say("paused: the values stand still" if self.session.paused else "reading again")

    def action_faster(self) -> None:
        """The next shorter refresh interval."""
        shorter = [s for s in REFRESHES if s < self.session.refresh]
        self._set_refresh(shorter[-1] if shorter else REFRESHES[0])

    def action_slower(self) -> None:
        """The next longer refresh interval."""
        longer = [s for s in REFRESHES if s > self.session.refresh]
        self._set_refresh(longer[0] if longer else REFRESHES[-1])

    def _set_refresh(self, seconds: float) -> None:
        self.session.refresh = seconds
        self.say(f"reading every {seconds:g}s")

    def action_refresh_now(self) -> None:
        """Read now."""
        self.session.poke()

    def action_next_theme(self) -> None:
        """The next theme."""
        if self.theme_names:
            after = [name for name in self.theme_names if name > self.theme]
            self.theme = after[0] if after else self.theme_names[0]
            self.say(f"theme {self.theme}")

    def action_wide(self) -> None:
        """All columns, or those that fit."""
        self.main.toggle_wide()

    def action_pane(self, pane: str) -> None:
        """Go to a pane."""
        self.main.focus_pane(pane)

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        self.main.next_pane()

    def action_go(self, where: str) -> None:
        """Move as vim's keys say."""
        self.main.go(where)
