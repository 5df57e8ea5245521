"""A unix socket of this machine for one endpoint: each connection to it becomes one the host makes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from etcdtui.errors import EtcdtuiError
from etcdtui.sites.sockets import Listener

_CHUNK = 65536


class Tunnel:
    """Listens until closed.

    Args:
        path: where; the directory keeps others out.
        connect: makes the connection on the other side; raises EtcdtuiError.
    """

    def __init__(self, path: Path, connect: Callable[[], Any]) -> None:
        self.path = path
        self.error: EtcdtuiError | None = None
        """Why the last connection came to nothing; None since one stood."""
        self._connect = connect
        self._open: set[Any] = set()
        self._lock = threading.Lock()
        self._listener = Listener(path, self._serve)

    def close(self) -> None:
        """Close the socket and every connection through it; does not wait."""
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Break the connections there are."""
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            _end(end)

    def _serve(self, near: socket.socket) -> None:
        try:
            far = self._connect()
        except EtcdtuiError as error:
            self.error = error
            near.close()
            return
        self.error = None
        far.settimeout(None)
        with self._lock:
            self._open |= {near, far}
        back = threading.Thread(target=_pump, args=(far.recv, near.sendall, lambda: _end(near)), daemon=True)
        back.start()
        _pump(near.recv, far.sendall, lambda: _end(far))
        # What was pumped back ends with the channel.
        back.join(1.0)
        with self._lock:
            self._open -= {near, far}
        _end(near)
        _end(far)


def _pump(
    receive: Callable[[int], bytes],
    send: Callable[[bytes], object],
    ended: Callable[[], object] = lambda: None,
) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := receive(_CHUNK):
            send(data)
    ended()


def _end(end: Any) -> None:
    with contextlib.suppress(OSError, EOFError):
        if isinstance(end, socket.socket):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
