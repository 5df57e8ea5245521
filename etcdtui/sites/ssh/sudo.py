"""How an account becomes root on a host; sudo's password is asked once and handed to sudo alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError

if TYPE_CHECKING:
    from etcdtui.sites.ssh.hop import Hop
    from etcdtui.sites.ssh.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Its output as text; untrusted."""
        return self.out.decode("utf-8", "replace")


class Root(StrEnum):
    """How the account becomes root."""

    UNKNOWN = "unknown"
    IS = "is root"
    SUDO = "sudo without a password"
    PASSWORD = "sudo with a password"  # noqa: S105 - a word for people
    TERMINAL = "sudo with a terminal alone"
    """Sudoers has ``requiretty``."""
    NEVER = "no way to be root"


class Sudo:
    """The way to be root on one host.

    Args:
        name: the node's name, for messages.
        run: runs a command as the account, given its argv and its standard input.
        allowed: whether sudo is used at all.
    """

    def __init__(
        self,
        name: str,
        hop: Hop,
        secrets: Secrets,
        run: Callable[[Sequence[str], bytes], Done],
        *,
        allowed: bool,
    ) -> None:
        self.root = Root.UNKNOWN
        self.uid = -1
        """The number of the account, -1 before it is known."""
        self.allowed = allowed
        self._name, self._hop, self._secrets, self._run = name, hop, secrets, run
        self._opened = False
        """Whether sudo has taken a password: from then on root costs no question."""
        self._lock = threading.Lock()

    def silently(self) -> bool:
        """Whether root is to be had without asking anybody."""
        way = self._find_out()
        return way in (Root.IS, Root.SUDO) or (way is Root.PASSWORD and self._opened)

    def unlock(self) -> bool:
        """See to it that root is to be had, asking for the password of sudo where that is needed.

        False when there is no way to be root, or the password was not given.
        """
        if not self.silently() and self.root is Root.PASSWORD:
            with contextlib.suppress(NodeError):
                self._password()
        return self.silently()

    def command(self, argv: Sequence[str], *, ask: bool) -> tuple[list[str], bytes]:
        """The argv that runs a command as root, and what sudo is to read before the command does.

        Args:
            ask: whether a person may be asked for the password.

        Raises:
            NodeError: the account may not, or the password is wrong or not given.
        """
        way = self._find_out()
        if way is Root.IS:
            return list(argv), b""
        if way is Root.SUDO:
            return ["sudo", "-n", "--", *argv], b""
        if way is Root.PASSWORD and (ask or self._opened):
            # -k: sudo that remembers a login would leave the password to the command as its input.
            return ["sudo", "-k", "-S", "-p", "", "--", *argv], f"{self._password()}\n".encode()
        account = self._hop.user
        hint = "log in as another user, or allow it in sudoers"
        why = f"{account} may not use sudo there"
        if way is Root.PASSWORD:
            why = "sudo wants a password"
        elif way is Root.TERMINAL:
            why, hint = "sudo there wants a terminal (requiretty)", f"sudoers: Defaults:{account} !requiretty"
        raise NodeError(f"{self._name}: this needs root, and {why}", hint)

    def check(self, done: Done) -> Done:
        """The same, unless sudo did not take the password any more. Raises NodeError."""
        if (
            done.code
            and self._opened
            and any(word in done.err for word in ("incorrect password attempt", "Sorry, try again"))
        ):
            self._opened = False
            raise NodeError(f"{self._name}: sudo refuses the password it took before", "try again")
        return done

    def _find_out(self) -> Root:
        with self._lock:
            if self.root is not Root.UNKNOWN:
                return self.root
            done = self._run(["sh", "-c", "id -u; sudo -k -n true"], b"")
            number = done.text.strip()
            self.uid = int(number) if number.isdecimal() else -1
            if self.uid == 0:
                found = Root.IS
            elif not self.allowed or "not found" in done.err:
                found = Root.NEVER
            elif done.code == 0:
                found = Root.SUDO
            elif "must have a tty" in done.err:
                found = Root.TERMINAL
            elif "password" in done.err or "tty" in done.err:
                found = Root.PASSWORD
            else:
                found = Root.NEVER
            self.root = found
            return found

    def _password(self) -> str:
        label = self._hop.label
        if self._opened and (known := self._secrets.known(f"sudo {label}")) is not None:
            return known
        wrong: str | None = None
        for _ in range(3):
            again = "sudo refuses it; " if wrong is not None else ""
            password = self._secrets.get(f"sudo {label}", f"{again}sudo password of {label}: ", wrong)
            if password is None:
                raise NodeError(f"{self._name}: this needs root, and the password of sudo was not given")
            done = self._run(["sudo", "-k", "-S", "-p", "", "true"], f"{password}\n".encode())
            if done.code == 0:
                self._opened = True
                return password
            if "not in the sudoers" in done.err or "not allowed" in done.err:
                raise NodeError(f"{self._name}: {self._hop.user} may not use sudo there")
            wrong = password
        raise NodeError(f"{self._name}: sudo refused the password of {label}")
