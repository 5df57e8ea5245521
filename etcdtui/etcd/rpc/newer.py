"""What etcd3 0.12 does not know of etcd's API, as messages of our own; nothing outside this file knows.

etcd3 was generated from etcd 3.3: it lacks StatusResponse's fields from 7 on, learners, MemberPromote,
HashKVResponse's hash_revision and Downgrade. The messages here carry etcd's names and field numbers
(``api/etcdserverpb/rpc.proto`` of 3.6.14) and live in a descriptor pool of their own, because etcd3
registers the same names in protobuf's default pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from etcdtui.model.cluster import EndpointStatus, Member
from etcdtui.model.versions import parse_version

_PACKAGE = "etcdserverpb"
_TYPES = descriptor_pb2.FieldDescriptorProto

_MESSAGES: dict[str, tuple[str, ...]] = {
    "ResponseHeader": ("uint64 cluster_id 1", "uint64 member_id 2", "int64 revision 3", "uint64 raft_term 4"),
    "DowngradeInfo": ("bool enabled 1", "string targetVersion 2"),
    "StatusRequest": (),
    "StatusResponse": (
        "ResponseHeader header 1", "string version 2", "int64 dbSize 3", "uint64 leader 4",
        "uint64 raftIndex 5", "uint64 raftTerm 6", "uint64 raftAppliedIndex 7", "string* errors 8",
        "int64 dbSizeInUse 9", "bool isLearner 10", "string storageVersion 11", "int64 dbSizeQuota 12",
        "DowngradeInfo downgradeInfo 13",
    ),
    "Member": (
        "uint64 ID 1", "string name 2", "string* peerURLs 3", "string* clientURLs 4", "bool isLearner 5",
    ),
    "MemberListRequest": ("bool linearizable 1",),
    "MemberListResponse": ("ResponseHeader header 1", "Member* members 2"),
    "MemberAddRequest": ("string* peerURLs 1", "bool isLearner 2"),
    "MemberAddResponse": ("ResponseHeader header 1", "Member member 2", "Member* members 3"),
    "MemberPromoteRequest": ("uint64 ID 1",),
    "MemberPromoteResponse": ("ResponseHeader header 1", "Member* members 2"),
    "HashKVRequest": ("int64 revision 1",),
    "HashKVResponse": (
        "ResponseHeader header 1", "uint32 hash 2", "int64 compact_revision 3", "int64 hash_revision 4",
    ),
    # The action is an enum in etcd; on the wire an enum is an int32.
    "DowngradeRequest": ("int32 action 1", "string version 2"),
    "DowngradeResponse": ("ResponseHeader header 1", "string version 2"),
}  # fmt: skip
"""Per message its fields as ``type name number``, a star after the type for a repeated one."""

DOWNGRADE_ACTIONS = {"validate": 0, "enable": 1, "cancel": 2}
"""DowngradeRequest.DowngradeAction."""


def _field(spec: str) -> descriptor_pb2.FieldDescriptorProto:
    kind, name, number = spec.split()
    repeated = kind.endswith("*")
    kind = kind.rstrip("*")
    field = _TYPES(
        name=name,
        number=int(number),
        label=_TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL,
    )
    if kind in _MESSAGES:
        field.type = _TYPES.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    else:
        field.type = getattr(_TYPES, f"TYPE_{kind.upper()}")
    return field


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="etcdtui.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        file.message_type.add(name=name).field.extend(_field(spec) for spec in fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


messages: dict[str, Any] = _build()
"""Message classes by their name in etcd's API."""

_METHODS = {
    "Status": "Maintenance", "HashKV": "Maintenance", "Downgrade": "Maintenance",
    "MemberList": "Cluster", "MemberAdd": "Cluster", "MemberPromote": "Cluster",
}  # fmt: skip


def method(channel: Any, name: str, parse: Callable[[bytes], Any] | None = None) -> Any:
    """A callable for one unary method, as etcd3's stubs have them.

    Args:
        parse: reads the answer's bytes; without it the answer is the message itself.
    """
    request, response = (
        ("HashKVRequest", "HashKVResponse") if name == "HashKV" else (f"{name}Request", f"{name}Response")
    )
    return channel.unary_unary(
        f"/{_PACKAGE}.{_METHODS[name]}/{name}",
        request_serializer=messages[request].SerializeToString,
        response_deserializer=parse or messages[response].FromString,
    )


def member(message: Any) -> Member:
    """A Member message as our value."""
    return Member(
        message.ID, message.name, tuple(message.peerURLs), tuple(message.clientURLs), message.isLearner
    )


def parse_status(data: bytes) -> EndpointStatus:
    """The bytes of a StatusResponse as our value.

    proto3 does not tell a zero from a field that was not sent, so the server's version decides: fields 7
    to 10 came with 3.4, fields 11 to 13 with 3.6 (``versionpb.etcd_version_field`` in the source).
    """
    m = messages["StatusResponse"].FromString(data)
    version = parse_version(m.version) or (0, 0, 0)
    from_34, from_36 = version >= (3, 4, 0), version >= (3, 6, 0)
    return EndpointStatus(
        cluster_id=m.header.cluster_id,
        member_id=m.header.member_id,
        revision=m.header.revision,
        raft_term=m.raftTerm,
        version=m.version,
        db_size=m.dbSize,
        leader=m.leader,
        raft_index=m.raftIndex,
        raft_applied_index=m.raftAppliedIndex if from_34 else None,
        errors=tuple(m.errors),
        db_size_in_use=m.dbSizeInUse if from_34 else None,
        is_learner=m.isLearner,
        storage_version=m.storageVersion if from_36 else None,
        db_size_quota=m.dbSizeQuota if from_36 else None,
        downgrade_target_version=m.downgradeInfo.targetVersion if from_36 else None,
        downgrade_enabled=m.downgradeInfo.enabled if from_36 else None,
    )


class StatusParser:
    """`parse_status` that gives the same value again when the same bytes come again.

    A cluster at rest answers every reading with the same bytes, and pure-Python protobuf needs longer
    for one message than the network does on a local link.
    """

    def __init__(self) -> None:
        self._last: tuple[bytes, EndpointStatus] | None = None

    def __call__(self, data: bytes) -> EndpointStatus:
        """Parse one answer."""
        last = self._last
        if last is not None and last[0] == data:
            return last[1]
        status = parse_status(data)
        self._last = (data, status)
        return status
