"""Members that die, freeze and come back: what is noticed, how fast, and in which words."""

from __future__ import annotations

import contextlib
import socket
import statistics
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from etcdtui.errors import DeadlineExceeded, EtcdError, Refused, Unreachable
from etcdtui.etcd.api import EtcdWriter, Target
from etcdtui.etcd.rpc import dial
from tests.etcd.conftest import Connect
from tests.sites.local.support import wait_until
from tests.support.etcd import EtcdCluster, free_ports, joining, running


class Bell:
    """A callback that remembers when it was called."""

    def __init__(self) -> None:
        self.rung = threading.Event()
        self.at = 0.0
        self.count = 0

    def __call__(self) -> None:
        self.at = time.monotonic()
        self.count += 1
        self.rung.set()


def _status_again(etcd: EtcdWriter, within: float) -> None:
    """Until the endpoint answers, for so many seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            etcd.status(1)
            return
        except EtcdError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.mark.parametrize("version", ["3.5", "3.4"])
def test_kill_is_noticed_and_a_restart_too(tmp_path: Path, version: str, connect: Connect) -> None:
    with running(tmp_path, 3, version) as cluster:
        proc = cluster.procs[0]
        etcd, bell = connect(proc), Bell()
        etcd.on_disconnect(bell)
        etcd.status(5)
        for turn in (1, 2):
            bell.rung.clear()
            proc.kill()
            # Nobody calls meanwhile, and a ping would take 13 s: only the connection itself can tell.
            assert bell.rung.wait(10), "the lost connection was never reported"
            _refused(etcd)
            proc.start()
            _status_again(etcd, 30)
            assert bell.count == turn


def _refused(etcd: EtcdWriter) -> None:
    """Until the reason is that nothing listens: at the very moment of a kill it may be a reset."""

    def refused() -> bool:
        with pytest.raises(Unreachable) as caught:
            etcd.status(5)
        return "connection refused: nothing listens on 127.0.0.1:" in str(caught.value)

    wait_until(refused, "the connection is refused")


def test_attempts_to_reconnect_never_become_rare() -> None:
    """However long a member was away, it is found again within a tick."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        etcd = dial(Target(f"http://{address}", address))
        began, attempts = time.monotonic(), [0.0]
        # Five that come after so long that doubled pauses would have become longer than a tick by then.
        while sum(at > 3 for at in attempts) < 5:
            with pytest.raises((Unreachable, DeadlineExceeded)):
                etcd.status(0.05)
            with contextlib.suppress(TimeoutError):
                server.accept()[0].close()
                attempts.append(time.monotonic() - began)
        etcd.close()
    late = [at for at in attempts if at > 3]
    assert statistics.median(after - before for before, after in pairwise(late)) < 1, attempts


@pytest.mark.timeout(90)
def test_a_peer_that_fell_silent_is_given_up(tmp_path: Path, connect: Connect) -> None:
    """Keepalive: else a host that vanished without a word would hold the connection for minutes."""
    with running(tmp_path, 1) as cluster:
        etcd, bell = connect(cluster.procs[0]), Bell()
        etcd.on_disconnect(bell)
        etcd.status(5)
        cluster.procs[0].freeze()
        assert bell.rung.wait(30)


def test_a_graceful_stop_is_noticed(tmp_path: Path, connect: Connect) -> None:
    with running(tmp_path, 1) as cluster:
        etcd, bell = connect(cluster.procs[0]), Bell()
        etcd.on_disconnect(bell)
        etcd.status(5)
        cluster.procs[0].signal(15)
        # It waits for its streams to end, for up to 6 s.
        assert bell.rung.wait(30)


def test_a_learner_is_watched_too(tmp_path: Path, connect: Connect) -> None:
    """Learners refuse streams, so another way is taken for them."""
    with running(tmp_path, 1) as cluster:
        proc = joining(cluster, "n2")
        connect(cluster.procs[0]).member_add([proc.peer_url], 3, learner=True)
        proc.start()
        etcd, bell = connect(proc), Bell()
        etcd.on_disconnect(bell)
        _status_again(etcd, 30)
        # A second answer after the refusal of the stream was seen: nothing may have been reported.
        for _ in range(20):
            assert etcd.status(5).is_learner
            time.sleep(0.01)
        assert bell.count == 0
        proc.kill()
        assert bell.rung.wait(10)
        proc.start()
        _status_again(etcd, 30)
        assert bell.count == 1


def test_freeze_is_a_deadline_and_not_a_lost_connection(cluster: EtcdCluster, connect: Connect) -> None:
    etcd, bell = connect(cluster.procs[1]), Bell()
    etcd.on_disconnect(bell)
    etcd.status(5)
    cluster.procs[1].freeze()
    try:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.5 s: frozen, overloaded or cut off"):
            etcd.status(0.5)
        assert 0.45 < time.monotonic() - began < 5
    finally:
        cluster.procs[1].thaw()
    assert etcd.status(5).member_id
    assert bell.count == 0
    cluster.wait_healthy()


def test_closing_is_no_disconnect(cluster: EtcdCluster) -> None:
    url = cluster.procs[0].client_url
    etcd, bell = dial(Target(url, url.split("://")[1])), Bell()
    etcd.on_disconnect(bell)
    etcd.status(5)
    began = time.monotonic()
    etcd.close()
    assert time.monotonic() - began < 3
    assert not bell.rung.wait(0.3)


def test_no_quorum_is_refused_and_not_unreachable(tmp_path: Path, connect: Connect) -> None:
    with running(tmp_path, 3) as cluster:
        etcd = connect(cluster.procs[0])
        etcd.status(5)
        for proc in cluster.procs[1:]:
            proc.kill()
        with pytest.raises(Refused, match="no quorum agreed in time") as caught:
            etcd.get(b"health", 15)
        assert caught.value.details.startswith("etcdserver: request timed out")
        status = etcd.status(5)
        assert status.leader == 0
        assert any("no leader" in error for error in status.errors)


def test_dialling_never_blocks_nor_raises() -> None:
    began = time.monotonic()
    ends = [
        dial(Target(f"http://{a}", a)) for a in ("203.0.113.9:2379", "nohost.invalid:1", "[::1]:1", "junk:x")
    ]
    assert time.monotonic() - began < 3
    with pytest.raises(Unreachable, match=r"host name of nohost.invalid:1 cannot be resolved \(check"):
        ends[1].status(30)
    with pytest.raises(Unreachable, match="junk:x is not host:port"):
        ends[3].status(5)
    for end in ends:
        end.close()


def test_nothing_listens() -> None:
    port = free_ports(1)[0]
    etcd = dial(Target(f"http://localhost:{port}", f"localhost:{port}"))
    with pytest.raises(Unreachable, match=f"connection refused: nothing listens on localhost:{port}$"):
        etcd.status(5)
    etcd.close()
