"""The space a database takes: quota, fragmentation, when defragmenting is worth it, and in which order.

etcd compares the *allocated* size with the quota, not the size in use (``server/storage/quota.go``,
``Backend().Size()``): compacting alone never ends a NOSPACE, the file has to shrink too.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, EndpointStatus
from etcdtui.model.quorum import is_healthy_voter
from etcdtui.model.text import si_bytes

MIN_SHARE = 45
"""Percent of the file that must be free before defragmenting is worth the pause."""
MIN_FREE = 100 * 1024 * 1024
"""Bytes that must be free."""
QUOTA_UNKNOWN = "quota unknown (etcd < 3.6 does not tell)"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a member is worth defragmenting: both must hold."""

    share: int = MIN_SHARE
    """Percent of the file."""
    free: int = MIN_FREE
    """Bytes."""

    def sentence(self) -> str:
        """The rule in words."""
        if not self.share and not self.free:
            return "every member, whatever its free space"
        return f"members with at least {self.share} % and {si_bytes(self.free)} free"


@dataclass(frozen=True, slots=True)
class Space:
    """The database file of one member, in bytes."""

    size: int
    """What is allocated; what the quota limits."""
    in_use: int | None = None
    """What is not free; None before etcd 3.4."""
    quota: int | None = None

    @property
    def free(self) -> int | None:
        """What defragmenting would give back, about."""
        return None if self.in_use is None else max(0, self.size - self.in_use)

    @property
    def share(self) -> int | None:
        """Percent of the file that is free."""
        return None if self.free is None else self.free * 100 // self.size if self.size else 0

    @property
    def over_quota(self) -> bool:
        """Whether writes are refused by the quota, as far as it is known."""
        return bool(self.quota) and self.size >= (self.quota or 0)

    def worth(self, rule: Rule) -> bool:
        """Whether the rule says to defragment; without a size in use only a rule of zeros does."""
        if self.free is None or self.share is None:
            return not rule.share and not rule.free
        return self.share >= rule.share and self.free >= rule.free

    def sentence(self) -> str:
        """``1.2 GB, 400 MB in use, 66 % free, quota 2.1 GB (57 % used)``."""
        parts = [si_bytes(self.size)]
        if self.in_use is not None:
            parts += [f"{si_bytes(self.in_use)} in use", f"{self.share} % free"]
        if self.quota:
            parts.append(f"quota {si_bytes(self.quota)} ({self.size * 100 // self.quota} % used)")
        else:
            parts.append(QUOTA_UNKNOWN)
        return ", ".join(parts)


def space_of(status: EndpointStatus, quota: int | None = None) -> Space:
    """The space of a member, from its status.

    Args:
        quota: bytes, where the operator knows what the server does not tell; the server's word counts first.
    """
    return Space(status.db_size, status.db_size_in_use, status.db_size_quota or quota or None)


def spaces(snapshot: ClusterSnapshot, quota: int | None = None) -> tuple[tuple[EndpointRow, Space], ...]:
    """The rows of this cluster that answered, each with its space."""
    cluster = snapshot.cluster_id
    return tuple(
        (row, space_of(row.reading.status, quota))
        for row in snapshot.rows
        if row.reading.answered and row.reading.status and row.reading.status.cluster_id == cluster
    )


def defrag_order(snapshot: ClusterSnapshot) -> tuple[EndpointRow, ...]:
    """The voters that answer, the leader last; learners are left out."""
    leader = snapshot.leader_id
    voters = [row for row in snapshot.voters if row.reading.answered and row.reading.status is not None]
    return tuple(sorted(voters, key=lambda row: (row.member_id == leader, row.name, row.key)))


def successor(snapshot: ClusterSnapshot, done: tuple[int, ...]) -> EndpointRow | None:
    """Who takes the leadership before the leader is defragmented.

    A healthy voter of `done` (member IDs defragmented before) where there is one, else another one.
    """
    leader = snapshot.leader_id
    fit = [r for r in snapshot.voters if is_healthy_voter(snapshot, r) and r.member_id != leader]
    fit.sort(key=lambda row: (row.member_id not in done, row.name, row.key))
    return fit[0] if fit else None


def summary(snapshot: ClusterSnapshot, quota: int | None = None) -> str:
    """The largest database of the cluster and the worst fragmentation, in one sentence."""
    known = spaces(snapshot, quota)
    if not known:
        return "no member tells the size of its database"
    row, largest = max(known, key=lambda item: item[1].size)
    return f"largest database ({row.name}): {largest.sentence()}"
