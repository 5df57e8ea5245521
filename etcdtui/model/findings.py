"""Findings about a cluster as a whole, from one snapshot: what is well, what deserves a look, what is broken.

Every check gives at least one line, an OK one when it passed, so that the result can be read as a list of
what was looked at. The limits are named below, with where they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, EndpointStatus, State
from etcdtui.model.health import Finding, Severity
from etcdtui.model.quorum import budget
from etcdtui.model.reconfig import predict_promote
from etcdtui.model.space import summary
from etcdtui.model.text import clean, plural, si_bytes
from etcdtui.model.versions import Version, parse_version

APPLY_LAG_WARNING = 1000
"""Entries agreed but not applied: a fifth of the 5000 (`maxGapBetweenApplyAndCommitIndex`) at which etcd
refuses writes with "too many requests"."""
APPLY_LAG_CRITICAL = 5000
MEMBER_LAG_WARNING = 5000
"""Entries behind the furthest member: what a leader keeps for slow followers (`SnapshotCatchUpEntries`);
beyond it a follower may need a whole snapshot."""
QUOTA_WARNING, QUOTA_CRITICAL = 80, 95
"""Percent of the quota in use; 95 is the limit of etcd's own alert."""
IN_USE_PERCENT, IN_USE_BYTES = 50, 100 * 1024 * 1024
"""Less than this share in use, with more than these bytes in use: etcd's own alert for defragmentation."""

_REMEDIES = {"NOSPACE": "free-space"}
"""The action for an alarm, by its kind; all others are disarmed once their cause is gone."""

_Check = Callable[[ClusterSnapshot], Iterator[Finding]]


def findings(snapshot: ClusterSnapshot) -> tuple[Finding, ...]:
    """All findings of a snapshot, check by check in a fixed order."""
    return tuple(finding for check in _CHECKS for finding in check(snapshot))


def _ok(check: str, message: str) -> Finding:
    return Finding(check, Severity.OK, message)


def _warning(check: str, message: str, remedy: str = "") -> Finding:
    return Finding(check, Severity.WARNING, message, remedy)


def _critical(check: str, message: str, remedy: str = "") -> Finding:
    return Finding(check, Severity.CRITICAL, message, remedy)


def _answers(snapshot: ClusterSnapshot) -> Iterator[tuple[EndpointRow, EndpointStatus]]:
    """The rows that answered this time and belong to this cluster, each with its status."""
    for row in snapshot.rows:
        status = row.reading.status
        if row.reading.answered and status is not None and status.cluster_id == snapshot.cluster_id:
            yield row, status


def _names(rows: list[EndpointRow]) -> str:
    return ", ".join(clean(row.name, 60) for row in rows)


