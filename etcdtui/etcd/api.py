"""The API of one etcd endpoint, as the rest of etcdtui sees it: two Protocols and their values.

`EtcdReader` holds every call that changes nothing, `EtcdWriter` every call that does; a read-only
console is handed the first alone. All calls block, take a deadline in seconds and raise the
`etcdtui.errors.EtcdError` family, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from etcdtui.model.cluster import Alarm, EndpointStatus, Member


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What a TLS connection needs, in memory, PEM-encoded; never printed."""

    ca: bytes = field(default=b"", repr=False)
    """Trusted CA certificates; empty for the system's."""
    cert: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    server_name: str = ""
    """The name to check in the server's certificate instead of the one dialled."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An etcd user; the password is never printed."""

    user: str
    password: str = field(repr=False)


class Login:
    """The etcd user of a whole site, who may become another while connections stand."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self.credentials = credentials
        """None: nobody."""


@dataclass(frozen=True, slots=True)
class Target:
    """How to dial one endpoint."""

    url: str
    """The endpoint as the member list or the operator names it; shown in messages."""
    address: str
    """What gRPC dials: ``host:port`` or ``unix:/path``."""
    tls: TlsMaterial | None = None
    """None for plain text."""
    credentials: Credentials | None = None
    login: Login | None = None
    """Instead of `credentials`, where the user may become another."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key of the store."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


@dataclass(frozen=True, slots=True)
class HashKv:
    """Answer to Maintenance.HashKV; `hash_revision` is 0 before etcd 3.6."""

    hash: int
    compact_revision: int
    revision: int
    hash_revision: int = 0


