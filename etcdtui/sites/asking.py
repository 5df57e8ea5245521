"""Asking the person at the console: a secret, or whether an unknown host key is to be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Asker(Protocol):
    """Given by the composition root; called from any thread, it blocks until there is an answer."""

    def ask_secret(self, prompt: str) -> str | None:
        """A password or passphrase; None when nobody is there or the person declines. Never echoed."""
        ...

    def confirm_host_key(self, host: str, fingerprint: str) -> bool:
        """Whether the unknown key of `host` is accepted and from now on known.

        Args:
            fingerprint: kind and SHA-256 of the key, as ``ssh-keygen -l`` prints it.
        """
        ...


class Chooser(Protocol):
    """Given by the composition root; called from any thread, it blocks until there is an answer."""

    def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> int | None:
        """Which of several is meant; None when nobody is there or the person does not say.

        Args:
            choices: a name and what it is, each.
        """
        ...

    def leave(self) -> None:
        """End the console that asks: another one takes its place."""
        ...


class Nobody:
    """An `Asker` for where nobody can be asked: nothing is known, nothing is trusted."""

    def ask_secret(self, prompt: str) -> str | None:
        """None."""
        del prompt
        return None

    def confirm_host_key(self, host: str, fingerprint: str) -> bool:
        """False."""
        del host, fingerprint
        return False
