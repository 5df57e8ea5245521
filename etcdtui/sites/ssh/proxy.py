"""ssh's ProxyCommand: a connection that a command of this machine makes, on its standard input and output."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from typing import Any

from etcdtui.model.text import clean
from etcdtui.sites.ssh.ssh_config import in_shell

_ENDED = 0.5
"""Seconds in which a command that hung up is seen to end."""


class Piped:
    """A socket for paramiko whose other end is a command, run by the user's shell as ssh does it.

    paramiko's own takes no shell and, once the command has ended, asks its pipe again without a pause.

    Raises:
        OSError: the shell cannot be run.
    """

    def __init__(self, command: str) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the command
        self._closed = self._by_us = False
        self._closing = threading.Lock()
        self._sock, theirs = socket.socketpair()
        with theirs:
            # A bash that is the first of its kind and has a socket for its input takes itself for a remote
            # one and reads .bashrc, whose words would come before the server's.
            environ = {**os.environ, "SHLVL": os.environ.get("SHLVL", "").strip("0") or "1"}
            # A group of its own: ^C at the terminal is not for it.
            self._process = subprocess.Popen(
                in_shell(f"exec {command}"), env=environ,
                stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=self._said, start_new_session=True,
            )  # fmt: skip
        # It leaves no zombie behind, whenever it ends.
        threading.Thread(target=self._process.wait, name="etcdtui-ssh-proxy", daemon=True).start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def close(self) -> None:
        """End the command and what it has started; does not wait."""
        with self._closing:
            if not self._closed:
                self._by_us = self._process.returncode is None and not self._hung_up()
            self._closed = True
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            # A reader in another thread is told.
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _hung_up(self) -> bool:
        try:
            return self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except (BlockingIOError, TimeoutError):
            return False
        except OSError:
            return True

    def ended(self) -> str:
        """How the command ended, with its last words; empty while it runs and where `close` ended it.

        Untrusted text, made harmless.
        """
        try:
            code = self._process.wait(_ENDED)
        except subprocess.TimeoutExpired:
            return ""
        if self._by_us:
            return ""
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - 2000))
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        return f"its ProxyCommand ended ({how})" + (f": {clean(last.strip(), 160)}" if last else "")
