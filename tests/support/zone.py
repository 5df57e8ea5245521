"""A real nameserver for one zone of a test's own, over UDP and TCP: A and SRV records, nothing else."""

from __future__ import annotations

import contextlib
import ipaddress
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping

A, SRV = 1, 33


def _name(text: str) -> bytes:
    return b"".join(bytes([len(x)]) + x.encode() for x in text.rstrip(".").split(".")) + b"\0"


class Zone:
    """Records, which a test may change while it is asked."""

    def __init__(self) -> None:
        self.hosts: dict[str, str] = {}
        """Addresses by name."""
        self.services: dict[str, list[tuple[str, int]]] = {}
        """Target and port by name."""

    def reply(self, query: bytes) -> bytes:
        identity, flags = struct.unpack_from("!HH", query)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        (kind,) = struct.unpack_from("!H", query, at + 1)
        name, found = ".".join(labels), []
        if kind == A and name in self.hosts:
            found = [ipaddress.IPv4Address(self.hosts[name]).packed]
        if kind == SRV:
            found = [struct.pack("!3H", 0, 0, p) + _name(t) for t, p in self.services.get(name, [])]
        there = name in self.hosts or name in self.services
        code = 0 if there else 3
        head = struct.pack("!6H", identity, 0x8480 | flags & 0x0100 | code, 1, len(found), 0, 0)
        answers = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 1, len(d)) + d for d in found)
        return head + query[12 : at + 5] + answers


@contextlib.contextmanager
def serving(address: str, records: Mapping[str, str], port: int = 53) -> Iterator[Zone]:
    """A zone that is served at an address, with these hosts in it."""
    zone = Zone()
    zone.hosts.update(records)

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            sock.sendto(zone.reply(data), self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            size = int.from_bytes(self.rfile.read(2), "big")
            answer = zone.reply(self.rfile.read(size))
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)

    servers: list[socketserver.BaseServer] = []
    for kind, handler in ((socketserver.ThreadingUDPServer, Udp), (socketserver.ThreadingTCPServer, Tcp)):
        kind.allow_reuse_address = kind.daemon_threads = True
        servers.append(kind((address, port), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.1,), daemon=True).start()
    try:
        yield zone
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
