"""A gate before the real API server: it can fall silent, break what is open, or shut; the bytes are real."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.support.etcd import free_ports
from tests.support.kube import Kube

CHUNK = 64 * 1024


class Gate:
    """A relay of TCP connections on a port of its own, in one thread.

    Args:
        address: host and port that it leads to.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._silent = False
        self._closed = False
        # Nobody's while the gate is shut: one of the system's choice may become the local end of somebody's
        # connection meanwhile.
        (self.port,) = free_ports(1)
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Connections stand and are taken, and nothing comes through: a frozen server, a lost route."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    @contextlib.contextmanager
    def shut(self) -> Iterator[None]:
        """No connection is taken and those there are break: the server is gone."""
        with self._lock:
            self._listener.close()
        self.cut()
        try:
            yield
        finally:
            with self._lock:
                self._listener = socket.create_server(("127.0.0.1", self.port))

    def cut(self) -> None:
        """Break every connection there is; new ones are taken."""
        with self._lock:
            for each in list(self._peers):
                self._end(each)

    def close(self) -> None:
        """Take and carry nothing more."""
        self._closed = True
        self._thread.join(5)
        self._listener.close()
        self.cut()
        self._selector.close()

    def _run(self) -> None:
        listening: socket.socket | None = None
        while not self._closed:
            with self._lock:
                if listening is not self._listener:
                    listening = self._watch(listening)
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    self._serve(key.fileobj)  # type: ignore[arg-type]
            while self._silent and not self._closed:
                threading.Event().wait(0.02)

    def _watch(self, before: socket.socket | None) -> socket.socket | None:
        """Take connections at the listener there is now."""
        if before is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(before)
        if self._listener.fileno() < 0:
            return None
        self._selector.register(self._listener, selectors.EVENT_READ)
        return self._listener

    def _serve(self, ready: socket.socket) -> None:
        if ready is self._listener:
            # It may have been shut since it was found ready, and the server may have no room.
            with contextlib.suppress(OSError):
                self._take(ready.accept()[0])
        elif ready in self._peers:
            try:
                data = ready.recv(CHUNK)
                self._peers[ready].sendall(data)
            except OSError:
                data = b""
            if not data:
                self._end(ready)

    def _take(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._address)
        except OSError:
            near.close()
            raise
        self._peers |= {near: far, far: near}
        for each in (near, far):
            self._selector.register(each, selectors.EVENT_READ)

    def _end(self, one: socket.socket) -> None:
        other = self._peers.pop(one, None)
        if other is not None:
            self._peers.pop(other, None)
            for each in (one, other):
                self._selector.unregister(each)
                each.close()


@contextlib.contextmanager
def gated(kube: Kube, file: Path) -> Iterator[Gate]:
    """A gate before the API server, and a kubeconfig that leads through it, written to `file`."""
    config = json.loads(kube.run("config", "view", "--minify", "--flatten", "-o", "json"))
    cluster = config["clusters"][0]["cluster"]
    url = urlsplit(cluster["server"])
    host = url.hostname or ""
    gate = Gate((host, url.port or 443))
    cluster["server"] = f"https://127.0.0.1:{gate.port}{url.path}"
    cluster["tls-server-name"] = host
    file.write_text(yaml.safe_dump(config))
    file.chmod(0o600)
    try:
        yield gate
    finally:
        gate.close()
