"""Noticing at once that a connection broke, at no cost while it stands.

A Watch stream is opened without a create request: it asks nothing of etcd, needs no permission, no quorum
and no leader, and it ends the moment the connection does. Learners refuse streams; there gRPC's own
connectivity subscription does the same, at a higher price. Both report a killed process in about 5 ms; see
docs/decisions/0003-a-stream-reports-lost-connections.md for the measurement.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from etcd3 import etcdrpc


def _no_requests(release: threading.Event) -> Iterator[Any]:
    """A request stream that stays open and sends nothing."""
    release.wait()
    yield from ()


class Disconnects:
    """Calls back, from gRPC's threads, whenever an established connection of one channel is lost."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._watch = etcdrpc.WatchStub(channel).Watch
        self._lock = threading.Lock()
        self._callbacks: tuple[Callable[[], None], ...] = ()
        self._armed = False
        self._closed = False
        self._call: Any = None
        self._release = threading.Event()
        self._was_ready = False

    def add(self, callback: Callable[[], None]) -> None:
        """Call `callback` on every loss from now on; it must be quick and must not raise."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)

    def established(self) -> None:
        """Say that a call was just answered, so there is a connection to look after."""
        if self._armed:
            return
        with self._lock:
            if self._armed or self._closed or not self._callbacks:
                return
            self._armed = True
            self._release = release = threading.Event()
            try:
                call = self._call = self._watch(_no_requests(release))
            except ValueError:  # the channel was closed meanwhile
                release.set()
                return
        if not call.add_callback(lambda: self._ended(call, release)):
            self._ended(call, release)

    def close(self) -> None:
        """Stop looking; nothing is called back afterwards."""
        with self._lock:
            self._closed = True
            call, self._call = self._call, None
            self._release.set()
        self._channel.unsubscribe(self._connectivity)
        if call is not None:
            call.cancel()

    def _ended(self, call: Any, release: threading.Event) -> None:
        release.set()
        with self._lock:
            if self._closed:
                return
            self._call = None
            # etcd's own refusal (a learner), or a server without Watch: the connection stands.
            refused = str(call.details()).startswith("etcdserver: rpc not supported")
            refused = refused or call.code() in (
                grpc.StatusCode.UNIMPLEMENTED,
                grpc.StatusCode.FAILED_PRECONDITION,
            )
            self._armed = refused
            self._was_ready = False
        if refused:
            self._channel.subscribe(self._connectivity)
        else:
            self._fire()

    def _connectivity(self, state: Any) -> None:
        ready = state is grpc.ChannelConnectivity.READY
        with self._lock:
            lost, self._was_ready = self._was_ready and not ready, ready
            if self._closed or not lost:
                return
            self._armed = False
        self._channel.unsubscribe(self._connectivity)
        self._fire()

    def _fire(self) -> None:
        for callback in self._callbacks:
            callback()
