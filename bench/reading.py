"""Reading five members: ours against etcdctl and against a bare gRPC fan-out; warm, and with one dead."""

from __future__ import annotations

import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.result import Row, at_most, faster
from etcdtui.etcd.rpc.environment import prepare
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.runtime.poller import Poller
from etcdtui.sites.base import Site
from etcdtui.sites.endpoints import EndpointsSite
from tests.support.etcd import EtcdCluster, running
from tests.support.tools import etcd as binary

ROUNDS = 60
PAUSE = 0.05
"""Rest between two rounds, in seconds: nobody polls back to back."""


class OurPoll:
    """The product's poller, one tick at a time: from the tick to the published snapshot."""

    def __init__(self, site: Site) -> None:
        self._published = threading.Event()
        self._last: ClusterSnapshot | None = None
        self._poller = Poller(site, self._arrived, refresh=3600)
        self._poller.start()

    def _arrived(self, snapshot: ClusterSnapshot) -> None:
        self._last = snapshot
        self._published.set()

    def settle(self, answers: int) -> None:
        """Until so many answer and nothing is left to read."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            shot = self._poller.fresh(5)
            if len(shot.answers) == answers and shot.members_known:
                time.sleep(0.3)
                self._published.clear()
                return
        raise TimeoutError("the cluster did not settle")

    def tick(self) -> None:
        """What the poller does every `refresh` seconds, and the snapshot it publishes."""
        asked = time.monotonic()
        self._published.clear()
        self._poller.changed()
        while True:
            if not self._published.wait(10):
                raise TimeoutError("no snapshot")
            self._published.clear()
            shot = self._last
            if shot and all((r.reading.read_at or 0) >= asked for r in shot.rows if r.endpoint):
                return

    def close(self) -> None:
        self._poller.close()


class RawFanOut:
    """etcd3's own stub, one future an endpoint: as little as gRPC for Python can do.

    Args:
        urls: ``http://host:port``, or ``unix:/path`` for a tunnel's socket.
    """

    def __init__(self, urls: list[str]) -> None:
        prepare()
        import etcd3
        from etcd3.etcdrpc import StatusRequest

        self._request = StatusRequest()
        self._clients = []
        for url in urls:
            host, port = url.removeprefix("http://").split(":")
            self._clients.append(etcd3.client(host, port))

    def tick(self) -> None:
        futures = [c.maintenancestub.Status.future(self._request, timeout=1.5) for c in self._clients]
        for future in futures:
            future.exception()

    def statuses(self) -> list[Any]:
        """The answers of those that answer."""
        futures = [c.maintenancestub.Status.future(self._request, timeout=1.5) for c in self._clients]
        return [f.result() for f in futures if f.exception() is None]

    def close(self) -> None:
        for client in self._clients:
            client.close()


def _etcdctl(urls: list[str]) -> None:
    argv = [str(binary("3.5", "etcdctl")), "--endpoints", ",".join(urls), "endpoint", "status", "-w", "table"]
    subprocess.run(argv, capture_output=True, check=False, timeout=60)


def _once(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def interleaved(calls: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Milliseconds of each call, one after the other in every round, so that drift hits all alike."""
    out: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for index, call in enumerate(calls):
            time.sleep(PAUSE)
            out[index].append(_once(call))
    return out


def pair_ratio(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def run(root: Path) -> list[Row]:
    """Four rows: warm against both peers, and with one dead endpoint."""
    with running(root, 5) as cluster:
        ours, raw = OurPoll(EndpointsSite("bench", cluster.urls)), RawFanOut(cluster.urls)
        try:
            return _warm(cluster, ours, raw) + _one_dead(cluster, ours, raw)
        finally:
            ours.close()
            raw.close()


def _warm(cluster: EtcdCluster, ours: OurPoll, raw: RawFanOut) -> list[Row]:
    ours.settle(5)
    raw.tick()
    mine, bare, ctl = interleaved([ours.tick, raw.tick, lambda: _etcdctl(cluster.urls)], ROUNDS)
    mid = statistics.median
    rows = [
        faster("status of 5 members, warm, against etcdctl", mid(mine), mid(ctl), "ms", 10),
        at_most("status of 5 members, warm, against a bare gRPC fan-out", mid(mine), mid(bare), "ms", 1.3),
    ]
    # The median of the pairs is steadier than the ratio of the medians.
    ratio = pair_ratio(mine, bare)
    last = rows[1]
    rows[1] = Row(last.name, last.ours, last.peer, last.unit, ratio, last.goal, ratio <= 1.3)
    return rows


def _one_dead(cluster: EtcdCluster, ours: OurPoll, raw: RawFanOut) -> list[Row]:
    leader = cluster.leader()
    next(p for p in cluster.procs if p is not leader).kill()
    ours.settle(4)
    mine, bare = interleaved([ours.tick, raw.tick], ROUNDS)
    (ctl,) = interleaved([lambda: _etcdctl(cluster.urls)], 3)
    mid = statistics.median
    return [
        faster("status of 5 members, one dead, against etcdctl", mid(mine), mid(ctl), "ms", 500),
        at_most("status of 5 members, one dead, against a bare fan-out", mid(mine), mid(bare), "ms", 1.3),
    ]
