"""Questions of connections, asked over the main screen; `etcdtui.sites.asking.Asker` for a console."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from etcdtui.ui.background import post

if TYPE_CHECKING:
    from textual.app import App

    from etcdtui.ui.modals.panel import Panel


class ConsoleAsker:
    """One question at a time; whoever asks before the console is up waits for it."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._there = threading.Event()
        self._app: App[Any] | None = None
        self._answered: threading.Event | None = None

    def attach(self, app: App[Any]) -> None:
        """The console is up."""
        self._app = app
        self._there.set()

    def detach(self) -> None:
        """The console ends: who waits for an answer gets none."""
        self._app = None
        self._there.set()
        if self._answered is not None:
            self._answered.set()

    def ask_secret(self, prompt: str) -> str | None:
        """See `etcdtui.sites.asking.Asker`."""
        from etcdtui.ui.modals.question import SecretPanel

        answer: str | None = self._ask(lambda: SecretPanel(prompt))
        return answer

    def confirm_host_key(self, host: str, fingerprint: str) -> bool:
        """See `etcdtui.sites.asking.Asker`."""
        from etcdtui.ui.modals.question import HostKeyPanel

        return bool(self._ask(lambda: HostKeyPanel(host, fingerprint)))

    def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> int | None:
        """See `etcdtui.sites.asking.Chooser`."""
        from etcdtui.ui.modals.choice import ChoicePanel

        answer: int | None = self._ask(lambda: ChoicePanel(title, choices))
        return answer

    def leave(self) -> None:
        """See `etcdtui.sites.asking.Chooser`."""
        app = self._app
        if app is not None:
            post(app, lambda: app.exit(0))

    def _ask(self, make: Callable[[], Panel[Any]]) -> Any:
        with self._one:
            self._there.wait()
            app = self._app
            if app is None:
                return None
            answers: list[Any] = []
            self._answered = done = threading.Event()

            def answered(answer: Any) -> None:
                answers.append(answer)
                done.set()

            def push() -> None:
                app.push_screen(make(), answered)

            post(app, push)
            done.wait()
            self._answered = None
            return answers[0] if answers else None
