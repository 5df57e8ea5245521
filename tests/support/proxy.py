"""A proxy on loopback, as between an operator and an API server: HTTP CONNECT or SOCKS 5, with a password."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

USER, PASSWORD = "jane", "p@ss:w/rd"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class Proxy:
    """What came through: `asked` for each connection that was let in, `refused` for each that was not."""

    def __init__(self, kind: str) -> None:
        self.asked: list[str] = []
        self.refused = 0
        serve = self._connect if kind == "http" else self._socks

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError), self.request as near:
                    serve(near)

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]

    def _connect(self, near: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (data := near.recv(4096)):
            head += data
        lines = head.decode().split("\r\n")
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if f"proxy-authorization: basic {login}".lower() not in [line.lower() for line in lines]:
            self.refused += 1
            near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = lines[0].split()[1].rpartition(":")
        self._through(near, host, int(port), b"HTTP/1.1 200 OK\r\n\r\n")

    def _socks(self, near: socket.socket) -> None:
        """RFC 1928, with a password as in RFC 1929."""
        near.recv(near.recv(2)[1])
        near.sendall(b"\x05\x02")
        user = near.recv(near.recv(2)[1])
        password = near.recv(near.recv(1)[0])
        right = (user.decode(), password.decode()) == (USER, PASSWORD)
        near.sendall(b"\x01" + (b"\x00" if right else b"\x01"))
        if not right:
            self.refused += 1
            return
        kind = near.recv(4)[3]
        host = socket.inet_ntoa(near.recv(4)) if kind == 1 else near.recv(near.recv(1)[0]).decode()
        (port,) = struct.unpack("!H", near.recv(2))
        self._through(near, host, port, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

    def _through(self, near: socket.socket, host: str, port: int, said: bytes) -> None:
        with socket.create_connection((host, port)) as far:
            self.asked.append(f"{host}:{port}")
            near.sendall(said)
            while True:
                for each in select.select([near, far], [], [])[0]:
                    data = each.recv(65536)
                    if not data:
                        return
                    (far if each is near else near).sendall(data)


@contextlib.contextmanager
def proxied(kind: str) -> Iterator[Proxy]:
    """A proxy, ``http`` or ``socks5``, that runs meanwhile."""
    proxy = Proxy(kind)
    threading.Thread(target=proxy.server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
