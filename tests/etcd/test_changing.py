"""The calls that change a cluster, against real members."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from etcdtui.errors import DeadlineExceeded, EtcdError, Refused
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import Alarm
from tests.etcd.conftest import Connect
from tests.sites.local.support import wait_until
from tests.support.etcd import EtcdCluster, joining, running


def test_put_delete_and_put_if(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[1])
    assert etcd.put_if(b"lock", b"a", 0, 5)
    assert not etcd.put_if(b"lock", b"b", 0, 5)
    held = etcd.get(b"lock", 5)
    assert held is not None
    assert held.value == b"a"
    assert etcd.put_if(b"lock", b"b", held.mod_revision, 5)
    assert etcd.delete(b"lock", 5) == 1
    assert etcd.delete(b"lock", 5) == 0


def test_leases(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[1])
    lease = etcd.lease_grant(60, 5)
    etcd.put(b"leased", b"1", 5, lease=lease)
    found = etcd.get(b"leased", 5)
    assert found is not None
    assert found.lease == lease
    assert etcd.put_if(b"leased too", b"1", 0, 5, lease=lease)
    assert etcd.lease_keep_alive(lease, 5) == 60
    etcd.lease_revoke(lease, 5)
    assert etcd.get(b"leased", 5) is None
    assert etcd.get(b"leased too", 5) is None
    assert etcd.lease_keep_alive(lease, 5) == 0
    with pytest.raises(Refused, match="lease has expired or was revoked"):
        etcd.lease_revoke(lease, 5)


def test_compact_and_defragment(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[0])
    for i in range(20):
        revision = etcd.put(b"big", bytes([i]) * 20_000, 5)
    etcd.compact(revision, 5, physical=True)
    with pytest.raises(Refused, match="compacted"):
        etcd.compact(revision - 1, 5)
    before = etcd.status(5).db_size
    etcd.defragment(10)
    assert etcd.status(5).db_size < before


def test_move_leader(cluster: EtcdCluster, connect: Connect) -> None:
    leader = cluster.leader()
    followers = [p for p in cluster.procs if p is not leader]
    target = connect(followers[0]).status(5).member_id
    with pytest.raises(Refused, match="does not lead"):
        connect(followers[1]).move_leader(target, 3)
    with pytest.raises(Refused, match="voter that is connected"):
        connect(leader).move_leader(12345, 3)
    # A target that is too busy to answer within the election timeout is not waited for.
    _unless_timed_out(lambda: connect(cluster.leader()).move_leader(target, 10))
    assert connect(followers[0]).status(5).is_leader


def test_member_update(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[0])
    member = next(m for m in etcd.member_list(5) if m.name == "n2")
    etcd.member_update(member.id, [*member.peer_urls, "http://127.0.0.1:1"], 3)
    updated = next(m for m in etcd.member_list(5, linearizable=True) if m.id == member.id)
    assert set(updated.peer_urls) == {*member.peer_urls, "http://127.0.0.1:1"}
    etcd.member_update(member.id, member.peer_urls, 3)


def test_downgrade(cluster: EtcdCluster, version: str, connect: Connect) -> None:
    etcd = connect(cluster.procs[0])
    if version == "3.4":
        with pytest.raises(Refused, match="does not know this call"):
            etcd.downgrade("validate", "3.3.0", 3)
        return
    # A leader that cannot ask all members at first begins with the oldest version, for some seconds.
    wait_until(lambda: _cluster_version(cluster) == "3.5.0", "the members have agreed on their version")
    assert etcd.downgrade("validate", "3.4.0", 3) == "3.5.0"
    with pytest.raises(Refused, match="invalid downgrade target version"):
        etcd.downgrade("validate", "3.1.0", 3)
    with pytest.raises(Refused, match="no inflight downgrade"):
        etcd.downgrade("cancel", "", 3)


def _cluster_version(cluster: EtcdCluster) -> str:
    with urllib.request.urlopen(f"{cluster.urls[0]}/version", timeout=5) as answer:
        return str(json.load(answer)["etcdcluster"])


def test_unknown_words_are_refused_before_anything_is_sent(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[0])
    with pytest.raises(Refused, match="one of validate, enable, cancel"):
        etcd.downgrade("undo", "3.4.0", 3)
    with pytest.raises(Refused, match="unknown alarm 'FIRE'"):
        etcd.alarm_disarm(Alarm(1, "FIRE"), 3)


def test_a_change_past_its_deadline_is_a_deadline(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[2])
    etcd.status(5)
    cluster.procs[2].freeze()
    try:
        with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.3 s"):
            etcd.put(b"frozen", b"1", 0.3)
        with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.3 s"):
            list(etcd.snapshot(0.3))
    finally:
        cluster.procs[2].thaw()
    cluster.wait_healthy()


def _until_promoted(etcd: EtcdWriter, member_id: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            return etcd.member_promote(member_id, 3)
        except (DeadlineExceeded, Refused) as exc:
            # A promotion that was sent and not answered may have happened all the same.
            if "can only promote a learner member" in exc.details and "in sync" not in exc.details:
                return None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.mark.parametrize("version", ["3.5", "3.4"])
def test_a_learner_joins_waits_and_is_promoted(tmp_path: Path, version: str, connect: Connect) -> None:
    with running(tmp_path, 1, version) as cluster:
        etcd = connect(cluster.procs[0])
        proc = joining(cluster, "n2")
        added = etcd.member_add([proc.peer_url], 3, learner=True)
        assert added.is_learner
        assert added.peer_urls == (proc.peer_url,)
        assert not added.started
        with pytest.raises(Refused, match="has not caught up"):
            etcd.member_promote(added.id, 3)
        with pytest.raises(Refused, match="as many learners as it allows"):
            etcd.member_add(["http://127.0.0.1:1"], 3, learner=True)
        proc.start()
        learner = connect(proc)
        _until_answers(learner)
        status = learner.status(5)
        assert (status.is_learner, status.member_id) == (True, added.id)
        with pytest.raises(Refused, match="this member is a learner"):
            learner.get(b"health", 5)
        _until_promoted(etcd, added.id)
        assert [m.is_learner for m in etcd.member_list(5)] == [False, False]
        with pytest.raises(Refused, match="a voter already"):
            _unless_timed_out(lambda: etcd.member_promote(added.id, 3))
        _until_removed(etcd, added.id)
        assert len(etcd.member_list(5)) == 1


def _unless_timed_out(call: Callable[[], None]) -> None:
    """On a busy machine two voters may lose each other for a moment: then ask again."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return call()
        except (DeadlineExceeded, Refused) as exc:
            busy = isinstance(exc, DeadlineExceeded) or "timed out" in exc.details or "leader" in exc.details
            if not busy or time.monotonic() > deadline:
                raise


