"""etcd 3.6's fields and unknown ones, from a small gRPC server: proves our reading, not etcd 3.6 itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from etcdtui.errors import Refused
from etcdtui.etcd.api import EtcdWriter, Target
from etcdtui.etcd.rpc import dial, newer


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    """A varint field, written out by hand so that our own messages are not what they are tested against."""
    return _varint(field << 3) + _varint(value)


def text(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


HEADER = text(1, number(1, 11) + number(2, 22) + number(3, 33) + number(4, 44))


def status_36(version: bytes = b"3.6.4") -> bytes:
    return (
        HEADER + text(2, version) + number(3, 1000) + number(4, 22) + number(5, 55) + number(6, 44)
        + number(7, 54) + text(8, b"one") + text(8, b"two") + number(9, 900) + number(10, 1)
        + text(11, b"3.6.0") + number(12, 2**31) + text(13, number(1, 1) + text(2, b"3.5.0"))
    )  # fmt: skip


class _Server(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.asked: dict[str, bytes] = {}

    def service(self, details: Any) -> Any:
        name = details.method.rsplit("/", 1)[1]
        if name not in self.answers:
            return None

        def answer(request: bytes, _context: Any) -> bytes:
            self.asked[name] = request
            return self.answers[name]

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def serving(**answers: bytes) -> Iterator[tuple[EtcdWriter, _Server]]:
    handler = _Server(answers)
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    etcd = dial(Target(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"))
    try:
        yield etcd, handler
    finally:
        etcd.close()
        server.stop(0).wait()


def test_every_field_of_36() -> None:
    with serving(Status=status_36()) as (etcd, _):
        status = etcd.status(2)
    assert (status.cluster_id, status.member_id, status.revision, status.raft_term) == (11, 22, 33, 44)
    assert (status.version, status.db_size, status.leader, status.raft_index) == ("3.6.4", 1000, 22, 55)
    assert (status.raft_applied_index, status.errors, status.db_size_in_use) == (54, ("one", "two"), 900)
    assert (status.is_learner, status.storage_version, status.db_size_quota) == (True, "3.6.0", 2**31)
    assert (status.downgrade_enabled, status.downgrade_target_version) == (True, "3.5.0")


def test_what_36_leaves_out_as_zero_is_zero_and_not_unknown() -> None:
    status = newer.parse_status(HEADER + text(2, b"3.6.0-rc.1"))
    assert (status.db_size_quota, status.downgrade_enabled, status.storage_version) == (0, False, "")
    assert (status.raft_applied_index, status.db_size_in_use) == (0, 0)


@pytest.mark.parametrize(("version", "known"), [(b"3.3.27", False), (b"3.4.0", True), (b"", False)])
def test_what_a_server_is_too_old_to_send_is_none(version: bytes, known: bool) -> None:
    status = newer.parse_status(HEADER + text(2, version))
    assert (status.raft_applied_index is not None) is known
    assert (status.db_size_in_use is not None) is known
    assert status.db_size_quota is None


def test_unknown_fields_of_the_future_do_no_harm() -> None:
    future = status_36(b"4.2.0") + number(99, 7) + text(100, b"\xff\x00nested") + text(14, number(1, 1))
    with serving(Status=future) as (etcd, _):
        assert etcd.status(2).version == "4.2.0"


def test_an_unknown_alarm_of_the_future_is_named_unknown() -> None:
    with serving(Alarm=HEADER + text(2, number(1, 5) + number(2, 9))) as (etcd, _):
        assert [(a.member_id, a.kind) for a in etcd.alarms(2)] == [(5, "UNKNOWN")]


def test_hash_revision() -> None:
    answer = HEADER + number(2, 2**32 - 1) + number(3, 5) + number(4, 31)
    with serving(HashKV=answer) as (etcd, server):
        found = etcd.hash_kv(2, revision=31)
    assert (found.hash, found.compact_revision, found.revision, found.hash_revision) == (2**32 - 1, 5, 33, 31)
    assert server.asked["HashKV"] == number(1, 31)


def test_requests_carry_etcds_field_numbers() -> None:
    member = text(2, number(1, 77) + text(3, b"http://p:2380") + number(5, 1))
    with serving(MemberAdd=HEADER + member, MemberList=HEADER, MemberPromote=HEADER, Downgrade=HEADER) as (
        etcd,
        server,
    ):
        assert etcd.member_add(["http://p:2380"], 2, learner=True).is_learner
        etcd.member_list(2, linearizable=True)
        etcd.member_promote(77, 2)
        etcd.downgrade("cancel", "3.5.0", 2)
    assert server.asked["MemberAdd"] == text(1, b"http://p:2380") + number(2, 1)
    assert server.asked["MemberList"] == number(1, 1)
    assert server.asked["MemberPromote"] == number(1, 77)
    assert server.asked["Downgrade"] == number(1, 2) + text(2, b"3.5.0")


def test_an_answer_that_is_no_message_is_an_error() -> None:
    with serving(Status=b"\xff\xff\xff") as (etcd, _), pytest.raises(Refused, match="deserializ"):
        etcd.status(2)


def test_a_server_without_streams_is_watched_all_the_same() -> None:
    with serving(Status=status_36()) as (etcd, _):
        calls: list[int] = []
        etcd.on_disconnect(lambda: calls.append(1))
        for _turn in range(20):
            etcd.status(2)
        assert calls == []
