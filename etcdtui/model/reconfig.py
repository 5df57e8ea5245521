"""What etcd would refuse when members change, said before it is asked; by version, from a snapshot.

The rules are those of ``strict-reconfig-check``, which is on by default: ``mayAddMember``,
``mayRemoveMember``, ``mayPromoteMember`` in ``server/etcdserver/server.go``, the counts in
``server/etcdserver/api/membership/cluster.go``. *Started* means: has published a name, alive or not.
*Connected* means: the peer of the member that is asked has been active for 5 s without a break. That
is not in any answer; a healthy voter that has answered us without a break stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Member, State
from etcdtui.model.quorum import answers_itself, is_healthy_voter, quorum_of, why_not_well
from etcdtui.model.text import clean

SETTLED = 5.0
"""Seconds a peer must have been connected (``HealthInterval`` in ``server/etcdserver/server.go``)."""
READY = 0.9
"""Share of the leader's log that a learner must hold (``readyPercent``)."""
MAX_LEARNERS = 1

NOT_ENOUGH_STARTED = "etcdserver: re-configuration failed due to not enough started members"
UNHEALTHY = "etcdserver: unhealthy cluster"
NOT_IN_SYNC = "etcdserver: can only promote a learner member which is in sync with leader"
NOT_A_LEARNER = "etcdserver: can only promote a learner member"
TOO_MANY_LEARNERS = "etcdserver: too many learner members in cluster"
PEER_URL_EXISTS = "etcdserver: Peer URLs already exists"
NOT_FOUND = "etcdserver: member not found"
BAD_TRANSFEREE = "etcdserver: bad leader transferee"
NO_LEADER = "etcdserver: no leader"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What etcd would say to one change."""

    refused: bool
    message: str = ""
    """etcd's own text; empty when it would not refuse."""
    explanation: str = ""
    way_out: str = ""
    wait: float = 0.0
    """Seconds after which it would no longer refuse; 0 when waiting does not help."""


ALLOWED = Prediction(False)


def version_of(text: str) -> tuple[int, int, int]:
    """``3.5.1`` as numbers; what is missing is 0."""
    numbers = [int(n) for n in re.findall(r"\d+", text)[:3]]
    return (*numbers, 0, 0, 0)[:3]  # type: ignore[return-value]


def has_learners(version: str) -> bool:
    """Whether this etcd knows learners (3.4 and newer)."""
    return version_of(version) >= (3, 4, 0)


def tolerates_one_down(version: str) -> bool:
    """Whether an addition asks for a quorum of the larger cluster only, not for all voters."""
    number = version_of(version)
    return (3, 5, 30) <= number < (3, 6, 0) or number >= (3, 6, 11)


def member_by_urls(members: Iterable[Member], peer_urls: Iterable[str]) -> Member | None:
    """The member that has one of these peer URLs: etcd lets only one member have it."""
    wanted = {url.rstrip("/") for url in peer_urls}
    return next((m for m in members if wanted & {u.rstrip("/") for u in m.peer_urls}), None)


def leader_version(snapshot: ClusterSnapshot) -> str:
    """The version of the member that changes are sent to; the lowest that answers without a leader."""
    row = snapshot.leader_row
    if row is not None and row.reading.status is not None:
        return row.reading.status.version
    return min((s.version for s in snapshot.answers), key=version_of, default="")


def settling(snapshot: ClusterSnapshot, row: EndpointRow) -> float:
    """Seconds until an answering member counts as connected; 0 once it does or nothing tells."""
    since = row.reading.answering_since
    return 0.0 if since is None else max(0.0, SETTLED - (snapshot.taken_at - since))


def _connected(snapshot: ClusterSnapshot) -> tuple[list[EndpointRow], list[EndpointRow]]:
    """The voters that are connected, or will be within 5 s, and the others.

    A voter that we may not ask answered all the same: its peers reach it as far as anybody can tell.
    """
    near: list[EndpointRow] = []
    far: list[EndpointRow] = []
    for row in snapshot.voters:
        well = is_healthy_voter(snapshot, row) or row.state is State.NOT_PERMITTED
        (near if well else far).append(row)
    return near, far


def _too_few_connected(snapshot: ClusterSnapshot, needed: int, way_out: str) -> Prediction:
    """The refusal when fewer voters than `needed` have been connected for 5 s."""
    near, far = _connected(snapshot)
    # The member that is asked, the leader, is connected to itself at any time.
    waits = sorted(0.0 if r.member_id == snapshot.leader_id else settling(snapshot, r) for r in near)
    if len(near) < needed:
        text = f"{len(near)} of {len(near) + len(far)} voters are connected, etcd asks for {needed}"
        out = "; ".join(f"{clean(row.name)} {why_not_well(snapshot, row)}" for row in far)
        return Prediction(True, UNHEALTHY, f"{text}; {out}" if far else text, way_out)
    wait = waits[needed - 1] if needed else 0.0
    if wait > 0:
        text = f"etcd asks for {SETTLED:g} s of unbroken connection, {wait:.1f} s are missing"
        return Prediction(True, UNHEALTHY, text, "wait", wait)
    return ALLOWED


def _no_leader(snapshot: ClusterSnapshot) -> Prediction | None:
    if snapshot.leader_id is not None:
        return None
    text = "no member knows a leader: nothing can be agreed on"
    return Prediction(True, NO_LEADER, text, "bring voters back until there is a quorum")


def _not_enough_started(started: int, voters: int) -> Prediction | None:
    if started >= quorum_of(voters):
        return None
    text = f"{started} started of then {voters} voters, quorum is {quorum_of(voters)}"
    return Prediction(True, NOT_ENOUGH_STARTED, text, "start the unstarted members, or remove them")


