"""The quorum budget: how many voters are healthy, how many more may fail, what a loss would mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, State


def quorum_of(voters: int) -> int:
    """Voters that must agree: ``n // 2 + 1``; 0 for no voters."""
    return voters // 2 + 1 if voters > 0 else 0


@dataclass(frozen=True, slots=True)
class Budget:
    """The quorum arithmetic of one snapshot."""

    voters: int
    healthy: int
    known: bool = True
    """False when the member list was never read, so that `voters` may be too few."""
    unknown: int = field(default=0, compare=False)
    """Voters that nobody here can judge: the way to them is lost, or they may not be asked."""

    @property
    def quorum(self) -> int:
        """Healthy voters needed for the cluster to work."""
        return quorum_of(self.voters)

    @property
    def has_quorum(self) -> bool:
        """Whether enough voters are healthy."""
        return self.voters > 0 and self.healthy >= self.quorum

    @property
    def in_doubt(self) -> bool:
        """Whether there may be a quorum that cannot be seen from here."""
        return not self.has_quorum and self.unknown > 0 and self.healthy + self.unknown >= self.quorum

    @property
    def may_fail(self) -> int:
        """How many more voters may fail before the cluster stops working; never negative."""
        return max(0, self.healthy - self.quorum)

    def sentence(self) -> str:
        """The budget in words, for a header or a guard's reason."""
        if self.voters == 0:
            return "no voters known yet"
        text = f"{self.healthy} of {self.voters} voters healthy, quorum {self.quorum}"
        if self.in_doubt:
            return f"{text}: {self.unknown} cannot be judged from here"
        if not self.has_quorum:
            return f"{text}: NO QUORUM"
        return f"{text}: {self.may_fail} more may fail" if self.may_fail else f"{text}: none more may fail"


def is_healthy_voter(snapshot: ClusterSnapshot, row: EndpointRow) -> bool:
    """Whether a row is a voter that answered, knows the agreed leader and is in its term.

    A member cut off from its peers still answers: it then knows no leader, or one of an older term.
    An answer by another member, as behind a shared URL, says nothing of this one.
    """
    status = row.reading.status
    if not row.is_voter or status is None or not answers_itself(row):
        return False
    seat = (status.raft_term, status.leader)
    return seat == snapshot.leadership and status.cluster_id == snapshot.cluster_id


def answers_itself(row: EndpointRow) -> bool:
    """Whether it is the row's member that answered, and not another one behind its URL."""
    status = row.reading.status
    return row.reading.answered and status is not None and status.member_id == row.member_id


def why_not_well(snapshot: ClusterSnapshot, row: EndpointRow) -> str:
    """Why `is_healthy_voter` does not hold of a voter, such as ``is down``; empty when it does."""
    status = row.reading.status
    if is_healthy_voter(snapshot, row):
        return ""
    if not row.reading.answered or status is None:
        return f"is {row.state}"
    if not answers_itself(row):
        return f"is not heard: member {status.member_id:x} answers at its URL"
    if status.cluster_id != snapshot.cluster_id:
        return f"answers for cluster {status.cluster_id:x}"
    if not status.leader:
        return "knows no leader"
    return f"follows {status.leader:x} in term {status.raft_term}, unlike the others"


def budget(snapshot: ClusterSnapshot) -> Budget:
    """The quorum budget of a snapshot."""
    voters = snapshot.voters
    healthy = sum(1 for row in voters if is_healthy_voter(snapshot, row))
    return Budget(len(voters), healthy, snapshot.members_known, sum(cannot_be_judged(row) for row in voters))


def cannot_be_judged(row: EndpointRow) -> bool:
    """Whether a row was asked and nothing can be said of its member: not down, not well."""
    return row.state is State.NOT_PERMITTED or (
        row.state is State.UNKNOWN and bool(row.endpoint) and row.reading.read_at is not None
    )


def after_losing(snapshot: ClusterSnapshot, keys: Iterable[str]) -> Budget:
    """The budget once the members of these rows no longer answer; the voter count stays."""
    lost = set(keys)
    voters = snapshot.voters
    healthy = sum(1 for row in voters if row.key not in lost and is_healthy_voter(snapshot, row))
    return Budget(len(voters), healthy, snapshot.members_known)


def loss_sentence(snapshot: ClusterSnapshot, row: EndpointRow) -> str:
    """What losing this row's member would mean, in one sentence."""
    name = row.name
    if row.member is None and row.reading.status is None:
        return f"{name}: no member is known here, so losing it changes nothing"
    if not row.is_voter:
        return f"losing {name} costs no vote: it is a learner"
    before, after = budget(snapshot), after_losing(snapshot, [row.key])
    if not before.known:
        return f"losing {name}: the member list is not known, so its cost cannot be told"
    if not is_healthy_voter(snapshot, row):
        if cannot_be_judged(row):
            return f"how {name} is cannot be judged from here"
        if before.has_quorum:
            return f"{name} is already out; the cluster works on {before.healthy} of {before.voters}"
        return f"{name} is out, and bringing it back is what restores quorum"
    if not after.has_quorum:
        if before.in_doubt:
            return f"whether there is a quorum cannot be judged from here; nor what losing {name} costs"
        if not before.has_quorum:
            return f"there is no quorum; losing {name} leaves {after.healthy} of {after.voters}"
        left = f"{after.healthy} of {after.voters} would remain, {after.quorum} needed"
        return f"losing {name} COSTS QUORUM: {left}"
    rest = f"{after.may_fail} more may fail" if after.may_fail else "none more may fail"
    election = " after an election" if row.state is State.LEADER else ""
    return f"losing {name} is safe{election}: {after.healthy} of {after.voters} remain, then {rest}"
