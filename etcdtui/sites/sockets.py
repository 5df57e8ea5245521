"""The near end of tunnels: unix sockets of mode 0600 in a directory of mode 0700, for a machine is shared.

Loopback ports are everybody's, on a jump host too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

PREFIX = "etcdtui-"
_LONGEST = 60
"""Of the place: the path of a unix socket has room for 107 bytes."""


def make_directory() -> Path:
    """A new directory of mode 0700 for sockets; those of consoles that died are cleared away."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    fits = runtime and len(runtime) < _LONGEST and Path(runtime).is_dir() and os.access(runtime, os.W_OK)
    place = Path(runtime if fits else tempfile.gettempdir())
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


class Listener:
    """Listens on a unix socket until closed, and serves each connection in a daemon thread of its own.

    Args:
        path: where; the directory keeps others out.
        serve: called with each connection, which it closes.

    Raises:
        OSError: no socket can be made there.
    """

    def __init__(self, path: Path, serve: Callable[[socket.socket], None]) -> None:
        self.path = path
        self.closed = False
        self._serve = serve
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.listen(16)
        threading.Thread(target=self._accept, name=f"etcdtui-{path.name}", daemon=True).start()

    def close(self) -> None:
        """Take no more connections; does not wait."""
        self.closed = True
        # A thread that waits in accept() is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _accept(self) -> None:
        name = f"etcdtui-{self.path.name}-carry"
        while not self.closed:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), name=name, daemon=True).start()
