"""The cluster's DNS, a daemon on the bridge's address, for Services and the pods of headless ones.

A: SVC.NS.svc.cluster.local, HOSTNAME.SVC.NS.svc.cluster.local and A-B-C-D.SVC.NS.svc.cluster.local;
SRV: _PORT._PROTO.SVC...; PTR of the pods' addresses. Addresses that are not ready are given only
where the Service publishes them. No other zone.
"""

import argparse
import ipaddress
import socketserver
import struct
import threading
import traceback
from typing import Any

from tests.labs.kube import settings
from tests.labs.kube.api import Api, Store

A, SOA, PTR, SRV = 1, 6, 12, 33
TTL = 2
ZONE = ["cluster", "local"]

services: Store = {}
endpoints: Store = {}
lock = threading.Lock()


def name_bytes(labels: list[str]) -> bytes:
    return b"".join(bytes([len(x)]) + x.encode() for x in labels) + b"\0"


def targets(ns: str, svc: str) -> list[tuple[str, str, list[Any]]]:
    """(host label, address, ports) of each published endpoint of a Service."""
    out = []
    for subset in (endpoints.get((ns, svc)) or {}).get("subsets") or []:
        for a in subset.get("addresses") or []:
            out.append((a.get("hostname") or a["ip"].replace(".", "-"), a["ip"], subset.get("ports") or []))
    return out


def resolve(labels: list[str], kind: int) -> list[bytes] | None:
    """The data of the answers; None when the name does not exist."""
    if labels[-2:] == ["in-addr", "arpa"]:
        ip = ".".join(reversed(labels[:-2]))
        found = [
            name_bytes([h, svc, ns, "svc", *ZONE])
            for ns, svc in endpoints
            for h, a, _ in targets(ns, svc)
            if a == ip
        ]
        return (found if kind == PTR else []) if found else None
    if labels[-3:] != ["svc", *ZONE]:
        return [] if labels == ZONE else None
    own = labels[:-3]
    *rest, svc, ns = ["", "", *own][min(len(own), 2) :]
    if not svc:
        return [] if not ns or any(k[0] == ns for k in services) else None
    service = services.get((ns, svc))
    if service is None:
        return None
    headless = service["spec"].get("clusterIP") in ("None", "", None)
    hosts = targets(ns, svc)
    if len(rest) == 2 and rest[0][:1] == rest[1][:1] == "_":
        wanted = (rest[0][1:], rest[1][1:])
        pairs = (
            [(h, p) for h, _, ports in hosts for p in ports]
            if headless
            else [(None, p) for p in service["spec"].get("ports") or []]
        )
        found = [
            struct.pack("!HHH", 0, 100, p["port"]) + name_bytes([*([h] if h else []), svc, ns, "svc", *ZONE])
            for h, p in pairs
            if (p.get("name"), p.get("protocol", "TCP").lower()) == wanted
        ]
        return (found if kind == SRV else []) if found else None
    if len(rest) == 1:
        addresses = [a for h, a, _ in hosts if h == rest[0]]
    elif rest:
        return None
    else:
        addresses = [a for _, a, _ in hosts] if headless else [service["spec"]["clusterIP"]]
    if not addresses:
        return None
    return [ipaddress.IPv4Address(a).packed for a in dict.fromkeys(addresses)] if kind == A else []


def reply(query: bytes) -> bytes:
    ident, flags, _ = struct.unpack_from("!HHH", query)
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    at += 1
    kind, _ = struct.unpack_from("!HH", query, at)
    question = query[12 : at + 4]
    with lock:
        found = resolve(labels, kind)
    answers = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, TTL, len(d)) + d for d in found or [])
    authority = b""
    if not found:
        soa = name_bytes(["ns", *ZONE]) + name_bytes(["root", *ZONE]) + struct.pack("!5I", 1, 60, 60, 60, 1)
        authority = name_bytes(ZONE) + struct.pack("!HHIH", SOA, 1, 1, len(soa)) + soa
    header = struct.pack(
        "!HHHHHH",
        ident,
        0x8480 | flags & 0x0100 | (3 if found is None else 0),
        1,
        len(found or []),
        bool(authority),
        0,
    )
    return header + question + answers + authority


class Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, socket = self.request
        try:
            socket.sendto(reply(data), self.client_address)
        except Exception:  # noqa: BLE001  # a strange query must not end the daemon
            traceback.print_exc()


class Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        size = self.rfile.read(2)
        if len(size) == 2:
            answer = reply(self.rfile.read(int.from_bytes(size, "big")))
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)


class UdpServer(socketserver.ThreadingUDPServer):
    allow_reuse_address = daemon_threads = True


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser()
    settings.add_flags(parser)
    s = settings.from_args(parser.parse_args())
    api = Api(s)
    for path, store in (("/api/v1/services", services), ("/api/v1/endpoints", endpoints)):
        threading.Thread(target=api.follow, args=(path, store, lock), daemon=True).start()
    tcp = TcpServer((s.node_ip, 53), Tcp)
    threading.Thread(target=tcp.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
    UdpServer((s.node_ip, 53), Udp).serve_forever(poll_interval=3600)


if __name__ == "__main__":
    main()
