"""One endpoint of etcd over gRPC: every call of `etcdtui.etcd.api`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from etcd3 import etcdrpc

from etcdtui.etcd.api import EtcdWriter, HashKv, KeyValue, Target
from etcdtui.etcd.rpc import newer
from etcdtui.etcd.rpc.authentication import Authentication
from etcdtui.etcd.rpc.calls import Calls, unknown_value
from etcdtui.etcd.rpc.ranges import prefix_range
from etcdtui.model.cluster import Alarm, EndpointStatus, Member

_STATUS_REQUEST = newer.messages["StatusRequest"]()


def dial(target: Target) -> EtcdWriter:
    """A connection object for a target; the first call connects. Never blocks nor raises."""
    return Endpoint(target)


class Reader:
    """The calls that change nothing (`etcdtui.etcd.api.EtcdReader`)."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._calls = Calls(target)
        client = self._calls.client
        channel = client.channel
        self._kv, self._maintenance = client.kvstub, client.maintenancestub
        self._cluster, self._leases = client.clusterstub, client.leasestub
        self._status = newer.method(channel, "Status", newer.StatusParser())
        self._member_list = newer.method(channel, "MemberList")
        self._hash_kv = newer.method(channel, "HashKV")
        self._channel = channel

    @property
    def target(self) -> Target:
        """What is dialled."""
        return self._target

    def status(self, timeout: float) -> EndpointStatus:
        """Maintenance.Status of this very endpoint; its local view."""
        status: EndpointStatus = self._calls.call(self._status, _STATUS_REQUEST, timeout, token_first=False)
        return status

    def member_list(self, timeout: float, *, linearizable: bool = False) -> tuple[Member, ...]:
        """Cluster.MemberList. Servers before 3.5 ignore `linearizable` and answer from local data."""
        request = newer.messages["MemberListRequest"](linearizable=linearizable)
        return tuple(newer.member(m) for m in self._calls.call(self._member_list, request, timeout).members)

    def alarms(self, timeout: float) -> tuple[Alarm, ...]:
        """Maintenance.Alarm GET: the alarms of the whole cluster."""
        request = etcdrpc.AlarmRequest(action=etcdrpc.AlarmRequest.GET)
        answer = self._calls.call(self._maintenance.Alarm, request, timeout)
        known = dict(zip(etcdrpc.AlarmType.values(), etcdrpc.AlarmType.keys(), strict=True))
        return tuple(Alarm(a.memberID, known.get(a.alarm, "UNKNOWN")) for a in answer.alarms)

    def get(self, key: bytes, timeout: float, *, serializable: bool = False) -> KeyValue | None:
        """KV.Range of one key; linearizable unless asked otherwise. None when it does not exist."""
        found = self._range(etcdrpc.RangeRequest(key=key, serializable=serializable), timeout)
        return found[0] if found else None

    def get_prefix(self, prefix: bytes, timeout: float, *, limit: int = 0) -> tuple[KeyValue, ...]:
        """KV.Range of a prefix, linearizable, in key order; the empty prefix means every key."""
        start, end = prefix_range(prefix)
        return self._range(etcdrpc.RangeRequest(key=start, range_end=end, limit=limit), timeout)

    def count(self, prefix: bytes, timeout: float, *, revision: int = 0) -> int:
        """KV.Range with count_only: how many keys a prefix has at a revision (0: the latest)."""
        start, end = prefix_range(prefix)
        request = etcdrpc.RangeRequest(key=start, range_end=end, count_only=True, revision=revision)
        return int(self._calls.call(self._kv.Range, request, timeout).count)

    def lease_remaining(self, lease: int, timeout: float) -> int:
        """Lease.LeaseTimeToLive: seconds until a lease ends unless renewed; -1 when it is gone."""
        request = etcdrpc.LeaseTimeToLiveRequest(ID=lease)
        return int(self._calls.call(self._leases.LeaseTimeToLive, request, timeout).TTL)

    def hash_kv(self, timeout: float, *, revision: int = 0) -> HashKv:
        """Maintenance.HashKV up to a revision (0: the latest)."""
        m = self._calls.call(self._hash_kv, newer.messages["HashKVRequest"](revision=revision), timeout)
        return HashKv(m.hash, m.compact_revision, m.header.revision, m.hash_revision)

    def snapshot(self, timeout: float) -> Iterator[bytes]:
        """Maintenance.Snapshot: the backend's bytes in chunks, the sha256 of all at the end."""
        for answer in self._calls.stream(self._maintenance.Snapshot, etcdrpc.SnapshotRequest, timeout):
            yield answer.blob

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call back, from another thread, whenever an established connection is lost."""
        self._calls.disconnects.add(callback)

    def close(self) -> None:
        """Close the channel; calls under way fail with Unreachable."""
        self._calls.close()

    def _range(self, request: etcdrpc.RangeRequest, timeout: float) -> tuple[KeyValue, ...]:
        answer = self._calls.call(self._kv.Range, request, timeout)
        return tuple(
            KeyValue(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease)
            for kv in answer.kvs
        )


class Endpoint(Reader, Authentication):
    """All the calls (`etcdtui.etcd.api.EtcdWriter`); a change past its deadline raises DeadlineExceeded."""

    def put(self, key: bytes, value: bytes, timeout: float, *, lease: int = 0) -> int:
        """KV.Put; the revision it was written at."""
        request = etcdrpc.PutRequest(key=key, value=value, lease=lease)
        return int(self._calls.call(self._kv.Put, request, timeout).header.revision)

    def delete(self, key: bytes, timeout: float) -> int:
        """KV.DeleteRange of one key; how many keys went (0 or 1)."""
        return int(
            self._calls.call(self._kv.DeleteRange, etcdrpc.DeleteRangeRequest(key=key), timeout).deleted
        )

    def put_if(self, key: bytes, value: bytes, mod_revision: int, timeout: float, *, lease: int = 0) -> bool:
        """KV.Txn: put if the key's mod revision is `mod_revision` (0: it does not exist); whether it did."""
        same = etcdrpc.Compare(
            key=key,
            target=etcdrpc.Compare.MOD,
            result=etcdrpc.Compare.EQUAL,
            mod_revision=mod_revision,
        )
        put = etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=key, value=value, lease=lease))
        request = etcdrpc.TxnRequest(compare=[same], success=[put])
        return bool(self._calls.call(self._kv.Txn, request, timeout).succeeded)

    def lease_grant(self, ttl: int, timeout: float) -> int:
        """Lease.LeaseGrant for `ttl` seconds; the lease's ID."""
        return int(self._calls.call(self._leases.LeaseGrant, etcdrpc.LeaseGrantRequest(TTL=ttl), timeout).ID)

    def lease_keep_alive(self, lease: int, timeout: float) -> int:
        """One Lease.LeaseKeepAlive; the new TTL in seconds, 0 when the lease is gone."""
        answers = self._calls.stream(
            self._leases.LeaseKeepAlive, lambda: iter([etcdrpc.LeaseKeepAliveRequest(ID=lease)]), timeout
        )
        answer = next(answers, None)
        return int(answer.TTL) if answer is not None else 0

    def lease_revoke(self, lease: int, timeout: float) -> None:
        """Lease.LeaseRevoke."""
        self._calls.call(self._leases.LeaseRevoke, etcdrpc.LeaseRevokeRequest(ID=lease), timeout)

    def member_add(self, peer_urls: Sequence[str], timeout: float, *, learner: bool) -> Member:
        """Cluster.MemberAdd; the new member."""
        request = newer.messages["MemberAddRequest"](peerURLs=peer_urls, isLearner=learner)
        return newer.member(
            self._calls.call(newer.method(self._channel, "MemberAdd"), request, timeout).member
        )

    def member_remove(self, member_id: int, timeout: float) -> None:
        """Cluster.MemberRemove."""
        self._calls.call(self._cluster.MemberRemove, etcdrpc.MemberRemoveRequest(ID=member_id), timeout)

    def member_update(self, member_id: int, peer_urls: Sequence[str], timeout: float) -> None:
        """Cluster.MemberUpdate."""
        request = etcdrpc.MemberUpdateRequest(ID=member_id, peerURLs=peer_urls)
        self._calls.call(self._cluster.MemberUpdate, request, timeout)

    def member_promote(self, member_id: int, timeout: float) -> None:
        """Cluster.MemberPromote of a learner."""
        request = newer.messages["MemberPromoteRequest"](ID=member_id)
        self._calls.call(newer.method(self._channel, "MemberPromote"), request, timeout)

    def move_leader(self, target_id: int, timeout: float) -> None:
        """Maintenance.MoveLeader; must be sent to the leader."""
        self._calls.call(self._maintenance.MoveLeader, etcdrpc.MoveLeaderRequest(targetID=target_id), timeout)

    def alarm_disarm(self, alarm: Alarm, timeout: float) -> None:
        """Maintenance.Alarm DEACTIVATE."""
        if alarm.kind not in etcdrpc.AlarmType.keys():  # noqa: SIM118  (an enum wrapper, no mapping)
            raise unknown_value("alarm", alarm.kind, list(etcdrpc.AlarmType.keys()))
        kind = etcdrpc.AlarmType.Value(alarm.kind)
        request = etcdrpc.AlarmRequest(
            action=etcdrpc.AlarmRequest.DEACTIVATE, memberID=alarm.member_id, alarm=kind
        )
        self._calls.call(self._maintenance.Alarm, request, timeout)

    def compact(self, revision: int, timeout: float, *, physical: bool = False) -> None:
        """KV.Compact."""
        request = etcdrpc.CompactionRequest(revision=revision, physical=physical)
        self._calls.call(self._kv.Compact, request, timeout)

    def defragment(self, timeout: float) -> None:
        """Maintenance.Defragment of this very endpoint, which is blocked meanwhile."""
        self._calls.call(self._maintenance.Defragment, etcdrpc.DefragmentRequest(), timeout)

    def downgrade(self, action: str, version: str, timeout: float) -> str:
        """Maintenance.Downgrade (3.5+); `action` is validate, enable or cancel; the version answered."""
        if action not in newer.DOWNGRADE_ACTIONS:
            raise unknown_value("downgrade action", action, list(newer.DOWNGRADE_ACTIONS))
        request = newer.messages["DowngradeRequest"](action=newer.DOWNGRADE_ACTIONS[action], version=version)
        return str(self._calls.call(newer.method(self._channel, "Downgrade"), request, timeout).version)
