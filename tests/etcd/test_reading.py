"""The calls that change nothing, against real members and the real etcdctl."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from etcdtui.errors import Refused, Unreachable
from etcdtui.etcd.api import EtcdReader, EtcdWriter, ReadOnlyEtcd, Target
from etcdtui.etcd.rpc import dial
from etcdtui.model.cluster import EndpointStatus
from tests.etcd.conftest import Connect
from tests.sites.local.support import wait_until
from tests.support.etcd import EtcdCluster, Proc


def _both(
    cluster: EtcdCluster, proc: Proc, version: str, connect: Connect
) -> tuple[EndpointStatus, dict[str, Any]]:
    """Our status and etcdctl's of a member whose database rested meanwhile: etcd commits it in batches."""
    ask = ("endpoint", "status", "-w", "json")
    for _ in range(20):
        before = cluster.etcdctl(*ask, endpoints=[proc.client_url], version=version)
        status = connect(proc).status(5)
        if cluster.etcdctl(*ask, endpoints=[proc.client_url], version=version) == before:
            return status, json.loads(before)[0]["Status"]
    raise AssertionError("the database does not come to rest")


def test_status_has_every_field_etcdctl_has(cluster: EtcdCluster, version: str, connect: Connect) -> None:
    for proc in cluster.procs:
        status, told = _both(cluster, proc, version, connect)
        assert status.cluster_id == told["header"]["cluster_id"]
        assert status.member_id == told["header"]["member_id"]
        assert status.revision == told["header"]["revision"]
        assert status.version == told["version"]
        assert status.version.startswith(version)
        assert status.leader == told["leader"] != 0
        assert status.raft_term == told["raftTerm"]
        assert status.raft_index == told["raftIndex"]
        assert status.raft_applied_index == told["raftAppliedIndex"]
        assert status.db_size == told["dbSize"]
        assert status.db_size_in_use == told["dbSizeInUse"]
        assert status.is_learner is False
        assert status.errors == ()
        # A server before 3.6 does not send these.
        assert status.storage_version is None
        assert status.db_size_quota is None
        assert status.downgrade_enabled is None
        assert status.downgrade_target_version is None


def test_the_same_answer_is_the_same_value_and_a_new_one_is_not(
    cluster: EtcdCluster, connect: Connect
) -> None:
    leader = connect(cluster.leader())
    first, second = leader.status(5), leader.status(5)
    # The database's size changes when a batch of writes is committed, some time after them.
    for _ in range(100):
        if first == second:
            break
        first, second = second, leader.status(5)
    assert first is second
    leader.put(b"same", b"1", 5)
    assert leader.status(5).revision == first.revision + 1


def test_exactly_one_member_leads(cluster: EtcdCluster, connect: Connect) -> None:
    ends = [connect(proc) for proc in cluster.procs]
    # The members are asked one after the other: an election may come between.
    wait_until(lambda: sum(end.status(5).is_leader for end in ends) == 1, "one member leads")


@pytest.mark.parametrize("linearizable", [False, True])
def test_member_list(cluster: EtcdCluster, version: str, connect: Connect, linearizable: bool) -> None:
    members = connect(cluster.procs[0]).member_list(5, linearizable=linearizable)
    told = json.loads(cluster.etcdctl("member", "list", "-w", "json", version=version))["members"]
    assert {(m.id, m.name, m.peer_urls, m.client_urls, m.is_learner) for m in members} == {
        (t["ID"], t["name"], tuple(t["peerURLs"]), tuple(t["clientURLs"]), False) for t in told
    }


def test_get_and_get_prefix(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[0])
    revision = etcd.put(b"dir/a", b"1", 5)
    etcd.put(b"dir/b", b"2", 5)
    etcd.put(b"dir0", b"not in it", 5)
    etcd.put(b"\xff\xff", b"last", 5)
    found = etcd.get(b"dir/a", 5)
    assert found is not None
    assert (found.key, found.value, found.mod_revision, found.lease) == (b"dir/a", b"1", revision, 0)
    assert etcd.get(b"dir/a", 5, serializable=True) == found
    assert etcd.get(b"absent", 5) is None
    assert [kv.key for kv in etcd.get_prefix(b"dir/", 5)] == [b"dir/a", b"dir/b"]
    assert [kv.key for kv in etcd.get_prefix(b"dir/", 5, limit=1)] == [b"dir/a"]
    assert [kv.key for kv in etcd.get_prefix(b"\xff", 5)] == [b"\xff\xff"]
    assert {b"dir/a", b"dir0", b"\xff\xff"} <= {kv.key for kv in etcd.get_prefix(b"", 5)}


def test_hash_kv_is_the_same_on_every_member(cluster: EtcdCluster, connect: Connect) -> None:
    revision = connect(cluster.procs[0]).put(b"hashed", b"1", 5)
    # A linearizable read on each member waits until it has applied the write.
    hashes = set()
    for proc in cluster.procs:
        etcd = connect(proc)
        etcd.get(b"hashed", 5)
        hashes.add(etcd.hash_kv(5, revision=revision).hash)
    assert len(hashes) == 1
    assert connect(cluster.procs[0]).hash_kv(5).hash_revision == 0


def test_snapshot_ends_with_the_sha256_of_the_rest(cluster: EtcdCluster, connect: Connect) -> None:
    data = b"".join(connect(cluster.procs[0]).snapshot(10))
    assert len(data) > 4096
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]


def test_a_snapshot_may_be_left_in_the_middle(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[0])
    chunks = etcd.snapshot(10)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert etcd.status(5).member_id


def test_no_alarms(cluster: EtcdCluster, connect: Connect) -> None:
    assert connect(cluster.procs[0]).alarms(5) == ()


def test_a_future_revision_is_refused_with_an_explanation(cluster: EtcdCluster, connect: Connect) -> None:
    with pytest.raises(Refused, match="future revision") as caught:
        connect(cluster.procs[0]).hash_kv(5, revision=10**9)
    assert caught.value.details == "etcdserver: mvcc: required revision is a future revision"
    assert caught.value.hint


def test_the_protocols_hold_and_read_only_lacks_the_rest(cluster: EtcdCluster, connect: Connect) -> None:
    etcd = connect(cluster.procs[0])
    assert isinstance(etcd, EtcdWriter)
    limited: object = ReadOnlyEtcd(etcd)
    assert not isinstance(limited, EtcdWriter)
    assert isinstance(limited, EtcdReader)
    assert limited.status(5).member_id


def test_a_closed_connection_says_so(cluster: EtcdCluster) -> None:
    url = cluster.procs[0].client_url
    etcd = dial(Target(url, url.split("://")[1]))
    etcd.status(5)
    etcd.close()
    etcd.close()
    with pytest.raises(Unreachable, match="closed by etcdtui"):
        etcd.status(5)
    with pytest.raises(Unreachable, match="closed by etcdtui"):
        next(etcd.snapshot(2))
