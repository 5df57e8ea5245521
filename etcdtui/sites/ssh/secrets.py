"""Passwords and passphrases of one session: asked once each, in memory only, shown nowhere."""

from __future__ import annotations

import threading

from etcdtui.sites.asking import Asker


class Secrets:
    """What was asked, by what it is for. Thread-safe; a second thread waits for the answer of the first."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._known: dict[str, str] = {}
        self._declined: set[str] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Secrets(...)"

    def known(self, purpose: str) -> str | None:
        """The secret for a purpose if there is one, without a question."""
        with self._lock:
            return self._known.get(purpose)

    def get(self, purpose: str, prompt: str, wrong: str | None = None) -> str | None:
        """The secret for a purpose; None when it was declined, once and for all.

        Args:
            purpose: its key, such as the file of a key.
            prompt: what the person reads.
            wrong: an answer that turned out to be wrong: ask anew, unless another is known meanwhile.
        """
        with self._lock:
            known = self._known.get(purpose)
            if known is not None and known != wrong:
                return known
            if purpose in self._declined:
                return None
            self._known.pop(purpose, None)
            answer = self.asker.ask_secret(prompt)
            if answer is None:
                self._declined.add(purpose)
            else:
                self._known[purpose] = answer
            return answer
