"""Random clusters with what is true of them and what a console sees of it; and a site that only plans."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import (
    ClusterSnapshot,
    EndpointStatus,
    Member,
    Node,
    Reading,
    RunState,
    State,
)
from etcdtui.model.quorum import quorum_of
from etcdtui.model.tie import tie

CLUSTER = 0xC1
NOW = 1000.0


class PlanningSite:
    """Describes what it would do and can do nothing: all that planning needs."""

    name = "lab"
    kind = "paper"

    def seeds(self) -> tuple[str, ...]:
        return ()

    def dial(self, url: str) -> EtcdWriter:
        raise AssertionError(f"planning must not dial {url}")

    def close(self) -> None:
        """Nothing is held."""

    def nodes(self) -> tuple[Node, ...]:
        raise AssertionError("planning must not list nodes")

    def describe_start(self, node: str) -> str:
        return f"start {node}"

    def describe_stop(self, node: str) -> str:
        return f"stop {node}"

    def describe_kill(self, node: str) -> str:
        return f"kill {node}"

    def start_node(self, node: str) -> str:
        raise AssertionError("planning must not act")

    def stop_node(self, node: str, timeout: float) -> str:
        raise AssertionError("planning must not act")

    def kill_node(self, node: str) -> str:
        raise AssertionError("planning must not act")


def url(number: int) -> str:
    return f"http://10.0.0.{number}:2379"


def answer(
    member: int, leader: int = 1, term: int = 5, cluster: int = CLUSTER, learner: bool = False
) -> Reading:
    status = EndpointStatus(cluster, member, 10, term, "3.5.1", 20480, leader, 99, is_learner=learner)
    return Reading(None, status, "", 0.001, NOW, NOW)


def silent(outcome: State = State.DOWN, reason: str = "connection refused") -> Reading:
    return Reading(outcome, None, reason, None, NOW)


def node(number: int, state: RunState = RunState.RUNNING) -> Node:
    pid = 4700 + number if state in (RunState.RUNNING, RunState.FROZEN) else None
    detail = f"pid {pid}" if pid else ""
    peer = f"http://10.0.0.{number}:2380"
    return Node(f"n{number}", state, detail, pid, f"n{number}", (peer,), (url(number),))


def member(number: int, *, learner: bool = False) -> Member:
    return Member(number, f"n{number}", (f"http://10.0.0.{number}:2380",), (url(number),), learner)


def picture(
    members: tuple[Member, ...], nodes: tuple[Node, ...], readings: dict[str, Reading], *, known: bool = True
) -> ClusterSnapshot:
    listed = members if known else ()
    rows = tie(listed, nodes, readings)
    return ClusterSnapshot("lab", rows, listed, known, nodes=nodes, taken_at=NOW)


def simple(count: int = 3, down: tuple[int, ...] = (), leader: int = 1) -> ClusterSnapshot:
    """Voters n1..n`count` of which some are stopped; the leader is one of the others, or 0."""
    numbers = range(1, count + 1)
    if count - len(down) < quorum_of(count):
        leader = 0
    elif leader in down:
        leader = min(set(numbers) - set(down))
    return picture(
        tuple(member(n) for n in numbers),
        tuple(node(n, RunState.STOPPED if n in down else RunState.RUNNING) for n in numbers),
        {url(n): silent() if n in down else answer(n, leader) for n in numbers},
    )


@dataclass(frozen=True)
class World:
    """A cluster as it is, and the snapshot a console has of it."""

    voting: frozenset[int]
    """Voters whose process runs and reaches the leader: what quorum is really made of."""
    voters: int
    snapshot: ClusterSnapshot

    @property
    def quorum(self) -> int:
        return quorum_of(self.voters)


_ENDS = (RunState.STOPPED, RunState.FAILED, RunState.FROZEN)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Voters, a learner, unstarted ones; down, frozen, cut off, hidden, foreign, stale, unlisted."""
    count = draw(st.integers(1, 7))
    learner = count + 1 if draw(st.booleans()) else 0
    unstarted = count + 2 if draw(st.integers(0, 4)) == 0 else 0
    numbers = list(range(1, count + 1))
    ended = {n: draw(st.sampled_from(_ENDS)) for n in numbers if draw(st.integers(0, 3)) == 0}
    cut_off = {n for n in numbers if n not in ended and draw(st.integers(0, 5)) == 0}
    voting = frozenset(n for n in numbers if n not in ended and n not in cut_off)
    voters = count + (1 if unstarted else 0)
    works = len(voting) >= quorum_of(voters)
    election = works and draw(st.integers(0, 5)) == 0
    leader = draw(st.sampled_from(sorted(voting))) if works and not election else 0

    def seen(n: int) -> Reading:
        if n in ended:
            return silent()
        if n in cut_off:
            old = draw(st.sampled_from([0, *numbers]))
            # Without pre-vote a member that is cut off raises its term, and then knows no leader.
            return answer(n, old, 4) if old else answer(n, 0, draw(st.integers(4, 9)))
        hidden = 9 if election else draw(st.integers(0, 9))
        if hidden == 0:
            return silent(State.DOWN, "deadline exceeded")
        if hidden == 1:
            return silent(State.NOT_PERMITTED, "permission denied")
        return silent(State.UNKNOWN, "not read yet") if hidden == 2 else answer(n, leader)

    readings = {url(n): seen(n) for n in numbers}
    members = [member(n) for n in numbers]
    nodes = [node(n, ended.get(n, RunState.RUNNING)) for n in numbers]
    if learner:
        members.append(member(learner, learner=True))
        nodes.append(node(learner))
        readings[url(learner)] = answer(learner, leader, learner=True)
    if unstarted:
        members.append(Member(unstarted, "", (f"http://10.0.0.{unstarted}:2380",)))
    nodes = [
        replace(n, run_state=RunState.UNKNOWN, pid=None) if draw(st.integers(0, 9)) == 0 else n for n in nodes
    ]
    nodes = [n for n in nodes if draw(st.integers(0, 9))]
    for foreign in range(20, 20 + draw(st.integers(0, 2))):
        readings[url(foreign)] = answer(foreign, 20, cluster=0xF0)
    if draw(st.booleans()) and 1 in voting:
        readings["http://balancer:2379"] = readings[url(1)]
    snapshot = picture(tuple(members), tuple(nodes), readings, known=draw(st.integers(0, 9)) > 0)
    if draw(st.integers(0, 9)) == 0:
        snapshot = _stale(snapshot, numbers, leader or 1)
    return World(voting, voters, snapshot)


def _stale(snapshot: ClusterSnapshot, numbers: list[int], leader: int) -> ClusterSnapshot:
    """What was true a while ago, when all was well."""
    readings = {url(n): replace(answer(n, leader), read_at=NOW - 60) for n in numbers}
    rows = tie(snapshot.members, snapshot.nodes, readings)
    return replace(snapshot, rows=rows, paused=True)
