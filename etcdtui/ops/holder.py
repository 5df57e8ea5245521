"""Who holds a cluster for a change: the value of the lock's key, and a reading of it in words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from etcdtui.errors import EtcdError, EtcdtuiError, Refused, Unreachable
from etcdtui.etcd.api import EtcdWriter, KeyValue
from etcdtui.etcd.errors import is_transient
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.text import clean
from etcdtui.ops import owner
from etcdtui.ops.audit import who
from etcdtui.ops.context import Context
from etcdtui.ops.owner import Owner
from etcdtui.ops.plan import Plan

CALL = 1.5
"""Seconds one call about the lock may take."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Holder:
    """One console that holds the lock, or somebody else's key in its place."""

    who: str
    """User and host, such as ``ops@bastion``."""
    owner: Owner | None
    """None when the value is not one of etcdtui's."""
    plan: str
    title: str
    since: float
    """Unix seconds, by the holder's clock."""

    def encode(self) -> bytes:
        """The key's value."""
        process = self.owner.to_json() if self.owner is not None else None
        fields = {"who": self.who, "process": process, "plan": self.plan, "title": self.title}
        return json.dumps({**fields, "since": self.since}).encode()

    @classmethod
    def decode(cls, value: bytes) -> Holder:
        """The holder that a value tells of; any other value gives one without a process."""
        try:
            data = json.loads(value)
            process = Owner.from_json(data["process"])
            return cls(str(data["who"]), process, str(data["plan"]), str(data["title"]), float(data["since"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls("a key that etcdtui did not write", None, "", "", 0.0)

    @property
    def left_behind(self) -> bool:
        """Whether it is proven that nobody works behind it any more.

        Its process ran on this machine and is gone, or it is this one: within a process
        `etcdtui.ops.exclusive` lets one change run at a time, so it is one that ended.
        """
        if self.owner is None or not self.owner.is_here:
            return False
        return not self.owner.alive or self.owner == owner.current()

    def sentence(self, remaining: int | None = None) -> str:
        """Who holds the cluster, for what, since when; `remaining` are the lease's seconds, if known."""
        if self.owner is None:
            return f"{self.who} holds the cluster"
        since = time.strftime("%H:%M:%S", time.localtime(self.since))
        ends = f" (lease ends in {remaining} s unless renewed)" if remaining and remaining > 0 else ""
        return f"{clean(self.who, 80)} holds the cluster: {clean(self.title, 120)}, since {since}{ends}"


def holder_of(plan: Plan) -> Holder:
    """This process, about to carry out a plan."""
    return Holder(who()["user"] or "?", owner.current(), plan.id, plan.title, time.time())


def candidates(snapshot: ClusterSnapshot) -> Iterator[int]:
    """The members to ask about the lock, by ID: those that answer, the leader first, learners not."""
    rows = [row for row in snapshot.rows if row.reading.answered and row.endpoint and row.is_voter]
    leader = snapshot.leader_id
    for row in sorted(rows, key=lambda row: row.member_id != leader):
        if row.member_id is not None:
            yield row.member_id


def ask(context: Context, call: Callable[[EtcdWriter], T]) -> T:
    """The first answer to a call of those that can give it. Raises EtcdError.

    What etcd refuses on one member it refuses on all; only silence and elections let the next be asked.
    """
    error = EtcdError("no endpoint answers")
    for member in candidates(context.snapshot()):
        try:
            return call(context.writer(member))
        except EtcdError as failure:
            error = failure
            if not passing(failure):
                raise
        except EtcdtuiError as failure:
            error = Unreachable(failure.message, failure.hint)
    raise error


def passing(error: EtcdError) -> bool:
    """Whether asking again, or another member, may help: it was silent, or in an election."""
    return is_transient(error) if isinstance(error, Refused) else not error.details.startswith("etcdserver:")


def find(context: Context, key: str) -> tuple[KeyValue | None, Holder | None]:
    """The lock's key as the quorum has it, and who that is; nothing when it is free. Raises EtcdError."""
    kv = ask(context, lambda api: api.get(key.encode(), CALL))
    return kv, None if kv is None else Holder.decode(kv.value)


def remaining(context: Context, kv: KeyValue) -> int | None:
    """Seconds until a key's lease ends unless renewed; None when that cannot be told."""
    try:
        return ask(context, lambda api: api.lease_remaining(kv.lease, CALL)) if kv.lease else None
    except EtcdError:
        return None


def free_again(kv: KeyValue, holder: Holder, key: str) -> str:
    """The way out for whoever is refused."""
    if holder.owner is None or not kv.lease:
        return f"look at the key {clean(key)}, or set another with change_lock.key"
    return "wait for its end"
