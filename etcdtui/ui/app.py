"""The console: joins a session to the main screen and every key to what it does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from etcdtui.errors import UsageError
from etcdtui.model.events import Event
from etcdtui.model.severity import Severity
from etcdtui.ui import footer, themes
from etcdtui.ui.background import run
from etcdtui.ui.flow import ActionFlow
from etcdtui.ui.keyactions import KeyActions
from etcdtui.ui.keymap import KEYMAP_IDS, KEYS, effective, keymap_problems
from etcdtui.ui.messages import EventHappened, FromThread, SnapshotReady
from etcdtui.ui.screens.main import MainScreen

if TYPE_CHECKING:
    from etcdtui.ui.asking import ConsoleAsker
    from etcdtui.ui.ports import ActionInfo, SessionPort, UnfinishedInfo


class EtcdtuiApp(KeyActions):
    """The Textual application of one session.

    Args:
        session: the open cluster; it is started after the first frame and not closed here.
        theme: name of a theme, empty for the default.
        keymap: keys by id, see `etcdtui.ui.keymap`; unknown ids raise UsageError.
        prepare: blocking work to do once the console is up; its line goes to the timeline.
        asker: told when questions can be asked on the screen, and when no more.
        begin: ID of an action to begin at once, as if its key had been pressed.
    """

    CSS_PATH = Path(__file__).with_name("console.tcss")
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
        asker: ConsoleAsker | None = None,
        begin: str = "",
    ) -> None:
        keymap = dict(keymap or {})
        if problems := keymap_problems(keymap, None):
            raise UsageError(f"keymap: {problems[0]}", "`etcdtui config check` shows where it stands")
        super().__init__()
        self.session = session
        self.keys = effective(keymap)
        self.actions: tuple[ActionInfo, ...] = ()
        self.bound = {}
        self._wanted_keys = keymap
        self._prepare = prepare
        self._asker = asker
        self._wanted = begin
        self.flow = ActionFlow(self, session)
        self._told: set[str] = set()
        self._asked_for_left = False
        self._early: tuple[Event, ...] = ()
        self._leave: list[Callable[[], None]] = []
        self.theme_names = []
        self.set_keymap({k: v for k, v in keymap.items() if k in KEYMAP_IDS})
        self._use_theme(theme or themes.DEFAULT)

    def _learn_actions(self) -> None:
        """Ask the session what it offers, and give each action its key."""
        self.actions = tuple(self.session.actions())
        self.bound = {a.id: self._wanted_keys.get(f"action.{a.id}", a.key) for a in self.actions}
        for action in self.actions:
            if self.bound[action.id]:
                self.bind(self.bound[action.id], f"site('{action.id}')", description=action.title, show=False)
        if self.session.read_only:
            self._bind_denied()
        self.main.show_keys()

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

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The console's own variables for themes that do not have them."""
        return themes.defaults(self.current_theme)

    def on_mount(self) -> None:
        """Everything that could delay the first frame waits for it."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        from etcdtui.runtime.quitting import on_request

        gc.enable()
        gc.freeze()
        loop = asyncio.get_running_loop()
        self._leave = [
            self.session.subscribe(lambda snapshot: self._tell(SnapshotReady(snapshot))),
            self.session.subscribe_events(lambda event: self._tell(EventHappened(event))),
            on_request(lambda: _hand_over(loop, self)),
        ]
        self._learn_actions()
        self._early = self.session.events()
        self.main.add_events(self._early)
        self.main.show(self.session.snapshot())
        if self._asker is not None:
            self._asker.attach(self)
        run(self, self.session.start, lambda _: None, self._failed, "etcdtui-start")
        run(self, themes.available_themes, lambda found: self._offer_themes(*found), self._failed)
        if self._prepare is not None:
            run(self, self._prepare, self._prepared, self._failed, "etcdtui-prepare")
        elif self._wanted:
            self.action_site(self._wanted)

    def on_unmount(self) -> None:
        """No more news."""
        for leave in self._leave:
            leave()
        if self._asker is not None:
            self._asker.detach()

    def _tell(self, message: SnapshotReady | EventHappened) -> None:
        # A lane may report while the console is closing and its loop is gone.
        with contextlib.suppress(RuntimeError):
            self.post_message(message)

    # -- news ------------------------------------------------------------------------------

    def on_snapshot_ready(self, message: SnapshotReady) -> None:
        """Draw it; open panels that show live values follow."""
        if not self.screen_stack:
            # The console is closing.
            return
        self.main.show(message.snapshot)
        self.flow.snapshot_arrived()
        if not self._asked_for_left and self.session.ready:
            self._asked_for_left = True
            run(self, self.session.unfinished, self._offer_left, self._failed)
        if (update := getattr(self.screen, "update_snapshot", None)) is not None:
            update(message.snapshot)

    def _offer_left(self, found: Sequence[UnfinishedInfo]) -> None:
        # What the operator is doing already goes first; `u` opens it later.
        if found and self.screen is self.main:
            self.flow.settle(found)

    def on_event_happened(self, message: EventHappened) -> None:
        """Into the timeline, unless it was there before the subscription."""
        if not any(message.event is early for early in self._early):
            self.main.add_events([message.event])

    def on_from_thread(self, message: FromThread) -> None:
        """What a thread wants done here."""
        message.callback()

    def _failed(self, error: Exception) -> None:
        self.session.note(Severity.CRITICAL, str(error), "site")
        self.say(str(error), "error")

    def _prepared(self, line: str) -> None:
        if line:
            self.session.note(Severity.OK, line, "site")
        self.session.poke()
        if self._wanted:
            self.action_site(self._wanted)

    def _use_theme(self, name: str) -> None:
        spec, failed = themes.find_theme(name)
        self._report_themes(failed)
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
        self.theme_names = sorted(loaded)
        self._report_themes(failed)

    def _report_themes(self, failed: Iterable[Exception]) -> None:
        for text in (str(error) for error in failed):
            if text not in self._told:
                self._told.add(text)
                self.call_later(self.say, f"{text}; this theme is left out", "warning")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action, for Ctrl+P."""
        from etcdtui.ui.palette import commands

        del screen
        return commands(self, self.actions, self.bound, self.keys, self.action_site, self.theme_names)


def _hand_over(loop: asyncio.AbstractEventLoop, app: KeyActions) -> None:
    loop.call_soon_threadsafe(app.exit, 0)


def run_console(
    session: SessionPort,
    settings: object,
    *,
    prepare: Callable[[], str] | None = None,
    asker: ConsoleAsker | None = None,
    begin: str = "",
) -> int:
    """Run the console on a session until the operator quits; the process exit code.

    Args:
        settings: `etcdtui.config.UiSettings`; its theme and keymap are used.
        prepare, asker, begin: see `EtcdtuiApp`.
    """
    theme = getattr(settings, "theme", "") or themes.DEFAULT
    keymap = getattr(settings, "keymap", {})
    app = EtcdtuiApp(session, theme=theme, keymap=keymap, prepare=prepare, asker=asker, begin=begin)
    return app.run() or app.return_code or 0
