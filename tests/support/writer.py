"""A client that writes all the time, notes what etcd acknowledged, and checks all of it at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import cycle, pairwise
from types import TracebackType
from typing import NamedTuple

from etcdtui.errors import EtcdError
from etcdtui.etcd.api import EtcdWriter, Target
from etcdtui.etcd.rpc import dial

PREFIX = b"writer/"
PUT_TIMEOUT = 1.0
"""Seconds until a put counts as not acknowledged; the same number is then tried at the next endpoint."""

ELECTIONS = 8.0
"""Seconds without an acknowledged write that elections explain, and no more: one takes 0.5 to 1 s here,
a split vote or a busy machine as much again, and every put that met them is given up after `PUT_TIMEOUT`."""


class Tally(NamedTuple):
    """What became of the writes."""

    acknowledged: int
    lost: tuple[int, ...]
    """Numbers that were acknowledged and are not there, or not with a value that was written."""
    longest_gap: float
    """Seconds of the longest stretch without an acknowledged write."""


class Writer:
    """Puts ``writer/NUMBER`` = ``NUMBER`` for rising numbers, each until it is acknowledged.

    A number is acknowledged when some put of it returned; a put that failed may have happened and is
    repeated with the same value, which changes nothing. Endpoints take turns after an error, so that a
    dead one costs one timeout.

    Args:
        urls: plain client URLs to begin with.
        current: asked after an error for the endpoints as they are now, when members come and go.
        reach: the API at a URL; dialled directly when None.
        pause: seconds between two writes; 0 writes as fast as etcd answers.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        current: Callable[[], Sequence[str]] | None = None,
        reach: Callable[[str], EtcdWriter] | None = None,
        pause: float = 0.005,
    ) -> None:
        self._urls = list(urls)
        self._current = current
        self._reach = reach or (lambda url: dial(Target(url, url.split("://")[-1])))
        self._pause = pause
        self._stop = threading.Event()
        self._progress = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._apis: dict[str, EtcdWriter] = {}
        self._acknowledged: list[int] = []
        self._times: list[float] = []
        self._began = 0.0
        self._ended = 0.0
        self.errors: list[str] = []
        """What failed puts said, for a message."""

    def __enter__(self) -> Writer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; returns once the first write is acknowledged."""
        self._began = time.monotonic()
        self._thread.start()
        self.wait_for(1)

    @property
    def count(self) -> int:
        """Writes acknowledged so far."""
        return len(self._acknowledged)

    def wait_for(self, more: int, timeout: float = 20.0) -> None:
        """Until so many further writes are acknowledged. Raises TimeoutError."""
        with self._progress:
            goal = self.count + more
            if not self._progress.wait_for(lambda: self.count >= goal, timeout):
                raise TimeoutError(f"{more} writes not acknowledged in {timeout:g} s: {self.errors[-3:]}")

    def stop(self) -> None:
        """End; may be called again."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        for api in self._apis.values():
            api.close()
        self._apis.clear()

    def verify(self, urls: Sequence[str] | None = None, timeout: float = 10.0) -> Tally:
        """Stop, and read back every acknowledged write from each of the endpoints, linearizably.

        Args:
            urls: where to read; the endpoints as they are now when None. Each must answer.
        """
        self.stop()
        lost: set[int] = set()
        for url in urls if urls is not None else self._known():
            held = self._read(url, timeout)
            lost |= {n for n in self._acknowledged if held.get(_key(n)) != _value(n)}
        moments = [self._began, *self._times, self._ended]
        gaps = (later - earlier for earlier, later in pairwise(moments))
        return Tally(len(self._acknowledged), tuple(sorted(lost)), max(gaps, default=0.0))

    def _read(self, url: str, timeout: float) -> dict[bytes, bytes]:
        """What an endpoint holds. A read is repeated, as etcd's own client does: an election refuses it."""
        api, deadline = self._reach(url), time.monotonic() + timeout
        try:
            while True:
                try:
                    return {pair.key: pair.value for pair in api.get_prefix(PREFIX, timeout)}
                except EtcdError:
                    if time.monotonic() >= deadline:
                        raise
                time.sleep(0.1)
        finally:
            api.close()

    def _known(self) -> list[str]:
        return list(self._current()) if self._current is not None else self._urls

    def _run(self) -> None:
        urls = cycle(self._urls)
        url, number = next(urls), 0
        while not self._stop.is_set():
            try:
                if url not in self._apis:
                    self._apis[url] = self._reach(url)
                self._apis[url].put(_key(number), _value(number), PUT_TIMEOUT)
            except EtcdError as error:
                self.errors.append(f"{url}: {error.message}")
                if self._known() != self._urls:
                    self._urls = self._known()
                    urls = cycle(self._urls)
                url = next(urls)
                self._stop.wait(0.02)
                continue
            with self._progress:
                self._acknowledged.append(number)
                self._times.append(time.monotonic())
                self._progress.notify_all()
            number += 1
            self._stop.wait(self._pause)
        self._ended = time.monotonic()


def _key(number: int) -> bytes:
    return PREFIX + b"%08d" % number


def _value(number: int) -> bytes:
    return b"%d" % number
