"""Port-forwards: one unix socket a pod, behind it a websocket to the API server for every connection.

A connection that breaks ends both sides; whoever dials again gets a new one.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.kube.access import Access
from etcdtui.sites.kube.websockets import open_websocket
from etcdtui.sites.sockets import Listener, make_directory

CHUNK = 64 * 1024


class Forward:
    """The way to one port of one pod.

    Args:
        path: API path of the pod, such as ``/api/v1/namespaces/x/pods/etcd-0``.
        address: where the unix socket is made.
    """

    def __init__(self, access: Access, path: str, port: int, address: Path) -> None:
        self.address = address
        self.trouble = ""
        """What the last connection failed with; empty while one stands or none was asked for."""
        self.lost = False
        """Whether that trouble is the way's (API server, rights) and not the pod's."""
        self.forbidden = False
        """Whether we may not forward at all."""
        self._broke: tuple[float, str] = (float("-inf"), "")
        self._access = access
        self._path = path
        self._port = port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._spare: Any = None
        self._listener = Listener(address, self._serve)

    def prepare(self) -> None:
        """Open the websocket of the next connection beforehand; a failure is met when it is wanted."""
        with contextlib.suppress(SiteError):
            remote = self._connect()
            self.forbidden = False
            with self._lock:
                spare, self._spare = self._spare, remote
            _end(spare)

    def cut(self) -> None:
        """End the connections there are: the pod behind them is another one now."""
        with self._lock:
            spare, self._spare = self._spare, None
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        _end(spare)

    def close(self) -> None:
        """Take no more connections and end those there are."""
        self._listener.close()
        self.cut()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            with self._lock:
                self._open.add(connection)
                remote, self._spare = self._spare, None
            try:
                remote = remote or self._connect()
            except SiteError as error:
                self.forbidden = error.message.startswith("not permitted")
                self._note(error.message, lost=not _is_of_the_pod(error.message))
            else:
                try:
                    self._carry(connection, remote)
                finally:
                    _end(remote)
            finally:
                with self._lock:
                    self._open.discard(connection)

    def _connect(self) -> Any:
        return open_websocket(self._access, f"{self._path}/portforward", [("ports", str(self._port))])

    def _note(self, trouble: str, *, lost: bool) -> None:
        if lost:
            self._broke = (time.monotonic(), trouble)
        self.trouble, self.lost = trouble, lost

    def broke_since(self, moment: float) -> str:
        """The way's own trouble since then (monotonic seconds), though it may be mended; empty for none."""
        at, trouble = self._broke
        return trouble if at >= moment else ""

    def _carry(self, near: socket.socket, remote: Any) -> None:
        """Copy in both directions until one side ends."""
        import websocket

        poll = select.poll()
        far = remote.sock
        for each in (near, far):
            poll.register(each, select.POLLIN)
        greeted = {0: False, 1: False}
        try:
            while True:
                waiting = isinstance(far, ssl.SSLSocket) and far.pending() > 0
                ready = {number for number, _ in poll.poll(0 if waiting else None)}
                if near.fileno() in ready:
                    data = _received(near)
                    if not data:
                        return
                    remote.send_binary(b"\0" + data)
                if (waiting or far.fileno() in ready) and not self._receive(near, remote, greeted):
                    return
        except (OSError, ValueError, websocket.WebSocketException) as error:
            # A pod that dies has its stream closed in good order: this is the way that broke.
            if not self._listener.closed and near.fileno() >= 0:
                self._note(f"the port-forward broke: {clean(str(error), 100)}", lost=True)

    def _receive(self, near: socket.socket, remote: Any, greeted: dict[int, bool]) -> bool:
        """Take one frame of the websocket; whether to go on.

        Channel 0 is the data, channel 1 tells an error; the first frame of each is the port's number.
        """
        import websocket

        opcode, frame = remote.recv_data_frame(True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return False
        if opcode != websocket.ABNF.OPCODE_BINARY or not frame.data:
            return True
        channel, data = frame.data[0], frame.data[1:]
        if not greeted.get(channel, True):
            greeted[channel] = True
            return True
        if channel == 1:
            self._note(self._in_words(data.decode(errors="replace")), lost=False)
            return False
        if channel == 0 and data:
            self._note("", lost=False)
            with contextlib.suppress(OSError):
                near.sendall(data)
        return True

    def _in_words(self, said: str) -> str:
        """What the kubelet says of the port, without the paths of its network namespaces."""
        if "connection refused" in said:
            return (
                f"connection refused: nothing listens on port {self._port} of {self._path.rpartition('/')[2]}"
            )
        # Which sandbox it was helps nobody.
        said = re.sub(r"^error forwarding port \d+ to pod \w+, uid : *", "the port-forward failed: ", said)
        return clean(" ".join(said.split()), 200)


def _received(near: socket.socket) -> bytes:
    """What gRPC sent; nothing once it has gone."""
    try:
        return near.recv(CHUNK)
    except OSError:
        return b""


def _end(remote: Any) -> None:
    """End a websocket without the ceremony of its protocol."""
    if remote is not None:
        with contextlib.suppress(OSError):
            remote.shutdown()


def _is_of_the_pod(message: str) -> bool:
    """Whether a refusal tells of the pod: it is not there or does not run."""
    words = (
        "not found",
        "not running",
        "does not have a host",
        "is not available",
        "no such",
        "unable to upgrade",
    )
    return not message.startswith("not ") and any(word in message for word in words)


class Forwards:
    """The forwards of one site, made when they are first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[str, int], Forward] = {}
        self.directory = make_directory()

    def to(self, access: Access, namespace: str, pod: str, port: int) -> Forward:
        """The forward to a pod's port. Raises SiteError when no socket can be made."""
        with self._lock:
            found = self._made.get((pod, port))
            if found is None:
                path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
                address = self.directory / f"{len(self._made)}.sock"
                try:
                    found = Forward(access, path, port, address)
                except OSError as error:
                    raise SiteError(f"{address}: {error.strerror}") from None
                self._made[pod, port] = found
            return found

    def cut(self, pod: str) -> None:
        """End a pod's connections; the next dial makes new ones."""
        with self._lock:
            found = [forward for (name, _), forward in self._made.items() if name == pod]
        for forward in found:
            forward.cut()

    def close(self) -> None:
        """End everything and remove the directory."""
        with self._lock:
            made = list(self._made.values())
        for forward in made:
            forward.close()
        for left in self.directory.glob("*"):
            left.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.directory.rmdir()
