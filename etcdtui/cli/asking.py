"""Asking on the terminal: secrets without echo, and whether an unknown host key is to be trusted."""

from __future__ import annotations

import sys
import threading

from etcdtui.model.text import clean
from etcdtui.sites.asking import Asker, Nobody


class TerminalAsker:
    """An `etcdtui.sites.asking.Asker` for commands that run on a terminal; one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def ask_secret(self, prompt: str) -> str | None:
        """Ask without echo; None when the person declines with an end of file."""
        import getpass

        with self._lock:
            try:
                return getpass.getpass(clean(prompt))
            except (EOFError, OSError):
                return None

    def confirm_host_key(self, host: str, fingerprint: str) -> bool:
        """Show the fingerprint and take nothing but ``yes`` for an answer, as ssh does."""
        with self._lock:
            print(
                f"The host key of {clean(host)} is not known.\n{clean(fingerprint)}\n"
                "Is it the right one? It is added to known_hosts then. [yes/no] ",
                end="",
                file=sys.stderr,
                flush=True,
            )
            return sys.stdin.readline().strip().lower() == "yes"


def asker() -> Asker:
    """Whoever can be asked."""
    return TerminalAsker() if sys.stdin.isatty() and sys.stderr.isatty() else Nobody()