@runtime_checkable
class EtcdReader(Protocol):
    """Calls that change nothing."""

    @property
    def target(self) -> Target:
        """What is dialled."""
        ...

    def status(self, timeout: float) -> EndpointStatus:
        """Maintenance.Status of this very endpoint; its local view."""
        ...

    def member_list(self, timeout: float, *, linearizable: bool = False) -> tuple[Member, ...]:
        """Cluster.MemberList. Servers before 3.5 ignore `linearizable` and answer from local data."""
        ...

    def alarms(self, timeout: float) -> tuple[Alarm, ...]:
        """Maintenance.Alarm GET: the alarms of the whole cluster."""
        ...

    def get(self, key: bytes, timeout: float, *, serializable: bool = False) -> KeyValue | None:
        """KV.Range of one key; linearizable unless asked otherwise. None when it does not exist."""
        ...

    def get_prefix(self, prefix: bytes, timeout: float, *, limit: int = 0) -> tuple[KeyValue, ...]:
        """KV.Range of a prefix, linearizable, in key order."""
        ...

    def count(self, prefix: bytes, timeout: float, *, revision: int = 0) -> int:
        """KV.Range with count_only: how many keys a prefix has at a revision (0: the latest).

        Linearizable. Raises Refused for a revision that was compacted away or is yet to come.
        """
        ...

    def lease_remaining(self, lease: int, timeout: float) -> int:
        """Lease.LeaseTimeToLive: seconds until a lease ends unless renewed; -1 when it is gone."""
        ...

    def hash_kv(self, timeout: float, *, revision: int = 0) -> HashKv:
        """Maintenance.HashKV up to a revision (0: the latest)."""
        ...

    def snapshot(self, timeout: float) -> Iterator[bytes]:
        """Maintenance.Snapshot: the backend's bytes in chunks, the sha256 of all at the end."""
        ...

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call back, from another thread, whenever an established connection is lost."""
        ...

    def close(self) -> None:
        """Close the channel; calls under way fail with Unreachable."""
        ...


@runtime_checkable
class EtcdWriter(EtcdReader, Protocol):
    """Calls that change the cluster or its data."""

    def put(self, key: bytes, value: bytes, timeout: float, *, lease: int = 0) -> int:
        """KV.Put; the revision it was written at."""
        ...

    def delete(self, key: bytes, timeout: float) -> int:
        """KV.DeleteRange of one key; how many keys went (0 or 1)."""
        ...

    def put_if(self, key: bytes, value: bytes, mod_revision: int, timeout: float, *, lease: int = 0) -> bool:
        """KV.Txn: put if the key's mod revision is `mod_revision` (0: it does not exist); whether it did."""
        ...

    def lease_grant(self, ttl: int, timeout: float) -> int:
        """Lease.LeaseGrant for `ttl` seconds; the lease's ID."""
        ...

    def lease_keep_alive(self, lease: int, timeout: float) -> int:
        """One Lease.LeaseKeepAlive; the new TTL in seconds, 0 when the lease is gone."""
        ...

    def lease_revoke(self, lease: int, timeout: float) -> None:
        """Lease.LeaseRevoke."""
        ...

    def member_add(self, peer_urls: Sequence[str], timeout: float, *, learner: bool) -> Member:
        """Cluster.MemberAdd; the new member."""
        ...

    def member_remove(self, member_id: int, timeout: float) -> None:
        """Cluster.MemberRemove."""
        ...

    def member_update(self, member_id: int, peer_urls: Sequence[str], timeout: float) -> None:
        """Cluster.MemberUpdate."""
        ...

    def member_promote(self, member_id: int, timeout: float) -> None:
        """Cluster.MemberPromote of a learner."""
        ...

    def move_leader(self, target_id: int, timeout: float) -> None:
        """Maintenance.MoveLeader; must be sent to the leader."""
        ...

    def alarm_disarm(self, alarm: Alarm, timeout: float) -> None:
        """Maintenance.Alarm DEACTIVATE."""
        ...

    def compact(self, revision: int, timeout: float, *, physical: bool = False) -> None:
        """KV.Compact."""
        ...

    def defragment(self, timeout: float) -> None:
        """Maintenance.Defragment of this very endpoint, which is blocked meanwhile."""
        ...

    def downgrade(self, action: str, version: str, timeout: float) -> str:
        """Maintenance.Downgrade (3.5+); `action` is validate, enable or cancel; the version answered."""
        ...

    def auth_is_on(self, timeout: float) -> bool:
        """Whether the cluster asks for users: Auth.Authenticate of nobody says so in every version."""
        ...

    def auth_enable(self, timeout: float) -> None:
        """Auth.AuthEnable; Refused unless a user root has the role root."""
        ...

    def auth_disable(self, timeout: float) -> None:
        """Auth.AuthDisable."""
        ...

    def user_names(self, timeout: float) -> tuple[str, ...]:
        """Auth.UserList."""
        ...

    def user_add(self, user: Credentials, timeout: float) -> None:
        """Auth.UserAdd."""
        ...

    def user_password(self, user: Credentials, timeout: float) -> None:
        """Auth.UserChangePassword."""
        ...

    def user_delete(self, name: str, timeout: float) -> None:
        """Auth.UserDelete."""
        ...

    def user_roles(self, name: str, timeout: float) -> tuple[str, ...]:
        """Auth.UserGet: the roles of a user."""
        ...

    def user_grant(self, name: str, role: str, timeout: float) -> None:
        """Auth.UserGrantRole."""
        ...

    def role_names(self, timeout: float) -> tuple[str, ...]:
        """Auth.RoleList."""
        ...

    def role_add(self, name: str, timeout: float) -> None:
        """Auth.RoleAdd."""
        ...

    def role_allow(self, name: str, access: str, prefix: bytes, timeout: float) -> None:
        """Auth.RoleGrantPermission for all keys with a prefix; `access` is read, write or readwrite."""
        ...


class Dialer(Protocol):
    """Makes a connection object; it must not block and must not raise for a dead endpoint."""

    def __call__(self, target: Target) -> EtcdWriter:
        """Dial lazily."""
        ...


READ_CALLS: tuple[str, ...] = (
    "target", "status", "member_list", "alarms", "get", "get_prefix", "lease_remaining",
    "count", "hash_kv", "snapshot", "on_disconnect", "close",
)  # fmt: skip
"""The names a read-only console can reach."""


class ReadOnlyEtcd:
    """An endpoint with nothing but its reading calls: the others do not exist on it."""

    def __init__(self, inner: EtcdReader) -> None:
        for name in READ_CALLS:
            if name != "target":
                setattr(self, name, getattr(inner, name))
        self.target = inner.target