def predict_add(snapshot: ClusterSnapshot, *, learner: bool, peer_urls: Iterable[str] = ()) -> Prediction:
    """What etcd would say to MemberAdd, sent to the leader."""
    if problem := _no_leader(snapshot):
        return problem
    voters = [m for m in snapshot.members if not m.is_learner]
    started, count = sum(m.started for m in voters), len(voters)
    alone = started == count == 1
    if not learner and not alone and (problem := _not_enough_started(started, count + 1)):
        return problem
    if not (count == 1 and (alone or tolerates_one_down(leader_version(snapshot)))):
        lenient = tolerates_one_down(leader_version(snapshot))
        needed = quorum_of(count + 1) if lenient else count
        answer = _too_few_connected(snapshot, needed, "bring it back, or remove the dead member first")
        if answer.refused:
            return answer
    if (other := member_by_urls(snapshot.members, peer_urls)) is not None:
        text = f"member {clean(other.label)} has that peer URL"
        return Prediction(True, PEER_URL_EXISTS, text, "use another peer URL, or remove that member")
    learners = [m for m in snapshot.members if m.is_learner]
    if learner and len(learners) >= MAX_LEARNERS:
        text = f"{', '.join(clean(m.label) for m in learners)} is a learner; etcd allows {MAX_LEARNERS}"
        return Prediction(True, TOO_MANY_LEARNERS, text, "promote or remove that learner first")
    return ALLOWED


def predict_remove(snapshot: ClusterSnapshot, member_id: int) -> Prediction:
    """What etcd would say to MemberRemove, sent to the leader (to another one if the leader goes)."""
    member = next((m for m in snapshot.members if m.id == member_id), None)
    if member is None:
        return Prediction(True, NOT_FOUND, f"no member has the ID {member_id:x}", "read the list again")
    if problem := _no_leader(snapshot):
        return problem
    if member.is_learner:
        return ALLOWED
    rest = [m for m in snapshot.members if not m.is_learner and m.id != member_id]
    if problem := _not_enough_started(sum(m.started for m in rest), max(1, len(rest))):
        return problem
    row = snapshot.row_of_member(member_id)
    if row is None or not (answers_itself(row) or row.state is State.NOT_PERMITTED):
        # Not connected at all, as far as anybody can tell: etcd lets it go without counting.
        return ALLOWED
    # etcd: (active - 1) < 1 + (voters - 1) / 2 is refused.
    needed = 2 + len(rest) // 2
    return _too_few_connected(snapshot, needed, "bring the others back first, or remove the dead one")


def predict_promote(snapshot: ClusterSnapshot, member_id: int) -> Prediction:
    """What etcd would say to MemberPromote: the learner must hold 0.9 of the leader's log."""
    member = next((m for m in snapshot.members if m.id == member_id), None)
    if member is None:
        return Prediction(True, NOT_FOUND, f"no member has the ID {member_id:x}", "read the list again")
    if problem := _no_leader(snapshot):
        return problem
    if not member.is_learner:
        return Prediction(True, NOT_A_LEARNER, f"{clean(member.label)} is a voter already", "nothing to do")
    has, leads = learner_progress(snapshot, member_id)
    if has is None or leads is None or has < leads * READY:
        at = "has not answered yet" if has is None else f"is at index {has} of {leads}"
        text = f"{clean(member.label)} {at}; etcd asks for {READY:.0%} of the leader's log"
        return Prediction(
            True, NOT_IN_SYNC, text, "start it if it does not run, and wait until it is in sync"
        )
    voters = [m for m in snapshot.members if not m.is_learner]
    return _not_enough_started(1 + sum(m.started for m in voters), len(voters) + 1) or ALLOWED


def learner_progress(snapshot: ClusterSnapshot, member_id: int) -> tuple[int | None, int | None]:
    """Raft index of a learner and of the leader; None while one of them does not answer.

    etcd compares the raft match that the leader keeps; a member's committed index is never above it.
    """
    row, leader = snapshot.row_of_member(member_id), snapshot.leader_row
    has = row.reading.status.raft_index if row and row.reading.answered and row.reading.status else None
    seat = leader.reading.status if leader and leader.reading.answered else None
    return has, seat.raft_index if seat else None


def predict_update(snapshot: ClusterSnapshot, member_id: int, peer_urls: Iterable[str]) -> Prediction:
    """What etcd would say to MemberUpdate; strict-reconfig-check does not look at it."""
    if all(m.id != member_id for m in snapshot.members):
        return Prediction(True, NOT_FOUND, f"no member has the ID {member_id:x}", "read the list again")
    if problem := _no_leader(snapshot):
        return problem
    other = member_by_urls((m for m in snapshot.members if m.id != member_id), peer_urls)
    if other is not None:
        text = f"member {clean(other.label)} has that peer URL"
        return Prediction(True, PEER_URL_EXISTS, text, "use another peer URL")
    return ALLOWED


def predict_move_leader(snapshot: ClusterSnapshot, member_id: int) -> Prediction:
    """What etcd would say to MoveLeader, sent to the leader: the target must be a voter."""
    if problem := _no_leader(snapshot):
        return problem
    member = next((m for m in snapshot.members if m.id == member_id), None)
    if member is None or member.is_learner:
        what = "is no member" if member is None else "is a learner"
        name = f"{member_id:x}" if member is None else clean(member.label)
        return Prediction(True, BAD_TRANSFEREE, f"{name} {what}", "choose a healthy voter")
    return ALLOWED
