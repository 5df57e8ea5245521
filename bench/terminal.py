"""A program on a pseudo-terminal whose output is stamped with the time it arrived."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence

_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|P[^\x1b]*\x1b\\|[@-Z\\-_=>])"
)


class Terminal:
    """Starts a program on a pty of its own and reads everything it writes, in a thread."""

    def __init__(
        self, argv: Sequence[str], columns: int = 120, lines: int = 36, env: Mapping[str, str] | None = None
    ) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        full = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        full.pop("NO_COLOR", None)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=full, start_new_session=True, close_fds=True
        )
        os.close(slave)
        self.chunks: list[tuple[float, bytes]] = []
        self._cv = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self.master], [], [], 0.5)
                data = os.read(self.master, 65536) if ready else None
            except (OSError, ValueError):
                data = b""
            if data is None:
                continue
            with self._cv:
                if data:
                    self.chunks.append((time.monotonic(), data))
                else:
                    self._ended = True
                self._cv.notify_all()
            if not data:
                return

    def wait_for(self, pattern: str, timeout: float = 30.0, since: float = 0.0) -> float:
        """Until the text written after `since` matches; the time of the chunk that completed the match."""
        wanted = re.compile(pattern.encode())
        deadline = time.monotonic() + timeout
        with self._cv:
            while True:
                seen = b""
                for at, data in self.chunks:
                    if at >= since:
                        seen += data
                        if wanted.search(_ESCAPES.sub(b"", seen)):
                            return at
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    tail = _ESCAPES.sub(b"", seen)[-1500:].decode(errors="replace")
                    raise TimeoutError(f"{pattern!r} was not shown; the terminal's end: {tail}")
                self._cv.wait(left)

    def quiet(self, seconds: float, timeout: float = 30.0) -> None:
        """Until nothing was written for so long."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with self._cv:
                last = self.chunks[-1][0] if self.chunks else self.began
            rest = last + seconds - time.monotonic()
            if rest <= 0:
                return
            time.sleep(rest)
        raise TimeoutError(f"the terminal was never quiet for {seconds} s")

    def written(self, since: float, until: float) -> bytes:
        """What was written in a span of monotonic time."""
        with self._cv:
            return b"".join(data for at, data in self.chunks if since <= at < until)

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def close(self) -> None:
        """End the program by its pid, with SIGTERM and in the end SIGKILL."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        # It reads of a number that belongs to somebody else soon after.
        self._reader.join(5)
        with contextlib.suppress(OSError):
            os.close(self.master)