def _until_answers(etcd: EtcdWriter) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            etcd.status(1)
            return
        except EtcdError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _until_removed(etcd: EtcdWriter, member_id: int) -> None:
    """strict-reconfig-check wants peers that were connected for 5 s."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return etcd.member_remove(member_id, 3)
        except (DeadlineExceeded, Refused) as exc:
            if "member not found" in exc.details:
                return None
            busy = isinstance(exc, DeadlineExceeded) or "timed out" in exc.details or "leader" in exc.details
            assert busy or "unhealthy cluster" in exc.details
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("version", ["3.5", "3.4"])
def test_nospace_and_the_way_out(tmp_path: Path, version: str, connect: Connect) -> None:
    with running(tmp_path, 1, version, extra=["--quota-backend-bytes", "200000"]) as cluster:
        etcd = connect(cluster.procs[0])
        revision = 0
        with pytest.raises(Refused, match="reached its quota") as caught:
            # The size counts once it is committed to disk, every 100 ms: a fast machine needs many.
            for _ in range(5000):
                revision = etcd.put(b"fill", b"x" * 20_000, 3)
        assert "compact, defragment" in caught.value.hint
        # It is raised after the write that was one too many has been answered.
        wait_until(lambda: bool(etcd.alarms(5)), "the alarm is raised")
        status = etcd.status(5)
        assert etcd.alarms(5) == (Alarm(status.member_id, "NOSPACE"),)
        assert any("NOSPACE" in error for error in status.errors)
        etcd.compact(revision, 5, physical=True)
        etcd.defragment(5)
        etcd.alarm_disarm(Alarm(status.member_id, "NOSPACE"), 3)
        assert etcd.alarms(5) == ()
        assert etcd.put(b"fill", b"works again", 3) > revision
