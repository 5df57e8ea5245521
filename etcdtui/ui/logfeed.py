"""Lines of a log between the thread that reads and the screen that draws: bounded, never waiting."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from etcdtui.errors import EtcdtuiError
from etcdtui.model.logline import stamp_of

RING = 20_000
"""Lines kept; older ones are let go."""
TAIL = 500
"""Lines shown from before the log was opened."""
GAP = "-- more lines came at once than were read: some are missing here --"
FROM = RING // 2
"""Lines shown from a moment on before what is new: they stay while as many come."""


class LogSource(Protocol):
    """What gives logs; `etcdtui.sites.base.Logged` does."""

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines."""
        ...

    def log_from(self, node: str, moment: str, lines: int) -> tuple[str, ...]:
        """The first lines from a moment on."""
        ...

    def log_follow(self, node: str, stop: Callable[[], bool], lines: int = 0) -> Iterator[str]:
        """The last lines and new ones until `stop()`."""
        ...


@runtime_checkable
class HasPrevious(Protocol):
    """A source that keeps the log of the run before, such as that of a container."""

    def log_previous(self, node: str, lines: int) -> tuple[str, ...]:
        """Its last lines; empty when there was none."""
        ...


class LogFeed:
    """Reads one node's log in a daemon thread until closed.

    Args:
        moment: where to begin, ``YYYY-MM-DD HH:MM:SS`` by the log's own clock; a little before its end
            when empty.
        previous: the log of the run before this one, where the source has it.
    """

    def __init__(self, source: LogSource, node: str, moment: str = "", *, previous: bool = False) -> None:
        self._source = source
        self._node = node
        self.moment = moment
        self.has_previous = isinstance(source, HasPrevious)
        self.previous = previous and self.has_previous
        self._lines: deque[str] = deque(maxlen=RING)
        self._lock = threading.Lock()
        self._closed = False
        self.error = ""
        """Why there are no more lines; empty while there may be."""
        threading.Thread(target=self._read, name=f"etcdtui-log-{node}", daemon=True).start()

    def again(self, moment: str) -> LogFeed:
        """The same log from a moment on; this feed is closed."""
        self.close()
        return LogFeed(self._source, self._node, moment)

    def other_run(self) -> LogFeed:
        """The log of the run before, or of this one again; this feed is closed."""
        self.close()
        return LogFeed(self._source, self._node, previous=not self.previous)

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
            if self.previous:
                self._read_previous()
                return
            before = self._before()
            with self._lock:
                self._lines.extend(before)
            self._follow(before)
            self.error = "the log has ended"
        except EtcdtuiError as error:
            self.error = error.message

    def _read_previous(self) -> None:
        lines = self._source.log_previous(self._node, FROM) if isinstance(self._source, HasPrevious) else ()
        with self._lock:
            self._lines.extend(lines)
        self.error = "this run has ended" if lines else "there was no run before this one"

    def _before(self) -> list[str]:
        """The lines there are already."""
        if not self.moment:
            return list(self._source.log_tail(self._node, TAIL))
        lines = list(self._source.log_from(self._node, self.moment, FROM))
        if len(lines) == FROM:
            lines.append(f"-- {FROM} lines from {self.moment} on; those up to now are left out --")
        return lines

    def _follow(self, before: list[str]) -> None:
        """Following begins with lines of before, so that none is missed; those shown are left out."""
        shown, reached = Counter(before[-TAIL:]), not self.moment
        stream = self._source.log_follow(self._node, lambda: self._closed, TAIL)
        for number, line in enumerate(stream):
            reached = reached or number >= TAIL or stamp_of(line) >= self.moment
            known = number < TAIL and (shown[line] > 0 or not reached)
            gap = [GAP] if number == 0 and before and not known else []
            if known:
                shown[line] -= 1
                continue
            with self._lock:
                self._lines.extend([*gap, line])
            if self._closed:
                return
