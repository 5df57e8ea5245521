"""A question asked again and again: one shell on the host that waits, answers, and waits."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etcdtui.errors import SiteError

if TYPE_CHECKING:
    import paramiko

    from etcdtui.sites.ssh.link import Link

_END = b"\x04\n"
_LOOP = "while IFS= read -r _; do (%s\n); printf '\\004\\n'; done"


class Watch:
    """Runs a script once for every `ask`, in a process that stays; not thread-safe.

    A new command for each look costs a dozen packets and a login shell on the host, this one two packets.

    Args:
        script: a shell script that reads nothing.
        words: its arguments.
    """

    def __init__(self, name: str, link: Link, script: str, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._name = name
        self._link = link
        self._argv = ["sh", "-c", _LOOP % script, "sh", *words]
        self._channel: paramiko.Channel | None = None

    def ask(self, timeout: float) -> str:
        """What the script prints now; untrusted text.

        Raises:
            SiteError: the host is not reached or does not answer in time.
        """
        from paramiko.ssh_exception import SSHException

        deadline = time.monotonic() + timeout
        try:
            return self._ask(deadline)
        except TimeoutError:
            self.close()
            raise SiteError(f"{self._name}: no answer within {timeout:g} s") from None
        except (OSError, EOFError, SSHException):
            # The last one where the channel is closed while its command is on its way.
            self.close()
            raise SiteError(f"{self._name}: the connection broke") from None

    def _ask(self, deadline: float) -> str:
        if self._channel is None or self._channel.closed or self._channel.eof_received:
            self.close()
            self._channel = self._link.session(max(0.1, deadline - time.monotonic()))
            self._channel.settimeout(max(0.1, deadline - time.monotonic()))
            self._channel.exec_command(shlex.join(self._argv))
        channel = self._channel
        channel.settimeout(max(0.1, deadline - time.monotonic()))
        channel.sendall(b"\n")
        data = b""
        while not data.endswith(_END):
            channel.settimeout(max(0.05, deadline - time.monotonic()))
            part = channel.recv(65536)
            if not part:
                raise EOFError
            data += part
        return data.removesuffix(_END).decode("utf-8", "replace")

    def close(self) -> None:
        """End the process there."""
        channel, self._channel = self._channel, None
        if channel is not None:
            with contextlib.suppress(OSError, EOFError):
                channel.close()
