"""The timeline: what happened between two snapshots, in words."""

from __future__ import annotations

from dataclasses import dataclass

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, RunState, State
from etcdtui.model.quorum import budget
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean, duration


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline."""

    wall_time: float
    """Unix seconds."""
    kind: str
    """``down``, ``up``, ``leader``, ``member``, ``alarm``, ``quorum``, ``node``, ``action``, ``site``."""
    severity: Severity
    text: str
    """Harmless text, see `etcdtui.model.text.clean`."""
    member_id: int | None = None


def _reachability(now: float, old: EndpointRow, new: EndpointRow) -> Event | None:
    name = clean(new.name)
    if old.reading.answered and not new.reading.answered:
        reason = clean(new.reading.reason)
        return Event(now, "down", Severity.CRITICAL, f"{name} {new.state.value}: {reason}", new.member_id)
    if new.reading.answered and not old.reading.answered and old.reading.read_at is not None:
        gone = ""
        if old.reading.answered_at is not None and new.reading.answered_at is not None:
            gone = f" after {duration(new.reading.answered_at - old.reading.answered_at)}"
        return Event(now, "up", Severity.OK, f"{name} answers again{gone}: {new.state.value}", new.member_id)
    bad = (State.DOWN, State.NOT_PERMITTED)
    if old.state in bad and new.state in bad and old.state is not new.state:
        text = f"{name} {new.state.value}: {clean(new.reading.reason)}"
        return Event(now, "down", Severity.WARNING, text, new.member_id)
    return None


def _leader(now: float, old: ClusterSnapshot, new: ClusterSnapshot) -> Event | None:
    if new.leader_id == old.leader_id:
        return None
    if new.leader_id is None:
        text = f"{clean(old.label(old.leader_id))} was leading in term {old.raft_term or '?'}"
        if budget(new).in_doubt:
            return Event(now, "leader", Severity.WARNING, f"who leads cannot be told from here: {text}")
        return Event(now, "leader", Severity.CRITICAL, f"no leader: {text}")
    text = f"{clean(new.label(new.leader_id))} leads in term {new.raft_term}"
    if old.leader_id is not None:
        text += f" (before: {clean(old.label(old.leader_id))} in term {old.raft_term})"
    return Event(now, "leader", Severity.OK, text, new.leader_id)


def _members(now: float, old: ClusterSnapshot, new: ClusterSnapshot) -> list[Event]:
    if not (old.members_known and new.members_known):
        return []
    before, after = {m.id: m for m in old.members}, {m.id: m for m in new.members}
    out = []
    for mid in after.keys() - before.keys():
        role = "learner" if after[mid].is_learner else "voter"
        text = f"member {clean(after[mid].label)} ({mid:x}) added as {role}"
        out.append(Event(now, "member", Severity.OK, text, mid))
    for mid in before.keys() - after.keys():
        text = f"member {clean(before[mid].label)} ({mid:x}) removed"
        out.append(Event(now, "member", Severity.WARNING, text, mid))
    for mid in before.keys() & after.keys():
        one, two = before[mid], after[mid]
        changes = []
        if one.is_learner and not two.is_learner:
            changes.append("promoted to voter")
        if one.name != two.name:
            changes.append("has started" if not one.name else f"is now called {clean(two.name)}")
        if one.peer_urls != two.peer_urls:
            changes.append(f"has peer addrs {clean(','.join(two.peer_urls))}")
        out += [Event(now, "member", Severity.OK, f"member {clean(two.label)} {c}", mid) for c in changes]
    return out


def _alarms(now: float, old: ClusterSnapshot, new: ClusterSnapshot) -> list[Event]:
    if new.alarms is None:
        return []
    before, after = set(old.alarms or ()), set(new.alarms)
    raised = [
        Event(
            now, "alarm", Severity.CRITICAL, f"alarm {a.kind} on {clean(new.label(a.member_id))}", a.member_id
        )
        for a in sorted(after - before, key=lambda a: a.member_id)
    ]
    cleared = [
        Event(
            now,
            "alarm",
            Severity.OK,
            f"alarm {a.kind} on {clean(new.label(a.member_id))} disarmed",
            a.member_id,
        )
        for a in sorted(before - after, key=lambda a: a.member_id)
    ]
    return raised + cleared


def _nodes(now: float, old: ClusterSnapshot, new: ClusterSnapshot) -> list[Event]:
    before = {n.name: n for n in old.nodes}
    out = []
    for node in new.nodes:
        was = before.get(node.name)
        if (
            was is None
            or was.run_state is node.run_state
            or RunState.UNKNOWN in (was.run_state, node.run_state)
        ):
            continue
        bad = node.run_state in (RunState.FAILED, RunState.FROZEN)
        detail = f" ({clean(node.detail)})" if node.detail else ""
        text = f"node {clean(node.name)} is {node.run_state.value}{detail}"
        out.append(Event(now, "node", Severity.WARNING if bad else Severity.OK, text))
    return out


def _quorum(now: float, old: ClusterSnapshot, new: ClusterSnapshot) -> Event | None:
    before, after = budget(old), budget(new)
    same = (before.has_quorum, before.in_doubt) == (after.has_quorum, after.in_doubt)
    if not before.known or not after.known or same:
        return None
    if after.has_quorum:
        how = "seen again" if before.in_doubt else "back"
        return Event(now, "quorum", Severity.OK, f"quorum is {how}: {after.sentence()}")
    if after.in_doubt:
        return Event(now, "quorum", Severity.WARNING, f"quorum not known: {after.sentence()}")
    return Event(
        now, "quorum", Severity.CRITICAL, f"quorum lost: {after.healthy} of {after.voters} voters healthy"
    )


def between(old: ClusterSnapshot, new: ClusterSnapshot) -> tuple[Event, ...]:
    """What happened between two snapshots of one cluster, in the order a person would tell it."""
    now = new.wall_time
    events: list[Event] = list(_nodes(now, old, new))
    before = {row.key: row for row in old.rows} | {row.endpoint: row for row in old.rows if row.endpoint}
    alike: dict[str, list[str]] = {}
    for row in new.rows:
        was = before.get(row.key) or before.get(row.endpoint)
        if was is not None and was.reading.answered and row.state is State.UNKNOWN:
            alike.setdefault(clean(row.reading.reason), []).append(clean(row.name))
        elif was is not None and (event := _reachability(now, was, row)):
            events.append(event)
    # A way that is lost is lost to many: one sentence for all of them.
    events += [
        Event(now, "down", Severity.WARNING, f"{', '.join(names)} unknown: {reason}")
        for reason, names in alike.items()
    ]
    events += [e for e in (_leader(now, old, new), _quorum(now, old, new)) if e is not None]
    return (*events, *_members(now, old, new), *_alarms(now, old, new))


def opening(snapshot: ClusterSnapshot) -> Event | None:
    """The first line of a timeline: what was found. None until the endpoints have been read once."""
    if not snapshot.rows or any(r.endpoint and r.reading.read_at is None for r in snapshot.rows):
        return None
    if snapshot.answers and not snapshot.members_known and not snapshot.members_error:
        return None
    total = budget(snapshot)
    leader = snapshot.leader_id
    lead = f"{clean(snapshot.label(leader))} leads in term {snapshot.raft_term}" if leader else "no leader"
    out = [clean(r.name) for r in snapshot.rows if not r.reading.answered]
    missing = f"; not answering: {', '.join(out)}" if out else ""
    severity = Severity.OK if not out else Severity.WARNING if total.has_quorum else Severity.CRITICAL
    return Event(snapshot.wall_time, "site", severity, f"opened: {lead}; {total.sentence()}{missing}")
