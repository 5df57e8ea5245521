"""The console: joins a session to the main screen and every key to what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from etcdtui.errors import UsageError
from etcdtui.model.health import Severity
from etcdtui.model.text import clean
from etcdtui.ui import footer, themes
from etcdtui.ui.background import run
from etcdtui.ui.flow import ActionFlow
from etcdtui.ui.keymap import KEYMAP_IDS, KEYS, effective, keymap_problems
from etcdtui.ui.messages import EventHappened, FromThread, SnapshotReady
from etcdtui.ui.ports import ActionInfo, SessionPort
from etcdtui.ui.screens.main import MainScreen

REFRESHES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Steps of the refresh interval in seconds."""


class EtcdtuiApp(App[int]):
    """The Textual application of one session.

    Args:
        session: the open cluster; it is started after the first frame and not closed here.
        theme: name of a theme, empty for the default.
        keymap: keys by id, see `etcdtui.ui.keymap`; unknown ids raise UsageError.
        prepare: blocking work to do once the console is up; its line goes to the timeline.
    """

    CSS_PATH = "console.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.title, show=False, id=key.id)
        for key in KEYS
        if key.id != "pane.next"
    ]

    def __init__(
        self,
        session: SessionPort,
        *,
        theme: str = "",
        keymap: Mapping[str, str] | None = None,
        prepare: Callable[[], str] | None = None,
    ) -> None:
        keymap = dict(keymap or {})
        actions = tuple(session.actions())
        if problems := keymap_problems(keymap, None):
            raise UsageError(f"keymap: {problems[0]}", "`etcdtui config check` shows where it stands")
        super().__init__()
        self.session = session
        self.keys = effective(keymap)
        self.actions: tuple[ActionInfo, ...] = actions
        self.bound = {a.id: keymap.get(f"action.{a.id}", a.key) for a in actions}
        self._prepare = prepare
        self._flow = ActionFlow(self, session)
        self._leave: list[Callable[[], None]] = []
        self._themes: list[str] = []
        self.set_keymap({k: v for k, v in keymap.items() if k in KEYMAP_IDS})
        for action in actions:
            if self.bound[action.id]:
                self.bind(self.bound[action.id], f"site('{action.id}')", description=action.title, show=False)
        if session.read_only:
            self._bind_denied()
        self._use_theme(theme or themes.DEFAULT)

    def _bind_denied(self) -> None:
        """In a read-only console the keys of the missing actions say why nothing happens."""
        from etcdtui.ops.registry import ACTIONS

        for action in ACTIONS:
            if action.key and action.id not in self.bound:
                self.bind(action.key, f"denied('{action.title}')", show=False)

    # -- life ------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """The main screen."""

        def keys(width: int) -> tuple[Any, ...]:
            return footer.footer_line(self.keys, self.actions, self.bound, width)

        return MainScreen(self.session.snapshot(), self.session.read_only, keys)

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever lies over it."""
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The console's own variables for themes that do not have them."""
        return themes.defaults(self.current_theme)

    def on_mount(self) -> None:
        """Everything that could delay the first frame waits for it."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        from etcdtui.runtime.quitting import on_request

        loop = asyncio.get_running_loop()
        self._leave = [
            self.session.subscribe(lambda snapshot: self._tell(SnapshotReady(snapshot))),
            self.session.subscribe_events(lambda event: self._tell(EventHappened(event))),
            on_request(lambda: loop.call_soon_threadsafe(self.exit, 0)),
        ]
        self.main.add_events(self.session.events())
        run(self, self.session.start, lambda _: None, self._failed, "etcdtui-start")
        run(self, themes.available_themes, lambda found: self._offer_themes(*found), self._failed)
        if self._prepare is not None:
            run(self, self._prepare, self._prepared, self._failed, "etcdtui-prepare")

    def on_unmount(self) -> None:
        """No more news."""
        for leave in self._leave:
            leave()

    def _tell(self, message: SnapshotReady | EventHappened) -> None:
        # A lane may report while the console is closing.
        if self.is_running:
            self.post_message(message)

    # -- news ------------------------------------------------------------------------------

    def on_snapshot_ready(self, message: SnapshotReady) -> None:
        """Draw it; open panels that show live values follow."""
        self.main.show(message.snapshot)
        self._flow.snapshot_arrived()
        if (update := getattr(self.screen, "update_snapshot", None)) is not None:
            update(message.snapshot)

    def on_event_happened(self, message: EventHappened) -> None:
        """Into the timeline."""
        self.main.add_events([message.event])

    def on_from_thread(self, message: FromThread) -> None:
        """What a thread wants done here."""
        message.callback()

    def say(self, text: str, severity: Any = "information") -> None:
        """A notification; never markup."""
        self.notify(clean(text), severity=severity, markup=False)

    def _failed(self, error: Exception) -> None:
        self.session.note(Severity.CRITICAL, str(error), "site")
        self.say(str(error), "error")

    def _prepared(self, line: str) -> None:
        if line:
            self.session.note(Severity.OK, line, "site")
        self.session.poke()

    def _use_theme(self, name: str) -> None:
        spec, failed = themes.find_theme(name)
        for error in failed:
            self.call_later(self.say, f"{error}; this theme is left out", "warning")
        if spec is not None:
            self.register_theme(spec.to_textual())
            self.theme = spec.name
        elif name != themes.DEFAULT:
            self.call_later(self.say, f"there is no usable theme '{name}'; using {themes.DEFAULT}", "warning")
            self._use_theme(themes.DEFAULT)

    def _offer_themes(self, loaded: Mapping[str, themes.ThemeSpec], failed: Iterable[Exception]) -> None:
        for name, spec in loaded.items():
            if name != self.theme:
                self.register_theme(spec.to_textual())
        self._themes = sorted(loaded)
        for error in failed:
            self.say(f"{error}; this theme is left out", "warning")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action, for Ctrl+P."""
        from etcdtui.ui.palette import commands

        del screen
        return commands(self, self.actions, self.bound, self.keys, self.action_site, self._themes)

    # -- keys ------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Quit."""
        self.exit(0)

    def action_site(self, action_id: str) -> None:
        """Begin an action on the selected row or the cluster."""
        for action in self.actions:
            if action.id == action_id:
                self._flow.begin(action, self.main.selected)

    def action_denied(self, title: str) -> None:
        """A key of an action that a read-only console does not have."""
        self.say(f"{title}: this console is read-only", "warning")

    def action_health(self) -> None:
        """Open the health check and run it."""
        from etcdtui.ui.screens.health import HealthScreen

        def start() -> None:
            run(self, self.session.check_health, screen.show_report, lambda e: screen.show_error(str(e)))

        screen = HealthScreen(start)
        self.push_screen(screen)

    def action_details(self) -> None:
        """Open all values of the selected row."""
        from etcdtui.ui.screens.details import DetailsScreen

        if (row := self.main.selected) is not None:
            self.push_screen(DetailsScreen(self.main.snapshot, row))

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
        if self._themes:
            after = [name for name in self._themes if name > self.theme]
            self.theme = after[0] if after else self._themes[0]
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


def run_console(session: SessionPort, settings: object, *, prepare: Callable[[], str] | None = None) -> int:
    """Run the console on a session until the operator quits; the process exit code.

    Args:
        settings: `etcdtui.config.UiSettings`; its theme and keymap are used.
        prepare: see `EtcdtuiApp`.
    """
    theme = getattr(settings, "theme", "") or themes.DEFAULT
    app = EtcdtuiApp(session, theme=theme, keymap=getattr(settings, "keymap", {}), prepare=prepare)
    return app.run() or app.return_code or 0
