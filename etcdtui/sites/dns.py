"""SRV records asked of a nameserver over a stream, so that the question can travel through a tunnel."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

SRV = 33
_NO_SUCH_NAME = 3


class Stream(Protocol):
    """What carries a question: a socket, or a channel of SSH."""

    def sendall(self, data: bytes, /) -> object:
        """Send all of it."""
        ...

    def recv(self, size: int, /) -> bytes:
        """Some bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record."""

    target: str
    """Without a dot at its end, in lower case."""
    port: int


def ask(stream: Stream, name: str) -> tuple[Service, ...]:
    """The SRV records of a name; none when there is no such name. Raises ValueError for a strange answer."""
    identity = secrets.randbelow(1 << 16)
    labels = b"".join(bytes([len(part)]) + part.encode("idna") for part in name.rstrip(".").split("."))
    question = struct.pack("!6H", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", SRV, 1)
    stream.sendall(struct.pack("!H", len(question)) + question)
    (size,) = struct.unpack("!H", _exactly(stream.recv, 2))
    answer = _exactly(stream.recv, size)
    if len(answer) < 12:
        raise ValueError("the answer is too short")
    given, flags, asked, count = struct.unpack_from("!4H", answer)
    if given != identity or asked != 1:
        raise ValueError("the answer belongs to another question")
    code = flags & 15
    if code not in (0, _NO_SUCH_NAME):
        raise ValueError(f"the nameserver answers with error {code}")
    at = _name(answer, 12)[1] + 4
    found = []
    for _ in range(count):
        at = _name(answer, at)[1]
        kind, _class, _ttl, length = struct.unpack_from("!HHIH", answer, at)
        at += 10
        if kind == SRV:
            (port,) = struct.unpack_from("!4xH", answer, at)
            found.append(Service(_name(answer, at + 6)[0], port))
        at += length
    return tuple(found)


def _exactly(receive: Callable[[int], bytes], size: int) -> bytes:
    out = b""
    while len(out) < size:
        part = receive(size - len(out))
        if not part:
            raise ValueError("the nameserver closed the connection")
        out += part
    return out


def _name(packet: bytes, at: int) -> tuple[str, int]:
    """A name and the place behind it; compressed names point back into the packet."""
    labels: list[str] = []
    behind = -1
    for _ in range(128):
        try:
            length = packet[at]
        except IndexError:
            break
        if length >= 0xC0:
            behind = at + 2 if behind < 0 else behind
            at = (length & 0x3F) << 8 | packet[at + 1]
        elif not length:
            return ".".join(labels).lower(), at + 1 if behind < 0 else behind
        else:
            labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    raise ValueError("a name in the answer does not end")
