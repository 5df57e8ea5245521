"""Lines of a log between the thread that reads and the screen that draws: bounded, never waiting."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from etcdtui.errors import EtcdtuiError

RING = 20_000
"""Lines kept; older ones are let go."""
TAIL = 500
"""Lines shown from before the log was opened."""


class LogSource(Protocol):
    """What gives logs; `etcdtui.sites.base.Logged` does."""

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines."""
        ...

    def log_follow(self, node: str, stop: Callable[[], bool]) -> Iterator[str]:
        """New lines until `stop()`."""
        ...


class LogFeed:
    """Reads one node's log in a daemon thread until closed."""

    def __init__(self, source: LogSource, node: str) -> None:
        self._source = source
        self._node = node
        self._lines: deque[str] = deque(maxlen=RING)
        self._lock = threading.Lock()
        self._closed = False
        self.error = ""
        """Why there are no more lines; empty while there may be."""
        threading.Thread(target=self._read, name=f"etcdtui-log-{node}", daemon=True).start()

    def take(self) -> list[str]:
        """The lines that came since the last call."""
        with self._lock:
            lines, self._lines = self._lines, deque(maxlen=RING)
        return list(lines)

    def close(self) -> None:
        """Read no more; does not wait."""
        self._closed = True

    def _read(self) -> None:
        try:
            tail = self._source.log_tail(self._node, TAIL)
            with self._lock:
                self._lines.extend(tail)
            for line in self._source.log_follow(self._node, lambda: self._closed):
                with self._lock:
                    self._lines.append(line)
                if self._closed:
                    return
            self.error = "the log has ended"
        except EtcdtuiError as error:
            self.error = error.message
