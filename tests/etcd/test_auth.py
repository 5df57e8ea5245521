"""Authentication on real members: tokens, their expiry, and what a user may not do."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.errors import EtcdError, NotPermitted
from etcdtui.etcd.api import Credentials, EtcdWriter
from etcdtui.etcd.errors import is_permission_denied
from tests.etcd.conftest import Connect
from tests.sites.local.support import wait_until
from tests.support.etcd import EtcdCluster, Proc, running

ROOT = Credentials("root", "secret-of-root")
PLAIN = Credentials("plain", "secret-of-plain")


def lock(cluster: EtcdCluster, version: str) -> None:
    """Have it ask for users: root is one."""
    cluster.etcdctl("user", "add", "root:secret-of-root", version=version)
    cluster.etcdctl("user", "grant-role", "root", "root", version=version)
    cluster.etcdctl("auth", "enable", version=version)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, version: str) -> Iterator[EtcdCluster]:
    """One member with authentication enabled, a root user and one without any role.

    It takes snapshots often: a restart replays the authentications since the last one, tokens included.
    """
    extra = ["--snapshot-count", "5"]
    with running(tmp_path_factory.mktemp("locked"), 1, version, extra=extra) as started:
        started.etcdctl("user", "add", "plain:secret-of-plain", version=version)
        lock(started, version)
        yield started


def test_root_may_do_everything(locked: EtcdCluster, connect: Connect) -> None:
    etcd = connect(locked.procs[0], user=ROOT)
    assert etcd.put(b"a", b"1", 3) > 0
    assert etcd.status(3).is_leader
    assert len(etcd.member_list(3)) == 1
    assert etcd.hash_kv(3).hash
    assert b"".join(etcd.snapshot(5))
    etcd.defragment(5)


def test_a_stream_can_be_the_first_call(locked: EtcdCluster, connect: Connect) -> None:
    assert b"".join(connect(locked.procs[0], user=ROOT).snapshot(5))


def test_an_ordinary_user_is_not_permitted(locked: EtcdCluster, connect: Connect) -> None:
    etcd = connect(locked.procs[0], user=PLAIN)
    with pytest.raises(NotPermitted, match="lacks the permission") as caught:
        etcd.get(b"health", 3)
    assert is_permission_denied(caught.value)
    with pytest.raises(NotPermitted):
        etcd.hash_kv(3)
    with pytest.raises(NotPermitted):
        next(etcd.snapshot(3))
    # This version answers Status to anybody.
    assert etcd.status(3).is_leader


def test_without_a_user(locked: EtcdCluster, connect: Connect) -> None:
    with pytest.raises(NotPermitted, match=r"no user was given \(give a user") as caught:
        connect(locked.procs[0]).get(b"health", 3)
    assert not is_permission_denied(caught.value)


def test_a_wrong_password(locked: EtcdCluster, connect: Connect) -> None:
    wrong = Credentials("root", "guess-of-mine")
    with pytest.raises(NotPermitted, match="wrong user name or password") as caught:
        connect(locked.procs[0], user=wrong).get(b"health", 3)
    assert "guess-of-mine" not in f"{caught.value!r} {caught.value} {wrong!r}"


def test_a_user_where_authentication_is_off_goes_on_as_etcdctl_does(
    tmp_path: Path, version: str, connect: Connect
) -> None:
    with running(tmp_path, 1, version) as open_to_all:
        etcd = connect(open_to_all.procs[0], user=ROOT)
        assert etcd.put(b"a", b"1", 3) > 0
        assert etcd.get(b"a", 3) is not None
        lock(open_to_all, version)
        # Now it counts: the next call authenticates.
        found = etcd.get(b"a", 3)
        assert found is not None
        assert found.value == b"1"


def _restart(cluster: EtcdCluster, proc: Proc, etcd: EtcdWriter) -> None:
    proc.kill()
    proc.start()
    cluster.wait_healthy()
    # The connection is back once Status, which needs no token, is answered.
    wait_until(lambda: _answers(etcd), "the connection is back")


def _answers(etcd: EtcdWriter) -> bool:
    with contextlib.suppress(EtcdError):
        return bool(etcd.status(5).member_id)
    return False


def test_a_token_that_a_restart_made_invalid_is_replaced(
    locked: EtcdCluster, version: str, connect: Connect
) -> None:
    proc = locked.procs[0]
    etcd, stranger = connect(proc, user=ROOT), connect(proc, user=ROOT)
    etcd.put(b"before", b"1", 3)
    for turn in range(2):
        # Push the authentication out of what a restart replays.
        for n in range(30):
            etcd.put(b"filler", b"%d" % n, 3)
        _restart(locked, proc, etcd)
        if turn == 0:
            assert etcd.put(b"after", b"1", 3) > 0
        else:
            assert b"".join(etcd.snapshot(5))
    assert stranger.get(b"after", 3) is not None


def test_a_token_of_the_cluster_that_was_there_before_is_not_shown_to_the_next(
    tmp_path: Path, version: str, connect: Connect
) -> None:
    """etcd holds a call back until it has applied the index in its token; a new cluster has not for long."""
    with running(tmp_path, 1, version) as cluster:
        lock(cluster, version)
        (proc,) = cluster.procs
        filler, etcd = connect(proc, user=ROOT), connect(proc, user=ROOT)
        for n in range(50):
            filler.put(b"filler", b"%d" % n, 3)
        assert etcd.hash_kv(3).hash
        proc.kill()
        shutil.rmtree(proc.data_dir)
        proc.start()
        cluster.wait_healthy()
        lock(cluster, version)
        wait_until(lambda: _answers(etcd), "the connection is back")
        assert etcd.hash_kv(3).hash


def test_a_token_older_than_the_auth_store_is_replaced(
    locked: EtcdCluster, version: str, connect: Connect
) -> None:
    etcd = connect(locked.procs[0], user=ROOT)
    etcd.put(b"before", b"1", 3)
    locked.etcdctl("role", "add", f"r{version}", user="root:secret-of-root", version=version)
    assert etcd.put(b"after", b"1", 3) > 0


def test_status_needs_no_quorum_though_a_token_would(
    tmp_path_factory: pytest.TempPathFactory, connect: Connect
) -> None:
    with running(tmp_path_factory.mktemp("three"), 3, "3.5") as cluster:
        lock(cluster, "3.5")
        for proc in cluster.procs[1:]:
            proc.kill()
        # A token would not be had for 6 s: so long does etcd wait for a quorum.
        assert connect(cluster.procs[0], user=ROOT).status(5).member_id
