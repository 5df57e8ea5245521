"""A console in a terminal of its own (a pty), whose every byte is counted."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path


class Terminal:
    """A child process on a pty, with a line-based control channel beside it."""

    def __init__(self, module: str, *args: str, size: tuple[int, int] = (80, 24)) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        command_read, self._command = os.pipe()
        self._reply, reply_write = os.pipe()
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
        env.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(command_read), str(reply_write), *args],
            stdin=slave, stdout=slave, stderr=slave, pass_fds=(command_read, reply_write), env=env,
            cwd=Path(__file__).resolve().parents[2],
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        for fd in (slave, command_read, reply_write):
            os.close(fd)
        self.output = b""

    def pump(self, seconds: float, until: Sequence[bytes] = ()) -> bytes:
        """What is written within some seconds, or until one of these strings was seen."""
        got = b""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            got += data
            self.output += data
            if any(word in self.output for word in until):
                break
        return got

    def settle(self, quiet: float = 0.6, limit: float = 20) -> None:
        """Until nothing was written for a while."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if not self.pump(quiet):
                return
        raise TimeoutError("the console does not stop writing")

    def order(self, line: str, timeout: float = 20, shows: bytes = b"") -> bytes:
        """Send a command and pump until the child has answered; what was written meanwhile.

        Args:
            shows: what it is to write; that is waited for, too.
        """
        os.write(self._command, line.encode() + b"\n")
        got = b""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            ready = select.select([self.master, self._reply], [], [], 0.2)[0]
            if self.master in ready:
                data = os.read(self.master, 65536)
                got += data
                self.output += data
            if self._reply in ready:
                os.read(self._reply, 100)
                break
        else:
            raise TimeoutError(f"no answer to {line!r}")
        while shows not in got and time.monotonic() < deadline:
            got += self.pump(0.1)
        return got + self.pump(0.6)

    def keys(self, text: str) -> None:
        """Type."""
        os.write(self.master, text.encode())

    def drawn(self, text: str) -> None:
        """Type, and wait until what that changes is on the screen."""
        self.keys(text)
        if not select.select([self.master], [], [], 20)[0]:
            raise TimeoutError(f"nothing was drawn after {text!r}")
        self.settle()

    def hang_up(self) -> None:
        """The terminal vanishes."""
        os.close(self.master)
        self.master = -1

    def wait(self, timeout: float = 30) -> int:
        """The exit code."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < deadline:
            if self.master >= 0:
                self.pump(0.05)
            else:
                time.sleep(0.02)
        if self.process.poll() is None:
            raise TimeoutError("still running")
        if self.master >= 0:
            # What it wrote last may not have been read yet.
            self.pump(1)
        return self.process.returncode

    def close(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
        for fd in (self.master, self._command, self._reply):
            if fd >= 0:
                os.close(fd)
