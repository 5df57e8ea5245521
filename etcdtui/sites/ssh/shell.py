"""Running commands on a host: argv lists, quoted here and nowhere else, with a deadline and with sudo."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError, OutcomeUnknown, SiteError
from etcdtui.model.text import clean

if TYPE_CHECKING:
    import paramiko

    from etcdtui.sites.ssh.link import Link
    from etcdtui.sites.ssh.secrets import Secrets

TIMEOUT = 10.0
MOST = 16 * 1024 * 1024
"""Bytes of output that are kept of one command."""


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
    NEVER = "no way to be root"


class Shell:
    """Commands on one host.

    Args:
        name: the node's name, for messages.
        may_sudo: whether sudo is used at all.
    """

    def __init__(self, name: str, link: Link, secrets: Secrets, *, may_sudo: bool = True) -> None:
        self.name = name
        self.link = link
        self.root = Root.UNKNOWN
        self.uid = -1
        """The number of the account, -1 before it is known."""
        self._secrets = secrets
        self._may_sudo = may_sudo
        self._opened = False
        """Whether sudo has taken a password: from then on root costs no question."""
        self._lock = threading.Lock()

    # -- as the account --------------------------------------------------------------------------

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = TIMEOUT) -> Done:
        """Run a command to its end.

        Raises:
            SiteError: the host is not reached.
            OutcomeUnknown: it was sent and its end not seen.
        """
        deadline = time.monotonic() + timeout
        channel = self.link.session(timeout)
        try:
            return self._carry_out(channel, argv, stdin, deadline)
        finally:
            channel.close()

    def _carry_out(
        self, channel: paramiko.Channel, argv: Sequence[str], stdin: bytes, deadline: float
    ) -> Done:
        from paramiko.ssh_exception import SSHException

        what = f"{self.name}: `{shown(argv)}`"
        try:
            channel.settimeout(max(0.1, deadline - time.monotonic()))
            channel.exec_command(shlex.join(argv))
            if stdin:
                channel.sendall(stdin)
            channel.shutdown_write()
            out = self._all(channel.recv, channel, deadline)
            err = self._all(channel.recv_stderr, channel, deadline)
            if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
        except TimeoutError:
            raise OutcomeUnknown(
                f"{what} was sent and did not end in time", "look before doing it again"
            ) from None
        except (SSHException, EOFError, OSError) as error:
            raise OutcomeUnknown(f"{what}: the connection broke: {clean(str(error), 80)}") from None
        code = channel.recv_exit_status()
        if code == -1:
            raise OutcomeUnknown(
                f"{what}: the connection was lost before it ended", "look before doing it again"
            )
        return Done(code, out, err.decode("utf-8", "replace"))

    @staticmethod
    def _all(receive: Callable[[int], bytes], channel: paramiko.Channel, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            channel.settimeout(max(0.05, deadline - time.monotonic()))
            data = receive(65536)
            if not data:
                return b"".join(parts)
            size += len(data)
            if size <= MOST:
                parts.append(data)

    def lines(self, argv: Sequence[str], stop: Callable[[], bool], *, root: bool = False) -> Iterator[str]:
        """The lines a command prints while it runs, until it ends or `stop()`; untrusted text."""
        password = ""
        if root:
            argv, password = self._as_root(argv, ask=False)
        channel = self.link.session(TIMEOUT)
        try:
            channel.settimeout(0.3)
            channel.exec_command(shlex.join(argv))
            if password:
                channel.sendall(f"{password}\n".encode())
            channel.shutdown_write()
            rest = b""
            while not stop():
                try:
                    data = channel.recv(262144)
                except TimeoutError:
                    continue
                if not data:
                    break
                *whole, rest = (rest + data).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in whole)
        except OSError:
            return
        finally:
            with contextlib.suppress(OSError):
                channel.close()

    def stream(
        self, argv: Sequence[str], *, root: bool, stdin: bytes = b"", timeout: float
    ) -> Generator[bytes, None, Done]:
        """What a command prints, in chunks as it comes; returns how it ended.

        Raises:
            SiteError: the host is not reached, or the connection broke or took longer than `timeout`.
        """
        password = ""
        if root:
            argv, password = self._as_root(argv, ask=False)
        deadline = time.monotonic() + timeout
        channel = self.link.session(timeout)
        try:
            channel.settimeout(max(0.1, timeout))
            channel.exec_command(shlex.join(argv))
            channel.sendall((f"{password}\n".encode() if password else b"") + stdin)
            channel.shutdown_write()
            while data := channel.recv(262144):
                yield data
                channel.settimeout(max(0.05, deadline - time.monotonic()))
            err = self._all(channel.recv_stderr, channel, deadline)
            return Done(channel.recv_exit_status(), b"", err.decode("utf-8", "replace"))
        except (TimeoutError, EOFError, OSError) as error:
            raise SiteError(
                f"{self.name}: `{shown(argv)}` broke off: {clean(str(error), 80) or 'no answer in time'}"
            ) from None
        finally:
            channel.close()

    # -- as root ---------------------------------------------------------------------------------

    def sudo(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = TIMEOUT, ask: bool = True
    ) -> Done:
        """Run a command as root.

        Args:
            ask: whether a person may be asked for the password of sudo.

        Raises:
            NodeError: the account may not, or the password is wrong or not given.
        """
        whole, password = self._as_root(argv, ask)
        done = self.run(whole, stdin=(f"{password}\n".encode() if password else b"") + stdin, timeout=timeout)
        if password and done.code and ("incorrect password" in done.err or "try again" in done.err):
            self._opened = False
            raise NodeError(f"{self.name}: sudo refuses the password it took before", "try again")
        return done

    def elevated(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = TIMEOUT) -> Done:
        """Run a command as root where that costs no question, else as the account itself."""
        if self.can_be_root_silently():
            return self.sudo(argv, stdin=stdin, timeout=timeout, ask=False)
        return self.run(argv, stdin=stdin, timeout=timeout)

    def can_be_root_silently(self) -> bool:
        """Whether root is to be had without asking anybody."""
        way = self._find_out()
        return way in (Root.IS, Root.SUDO) or (way is Root.PASSWORD and self._opened)

    def unlock(self) -> bool:
        """See to it that root is to be had, asking for the password of sudo where that is needed.

        False when there is no way to be root, or the password was not given.
        """
        if not self.can_be_root_silently() and self.root is Root.PASSWORD:
            with contextlib.suppress(NodeError):
                self._password()
        return self.can_be_root_silently()

    def describe(self, argv: Sequence[str], *, root: bool, words: str = "") -> str:
        """The command as it will be run, for a review; `words` stand for a script."""
        sudo = "sudo " if root and self.root is not Root.IS and self._may_sudo else ""
        return f"{self.link.hop.label}: {sudo}{clean(words, 300) or shown(argv)}"

    def _as_root(self, argv: Sequence[str], ask: bool) -> tuple[list[str], str]:
        way = self._find_out()
        account = self.link.hop.user
        if way is Root.IS:
            return list(argv), ""
        if way is Root.SUDO:
            return ["sudo", "-n", "--", *argv], ""
        if way is Root.PASSWORD and (ask or self._opened):
            # -k: sudo that remembers a login would leave the password to the command as its input.
            return ["sudo", "-k", "-S", "-p", "", "--", *argv], self._password()
        why = "sudo wants a password" if way is Root.PASSWORD else f"{account} may not use sudo there"
        raise NodeError(
            f"{self.name}: this needs root, and {why}", "log in as another user, or allow it in sudoers"
        )

    def _find_out(self) -> Root:
        with self._lock:
            if self.root is not Root.UNKNOWN:
                return self.root
            done = self.run(["sh", "-c", "id -u; sudo -k -n true"])
            number = done.text.strip()
            self.uid = int(number) if number.isdecimal() else -1
            if self.uid == 0:
                found = Root.IS
            elif not self._may_sudo or "not found" in done.err:
                found = Root.NEVER
            elif done.code == 0:
                found = Root.SUDO
            elif "password" in done.err or "tty" in done.err:
                found = Root.PASSWORD
            else:
                found = Root.NEVER
            self.root = found
            return found

    def _password(self) -> str:
        label = self.link.hop.label
        if self._opened and (known := self._secrets.known(f"sudo {label}")) is not None:
            return known
        wrong: str | None = None
        for _ in range(3):
            again = "sudo refuses it; " if wrong is not None else ""
            password = self._secrets.get(f"sudo {label}", f"{again}sudo password of {label}: ", wrong)
            if password is None:
                raise NodeError(f"{self.name}: this needs root, and the password of sudo was not given")
            done = self.run(["sudo", "-k", "-S", "-p", "", "true"], stdin=f"{password}\n".encode())
            if done.code == 0:
                self._opened = True
                return password
            if "not in the sudoers" in done.err or "not allowed" in done.err:
                raise NodeError(f"{self.name}: {self.link.hop.user} may not use sudo there")
            wrong = password
        raise NodeError(f"{self.name}: sudo refused the password of {label}")

    # -- files -------------------------------------------------------------------------------------

    def read(self, path: str, *, root: bool = True) -> bytes:
        """A file of the host, with root where that is to be had. Raises NodeError."""
        run = self.elevated if root else self.run
        done = run(["cat", "--", path])
        if done.code:
            raise NodeError(f"{self.name}: {clean(path)}: {clean(_last(done.err), 120)}")
        return done.out


def checked(done: Done, what: str) -> Done:
    """The same, if the command ended well. Raises NodeError with what it complained."""
    if done.code:
        raise NodeError(
            f"{what}: {clean(_last(done.err) or _last(done.text) or f'exit code {done.code}', 240)}"
        )
    return done


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def shown(argv: Sequence[str]) -> str:
    """A command for people: of a script within it only that there is one."""
    words = ["…" if "\n" in word.strip() else " ".join(word.split()) for word in argv]
    return clean(shlex.join(words).replace("'…'", "…"), 300)


def environment(values: Mapping[str, str]) -> list[str]:
    """``env A=b`` as the beginning of an argv; never for secrets."""
    return ["env", *(f"{key}={value}" for key, value in values.items())]


def unreachable(error: SiteError) -> bool:
    """Whether the host was not reached, as opposed to what it answered."""
    return not isinstance(error, NodeError)
