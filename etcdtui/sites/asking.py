"""Asking the person at the console: a secret, or whether an unknown host key is to be trusted."""

from __future__ import annotations

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