def _leader(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    name = "leader agreement"
    voters = [(row, s) for row, s in _answers(snapshot) if row.is_voter]
    if not voters:
        yield _critical(name, "no voter answers, so nobody can say who leads")
        return
    claimants = [row for row, s in voters if s.is_leader]
    without = [row for row, s in voters if not s.leader]
    views = {(s.leader, s.raft_term) for _, s in voters}
    if len(without) == len(voters):
        yield _critical(name, "no leader: no voter knows one")
    elif len(claimants) > 1:
        yield _critical(name, f"{len(claimants)} members say that they lead: {_names(claimants)}")
    elif without:
        yield _critical(name, f"these voters know no leader: {_names(without)}")
    elif len({leader for leader, _ in views}) > 1:
        said = ", ".join(f"{clean(row.name, 60)} says {_label(snapshot, s.leader)}" for row, s in voters)
        yield _critical(name, f"the voters disagree about the leader: {said}")
    elif len(views) > 1:
        terms = ", ".join(str(term) for term in sorted({term for _, term in views}))
        yield _warning(name, f"the voters agree on the leader and differ in the raft term: {terms}")
    else:
        leader, term = next(iter(views))
        who = _label(snapshot, leader)
        yield _ok(name, f"{plural(len(voters), 'answering voter')}: the leader is {who} in term {term}")


def _label(snapshot: ClusterSnapshot, member_id: int) -> str:
    return clean(snapshot.label(member_id), 60)


def _identity(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    name = "cluster ID"
    foreign = [
        row
        for row in snapshot.rows
        if row.reading.answered
        and row.reading.status
        and row.reading.status.cluster_id != snapshot.cluster_id
    ]
    if foreign:
        yield _critical(name, f"these endpoints belong to another cluster: {_names(foreign)}")
    elif snapshot.cluster_id is not None:
        yield _ok(name, f"all endpoints that answer belong to cluster {snapshot.cluster_id:x}")


def _quorum(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    name, now = "quorum", budget(snapshot)
    if not now.known:
        yield _warning(name, f"the member list is not known, so the quorum is a guess: {now.sentence()}")
    elif not now.has_quorum:
        yield _critical(name, now.sentence())
    elif not now.may_fail:
        yield _warning(name, now.sentence())
    else:
        yield _ok(name, now.sentence())


def _size(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    if not snapshot.members_known:
        return
    name, voters = "number of voters", sum(1 for m in snapshot.members if not m.is_learner)
    if voters and voters % 2 == 0:
        yield _warning(name, f"{voters} is even: it tolerates no more failures than {voters - 1} would")
    else:
        yield _ok(name, plural(voters, "voter"))


def _members(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    name = "members"
    bad = False
    if snapshot.members_error:
        bad = True
        yield _warning(name, f"the member list could not be read: {clean(snapshot.members_error, 200)}")
    for row in snapshot.rows:
        if row.member is not None and not row.member.started:
            bad = True
            urls = clean(", ".join(row.member.peer_urls), 120)
            counts = "" if row.member.is_learner else "it counts for quorum all the same; "
            text = f"member {row.member.hex_id} ({urls}) was added and never started"
            yield _warning(name, f"{text}: {counts}start its node, or remove the member")
        elif row.state in (State.DOWN, State.UNKNOWN, State.NOT_PERMITTED) and row.endpoint:
            bad = True
            said = f"{clean(row.name, 60)} is {row.state.value}: {clean(row.reading.reason, 200)}"
            yield _warning(name, said)
    if not bad and snapshot.rows:
        yield _ok(name, f"{plural(len(snapshot.rows), 'endpoint')} answered")


def _learners(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    waiting = [row for row in snapshot.rows if row.member is not None and row.member.is_learner]
    for row in waiting:
        what = "start its node, or remove it"
        if row.reading.answered and row.member is not None:
            late = predict_promote(snapshot, row.member.id).refused
            what = "it catches up yet" if late else "it is in sync: promote it, or remove it"
        yield _warning("learners", f"{_names([row])} is a learner and waits to be promoted: {what}")
    if not waiting and snapshot.members_known:
        yield _ok("learners", "no learner waits to be promoted")


def _nodes(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    """Nodes that no member runs on, as a change that was cut off leaves them."""
    if not snapshot.members_known or not snapshot.nodes:
        return
    idle = [row for row in snapshot.rows if row.node is not None and row.member is None]
    for row in idle:
        if row.node is not None:
            what = f"{_names([row])} is {row.node.run_state} and no member of this cluster runs on it"
            yield _warning("nodes", f"{what}: remove it, its data is moved aside")
    if not idle:
        yield _ok("nodes", f"a member runs on each of {plural(len(snapshot.nodes), 'node')}")


def _alarms(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    if snapshot.alarms is None:
        why = clean(snapshot.alarms_error, 200) or "not read yet"
        yield _warning("alarms", f"the alarms could not be read: {why}")
    elif snapshot.alarms:
        for alarm in snapshot.alarms:
            said = f"{clean(alarm.kind, 20)} on {_label(snapshot, alarm.member_id)}"
            yield _critical("alarms", said, _REMEDIES.get(alarm.kind, "disarm-alarm"))
    else:
        yield _ok("alarms", "no alarm is active")


def _errors(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    said = [(row, text) for row, status in _answers(snapshot) for text in status.errors]
    for row, text in said:
        yield _warning("errors", f"{clean(row.name, 60)} reports: {clean(text, 200)}")
    if not said and snapshot.answers:
        yield _ok("errors", "no member reports an error of its own")


def _versions(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    name = "version skew"
    found: dict[Version, list[EndpointRow]] = {}
    for row, status in _answers(snapshot):
        if (version := parse_version(status.version)) is not None:
            found.setdefault(version, []).append(row)
    if not found:
        return
    words = ", ".join(f"{'.'.join(map(str, v))} ({_names(rows)})" for v, rows in sorted(found.items()))
    minors = {v[:2] for v in found}
    if len({major for major, _ in minors}) > 1 or max(minors)[1] - min(minors)[1] > 1:
        yield _critical(name, f"members are more than one minor version apart: {words}")
    elif len(found) > 1:
        yield _warning(name, f"members run different versions: {words}")
    else:
        yield _ok(name, f"all members that answer run {'.'.join(map(str, next(iter(found))))}")
    for version, rows in sorted(found.items()):
        if (3, 5, 0) <= version <= (3, 5, 2):
            text = "can corrupt its data when killed under load; upgrade to 3.5.3 or newer"
            yield _warning("known faults", f"etcd {'.'.join(map(str, version))} ({_names(rows)}) {text}")


def _lag(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    name, bad = "index lag", False
    leader_index = max((s.raft_index for s in snapshot.answers), default=0)
    for row, status in _answers(snapshot):
        who = clean(row.name, 60)
        if status.raft_applied_index is not None:
            lag = status.raft_index - status.raft_applied_index
            if lag > APPLY_LAG_WARNING:
                bad = True
                make = _critical if lag > APPLY_LAG_CRITICAL else _warning
                yield make(name, f"{who} has {lag} agreed entries that it has not applied yet")
        if (behind := leader_index - status.raft_index) > MEMBER_LAG_WARNING:
            bad = True
            yield _warning(name, f"{who} is {behind} entries behind the furthest member")
    if not bad and snapshot.answers:
        yield _ok(name, "every member that answers is up to date")


def _database(snapshot: ClusterSnapshot) -> Iterator[Finding]:
    name, bad = "database size", False
    for row, status in _answers(snapshot):
        who, size = clean(row.name, 60), status.db_size
        if status.db_size_quota:
            percent = size * 100 / status.db_size_quota
            if percent > QUOTA_WARNING:
                bad = True
                make = _critical if percent > QUOTA_CRITICAL else _warning
                quota = f"{si_bytes(size)} of {si_bytes(status.db_size_quota)}"
                yield make(name, f"{who} has used {percent:.0f} % of its quota: {quota}", "compact")
        used = status.db_size_in_use
        if used is not None and used > IN_USE_BYTES and used * 100 < size * IN_USE_PERCENT:
            bad = True
            text = f"uses {si_bytes(used)} of {si_bytes(size)}; defragmenting gives the rest back"
            yield _warning("fragmentation", f"{who} {text}", "defrag")
    if not bad and snapshot.answers:
        yield _ok(name, f"{clean(summary(snapshot), 200)}; nothing worth defragmenting")


_CHECKS: tuple[_Check, ...] = (
    _leader,
    _quorum,
    _members,
    _identity,
    _size,
    _learners,
    _nodes,
    _alarms,
    _errors,
    _versions,
    _lag,
    _database,
)
