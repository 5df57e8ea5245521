"""Worker lanes: daemon threads that repeat one blocking reading each, never overlapping themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def spawn(work: Callable[[], object], name: str) -> threading.Thread:
    """Run something in a daemon thread, which never holds up quitting."""
    thread = threading.Thread(target=work, name=f"etcdtui-{name}", daemon=True)
    thread.start()
    return thread


class Lane:
    """One thread, one kind of reading: it rests until woken, reads once, and reports.

    Args:
        name: for thread names, such as the endpoint.
        work: the blocking reading. It turns the errors it expects into data.
        failed: told what an unexpected exception said, so that nothing is swallowed.
        done: called after every reading, in the lane's thread.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        failed: Callable[[str], None],
        done: Callable[[Lane], None],
    ) -> None:
        self.name = name
        self.began = float("-inf")
        """When the last completed reading began, monotonic seconds."""
        self._work = work
        self._failed = failed
        self._done = done
        self._wake = threading.Event()
        self._busy = False
        self._closed = False
        spawn(self._loop, name)

    @property
    def busy(self) -> bool:
        """Whether a reading is under way or due."""
        return self._busy or self._wake.is_set()

    def wake(self, *, again: bool = False) -> None:
        """Read now. While a reading is under way nothing happens, or with `again` one more follows."""
        if not self._busy or again:
            self._wake.set()

    def close(self) -> None:
        """End the thread once its reading is over; does not wait."""
        self._closed = True
        self._wake.set()

    def _loop(self) -> None:
        while True:
            self._wake.wait()
            if self._closed:
                return
            self._busy = True
            self._wake.clear()
            began = time.monotonic()
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - the lane must outlive what nobody foresaw, and say it
                self._failed(f"internal error: {type(error).__name__}: {error}")
            self.began = began
            self._busy = False
            self._done(self)
