"""A unix socket of this machine for one endpoint: each connection to it becomes one the host makes."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from etcdtui.errors import EtcdtuiError

PREFIX = "etcdtui-"
_CHUNK = 65536


def make_directory() -> Path:
    """A new directory of mode 0700 for sockets; those of consoles that died are cleared away."""
    place = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    if not os.access(place, os.W_OK):
        place = Path(tempfile.gettempdir())
    for old in place.glob(f"{PREFIX}[0-9]*-*"):
        pid = old.name.removeprefix(PREFIX).split("-")[0]
        with contextlib.suppress(OSError):
            if (
                old.stat().st_uid == os.getuid()
                and not Path(f"/proc/{pid}").exists()
                and Path("/proc/1").exists()
            ):
                shutil.rmtree(old)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))


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
        self._closed = False
        self._open: set[Any] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(16)
        threading.Thread(target=self._accept, name="etcdtui-tunnel", daemon=True).start()

    def close(self) -> None:
        """Close the socket and every connection through it; does not wait."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.drop()

    def drop(self) -> None:
        """Break the connections there are."""
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            _end(end)

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), name="etcdtui-tunnel", daemon=True).start()

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
