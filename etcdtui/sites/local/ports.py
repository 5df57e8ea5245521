"""Loopback ports: choosing free ones, and telling who holds one that is not."""

from __future__ import annotations

import errno
import os
import random
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from etcdtui.errors import UsageError

VARIABLE = "ETCDTUI_PORTS"
# Below Linux's and macOS's ephemeral ranges: a port of a stopped cluster must not become the local
# end of somebody's outgoing connection.
_RANGE = range(20000, 32000)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port; nothing is known about it without the right to look."""

    pid: int | None = None
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.pid is None:
            return "another process"
        return f"pid {self.pid} ({self.command[0].rsplit('/', 1)[-1]})" if self.command else f"pid {self.pid}"


def span(environ: Mapping[str, str]) -> range:
    """The ports that new nodes may have: the usual ones, or those of ``ETCDTUI_PORTS``.

    Nobody listens on the ports of a stopped cluster, so that somebody else's may be given them: who has
    clusters beside each other on one machine keeps them apart by it.

    Raises:
        UsageError: it holds no such range.
    """
    given = environ.get(VARIABLE, "")
    if not given:
        return _RANGE
    found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", given)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < first <= last < 65536:
        raise UsageError(f"{VARIABLE}={given!r}: expected FIRST-LAST, such as 20000-31999")
    return range(first, last + 1)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on, chosen at random, all different; fewer where there are no more.

    Raises:
        UsageError: see `span`.
    """
    chosen: list[int] = []
    ports = span(os.environ)
    for port in random.sample(ports, len(ports)):
        if len(chosen) == count:
            break
        if not taken(port):
            chosen.append(port)
    return chosen


def port_of(url: str) -> int:
    """The port of a URL of ours."""
    return urlsplit(url).port or 0


def taken(port: int) -> bool:
    """Whether etcd could not listen on that loopback port."""
    with socket.socket() as sock:
        # Go sets it too: ports in TIME_WAIT count as free.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return True
            raise
    return False


def holder(port: int) -> Holder:
    """Who holds a port that is taken; slow (it looks through all sockets), for error messages only."""
    try:
        found = [
            conn.pid
            for conn in psutil.net_connections("tcp")
            if conn.laddr and conn.laddr.port == port and conn.pid is not None
        ]
        if found:
            return Holder(found[0], tuple(psutil.Process(found[0]).cmdline()))
    except psutil.Error:
        # Other users' processes are not for us to see, and on macOS none is.
        return Holder()
    return Holder()
