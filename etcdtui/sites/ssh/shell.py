"""Running commands on a host: argv lists, quoted here and nowhere else, with a deadline and with sudo."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError, OutcomeUnknown, SiteError
from etcdtui.model.text import clean
from etcdtui.sites.ssh.sudo import Done as Done
from etcdtui.sites.ssh.sudo import Root, Sudo

if TYPE_CHECKING:
    import paramiko

    from etcdtui.sites.ssh.link import Link
    from etcdtui.sites.ssh.secrets import Secrets

TIMEOUT = 10.0
MOST = 16 * 1024 * 1024
"""Bytes of output that are kept of one command."""


class Shell:
    """Commands on one host.

    Args:
        name: the node's name, for messages.
        may_sudo: whether sudo is used at all.
    """

    def __init__(self, name: str, link: Link, secrets: Secrets, *, may_sudo: bool = True) -> None:
        self.name = name
        self.link = link
        self._sudo = Sudo(name, link.hop, secrets, self._plain, allowed=may_sudo)

    @property
    def root(self) -> Root:
        """How the account becomes root, as far as that is known."""
        return self._sudo.root

    @property
    def uid(self) -> int:
        """The number of the account, -1 before it is known."""
        return self._sudo.uid

    def _plain(self, argv: Sequence[str], stdin: bytes) -> Done:
        return self.run(argv, stdin=stdin)

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
        secret = b""
        if root:
            argv, secret = self._sudo.command(argv, ask=False)
        channel = self.link.session(TIMEOUT)
        try:
            channel.settimeout(0.3)
            channel.exec_command(shlex.join(argv))
            if secret:
                channel.sendall(secret)
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
        if root:
            argv, secret = self._sudo.command(argv, ask=False)
            stdin = secret + stdin
        deadline = time.monotonic() + timeout
        channel = self.link.session(timeout)
        try:
            channel.settimeout(max(0.1, timeout))
            channel.exec_command(shlex.join(argv))
            if stdin:
                channel.sendall(stdin)
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
        whole, secret = self._sudo.command(argv, ask=ask)
        return self._sudo.check(self.run(whole, stdin=secret + stdin, timeout=timeout))

    def elevated(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = TIMEOUT) -> Done:
        """Run a command as root where that costs no question, else as the account itself."""
        if self.can_be_root_silently():
            return self.sudo(argv, stdin=stdin, timeout=timeout, ask=False)
        return self.run(argv, stdin=stdin, timeout=timeout)

    def can_be_root_silently(self) -> bool:
        """Whether root is to be had without asking anybody."""
        return self._sudo.silently()

    def unlock(self) -> bool:
        """See to it that root is to be had, asking for sudo's password where needed; whether it is."""
        return self._sudo.unlock()

    def describe(self, argv: Sequence[str], *, root: bool, words: str = "") -> str:
        """The command as it will be run, for a review; `words` stand for a script."""
        sudo = "sudo " if root and self.root is not Root.IS and self._sudo.allowed else ""
        return f"{self.link.hop.label}: {sudo}{clean(words, 300) or shown(argv)}"

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
