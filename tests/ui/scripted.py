"""A session that shows snapshots made up by the test; it proves nothing about reading or acting on etcd."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from etcdtui.errors import EtcdtuiError
from etcdtui.model.cluster import (
    Alarm,
    ClusterSnapshot,
    EndpointRow,
    EndpointStatus,
    Member,
    Node,
    Reading,
    RunState,
    State,
)
from etcdtui.model.events import Event
from etcdtui.model.health import EndpointHealth, Finding, HealthReport, Severity
from etcdtui.ops.action import Kind
from etcdtui.ops.fields import Prompt
from etcdtui.ops.plan import Outcome, Plan, Result, Step
from etcdtui.ui.logfeed import LogSource

CLUSTER = 0xCDF818194E3A8C32
IDS = (0x8211F1D0F64F3269, 0x91BC3C398FB3C146, 0xFD422379FDA50E48, 0xA8266ECF031671F3, 0x6E3BD23AE5F1EAE0)
NOW = 1_700_000_000.0


@dataclass
class Ep:
    """One endpoint of a made-up cluster."""

    name: str
    state: State = State.FOLLOWER
    learner: bool = False
    reason: str = ""
    run: RunState = RunState.RUNNING
    index: int = 1842
    version: str = "3.5.1"
    errors: tuple[str, ...] = ()
    term: int = 4
    leaderless: bool = False
    size: int = 20480
    seen: bool = True
    applied: int | None = None


def snapshot(eps: Sequence[Ep], *, known: bool = True, name: str = "demo", **fields: Any) -> ClusterSnapshot:
    """A cluster of these endpoints."""
    leader = next((IDS[i] for i, e in enumerate(eps) if e.state is State.LEADER), 0)
    rows = []
    for i, ep in enumerate(eps):
        status = EndpointStatus(
            CLUSTER, IDS[i], 900, ep.term, ep.version, ep.size, 0 if ep.leaderless else leader, ep.index,
            ep.index if ep.applied is None else ep.applied, ep.errors, 16384, ep.learner,
        )  # fmt: skip
        answered = ep.state in (State.LEADER, State.FOLLOWER, State.LEARNER)
        url = f"http://127.0.0.1:{12379 + i * 2}"
        if answered:
            reading = Reading(None, status, "", 0.0021, 100.0, 100.0)
        else:
            reading = Reading(ep.state, status if ep.seen else None, ep.reason, None, 100.0,
                              86.0 if ep.seen else None)  # fmt: skip
        member = Member(IDS[i], ep.name, (f"http://127.0.0.1:{12380 + i * 2}",), (url,), ep.learner)
        pid = 4711 + i if ep.run is RunState.RUNNING else None
        detail = f"pid {pid}" if pid else "exited: killed by SIGKILL"
        node = Node(
            ep.name, ep.run, detail, pid, ep.name, member.peer_urls, (url,), f"/var/lib/etcd/{ep.name}"
        )
        rows.append(EndpointRow(url, reading, member if known else None, node))
    members = tuple(r.member for r in rows if r.member) if known else ()
    values: dict[str, Any] = {"alarms": (), "taken_at": 100.2, "wall_time": NOW}
    return ClusterSnapshot(name, tuple(rows), members, known, **{**values, **fields})


REFUSED = "connection refused: nothing listens on 127.0.0.1:12379"


def healthy(n: int = 3, **fields: Any) -> ClusterSnapshot:
    """All is well; n1 leads."""
    return snapshot([Ep(f"n{i + 1}", State.LEADER if i == 0 else State.FOLLOWER) for i in range(n)], **fields)


def leader_killed() -> ClusterSnapshot:
    dead = Ep("n1", State.DOWN, reason=REFUSED, run=RunState.FAILED)
    return snapshot([dead, Ep("n2", State.LEADER, term=5), Ep("n3", term=5)])


def quorum_lost() -> ClusterSnapshot:
    dead = [Ep(n, State.DOWN, reason=REFUSED, run=RunState.FAILED) for n in ("n1", "n2")]
    return snapshot([*dead, Ep("n3", leaderless=True, errors=("etcdserver: no leader",))])


def with_learner() -> ClusterSnapshot:
    return snapshot(
        [Ep("n1", State.LEADER), Ep("n2"), Ep("n3"), Ep("n4", State.LEARNER, learner=True, index=1200)]
    )


def nospace() -> ClusterSnapshot:
    errors = (f"memberID:{IDS[0]} alarm:NOSPACE ",)
    eps = [
        Ep("n1", State.LEADER, errors=errors, size=2147483648),
        Ep("n2", errors=errors),
        Ep("n3", errors=errors),
    ]
    return snapshot(eps, alarms=(Alarm(IDS[0], "NOSPACE"),))


def frozen() -> ClusterSnapshot:
    cold = Ep(
        "n2", State.DOWN, reason="no answer within 1.5s: the process may be frozen", run=RunState.FROZEN
    )
    return snapshot([Ep("n1", State.LEADER), cold, Ep("n3")])


def not_permitted() -> ClusterSnapshot:
    reason = "permission denied: Status needs the root role"
    eps = [Ep(f"n{i}", State.NOT_PERMITTED, reason=reason, seen=False) for i in (1, 2, 3)]
    return snapshot(
        eps, known=False, members_error="permission denied", alarms=None, alarms_error="permission denied"
    )


def before_first() -> ClusterSnapshot:
    rows = tuple(EndpointRow(f"http://127.0.0.1:{p}") for p in (12379, 12381, 12383))
    return ClusterSnapshot("demo", rows, taken_at=100.0, wall_time=NOW)


def newer() -> ClusterSnapshot:
    """A 3.6 cluster with all sixteen columns."""
    base = healthy(3)
    rows = []
    for row in base.rows:
        assert row.reading.status is not None
        status = replace(row.reading.status, version="3.6.1", storage_version="3.6.0", db_size_quota=2**31,
                         downgrade_enabled=False, downgrade_target_version="")  # fmt: skip
        rows.append(replace(row, reading=replace(row.reading, status=status)))
    return replace(base, rows=tuple(rows))


SCENES: Mapping[str, Callable[[], ClusterSnapshot]] = {
    "healthy": healthy, "five": lambda: healthy(5), "leader_killed": leader_killed,
    "quorum_lost": quorum_lost, "learner": with_learner, "nospace": nospace, "frozen": frozen,
    "not_permitted": not_permitted,    "before_first": before_first, "newer": newer,
}  # fmt: skip


@dataclass(frozen=True)
class FakeAction:
    id: str
    title: str
    key: str
    help: str
    scope: str = "node"
    mutating: bool = True
    fields: tuple[Prompt, ...] = ()


@dataclass(frozen=True)
class FakeVerdict:
    ok: bool
    reason: str
    overridable: bool = False
    warning: bool = False


@dataclass(frozen=True)
class FakeProgress:
    step_index: int
    total: int
    phase: str
    text: str


@dataclass(frozen=True)
class FakeLeft:
    id: str
    title: str
    why: str
    begun: str = "2026-01-02T03:04:05.000+00:00"
    progress: tuple[tuple[str, str], ...] = (("stop n2", "done"), ("start n2", "begun"), ("check", "pending"))


VOTERS = Prompt("voters", "Voters", Kind.INT, "how many there shall be", True, "5")
WAIT = Prompt("pause", "Pause", Kind.DURATION, "between two nodes", False, "5s")
HOW = Prompt("how", "How", Kind.CHOICE, "in which way", False, "learner", ("learner", "voter"))

ACTIONS = (
    FakeAction("start-node", "Start", "s", "start etcd on the node"),
    FakeAction("stop-node", "Stop", "x", "stop etcd on the node gracefully"),
    FakeAction("restart-node", "Restart", "r", "stop and start"),
    FakeAction("kill-node", "Kill -9", "K", "SIGKILL"),
    FakeAction("start-all", "Start all", "A", "start every node", "cluster"),
    FakeAction("stop-all", "Stop all", "X", "stop every node", "cluster"),
    FakeAction("scale", "Scale", "S", "grow or shrink", "cluster", fields=(VOTERS, WAIT, HOW)),
    FakeAction("rolling-restart", "Rolling restart", "O", "one at a time", "cluster", fields=(WAIT,)),
)


class FakeAudit:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def read(self) -> Iterator[dict[str, Any]]:
        return iter(self.records)


@dataclass
class ScriptedSession:
    """Implements `etcdtui.ui.ports.SessionPort` with what the test says."""

    first: ClusterSnapshot
    read_only: bool = False
    profile: str = "demo"
    refresh: float = 1.0
    paused: bool = False
    verdict: tuple[FakeVerdict, ...] = (FakeVerdict(True, "quorum holds: 2 of 3 voters remain, 2 needed"),)
    refuse: EtcdtuiError | None = None
    outcome: Outcome = Outcome.DONE
    audit: FakeAudit = field(default_factory=FakeAudit)
    report: HealthReport | None = None
    left: tuple[FakeLeft, ...] = ()
    logs: LogSource | None = None
    waited: bool = False

    def __post_init__(self) -> None:
        self._latest = self.first
        self._watchers: list[Callable[[ClusterSnapshot], None]] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._events: list[Event] = []
        self.started = threading.Event()
        self.poked = 0
        self.health_runs = 0
        self.health_gate = threading.Event()
        self.health_gate.set()
        self.run_gate = threading.Event()
        self.run_gate.set()
        self.prepared: list[tuple[str, int | None]] = []
        self.options: list[Mapping[str, Any]] = []
        self.executed: list[tuple[str, str | None]] = []

    def start(self) -> None:
        self.started.set()

    def subscribe(self, callback: Callable[[ClusterSnapshot], None]) -> Callable[[], None]:
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def subscribe_events(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def snapshot(self) -> ClusterSnapshot:
        return self._latest

    def events(self) -> tuple[Event, ...]:
        return tuple(self._events)

    def feed(self, new: ClusterSnapshot) -> None:
        """What a lane does: tell everybody of a new snapshot."""
        self._latest = new
        for watcher in list(self._watchers):
            watcher(new)

    def note(self, severity: Severity, text: str, kind: str = "action") -> None:
        event = Event(NOW + len(self._events), kind, severity, text)
        self._events.append(event)
        for listener in list(self._listeners):
            listener(event)

    def poke(self) -> None:
        self.poked += 1

    def check_health(self) -> HealthReport:
        self.health_runs += 1
        self.health_gate.wait(10)
        if self.report is not None:
            return self.report
        items = tuple(
            EndpointHealth(r.endpoint, r.name, r.reading.answered, 0.0023, clean_reason(r))
            for r in self._latest.rows
        )
        findings = (Finding("leader agreement", Severity.OK, "all members know the same leader"),
                    Finding("index lag", Severity.WARNING, "n3 is 4200 entries behind"))  # fmt: skip
        return HealthReport(items, findings, NOW + self.health_runs)

    def actions(self) -> Sequence[FakeAction]:
        return () if self.read_only else ACTIONS

    def prepare(
        self, action_id: str, row: EndpointRow | None = None, options: Mapping[str, Any] | None = None
    ) -> Plan:
        self.prepared.append((action_id, row.member_id if row else None))
        self.options.append(options or {})
        if self.refuse is not None:
            raise self.refuse
        name = row.name if row else "all"
        steps = (
            Step("node.stop", {}, f"stop etcd on {name}", f"kill -TERM {4711}"),
            Step("wait", {}, f"wait until {name} is down", "Maintenance.Status of every other member"),
        )
        consequences = (f"{name} leads: an election follows", "2 of 3 voters remain, then none more may fail")
        ids = (row.member_id,) if row and row.member_id else ()
        return Plan("p1", action_id, f"Stop {name}", self.first.name, CLUSTER, steps, consequences, ids)

    def prompts(
        self, action_id: str, row: EndpointRow | None = None, typed: Mapping[str, str] | None = None
    ) -> tuple[Prompt, ...]:
        found = next(a.fields for a in ACTIONS if a.id == action_id)
        return tuple(replace(f, proposal=(typed or {}).get(f.name, f.proposal)) for f in found)

    @property
    def ready(self) -> bool:
        return bool(self.snapshot().answers) or self.waited

    def unfinished(self) -> Sequence[FakeLeft]:
        return self.left

    def settle(self, left_id: str, how: str) -> Plan:
        return replace(self.prepare(how), origin=left_id, title=f"{how}: stop n2")

    def forget(self, left_id: str) -> None:
        self.left = tuple(left for left in self.left if left.id != left_id)

    def verdicts(self, plan: Plan) -> Sequence[FakeVerdict]:
        return self.verdict

    def execute(
        self,
        plan: Plan,
        *,
        override: str | None = None,
        progress: Callable[[Any], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        self.executed.append((plan.action, override))
        for n, step in enumerate(plan.steps):
            if progress:
                progress(FakeProgress(n, len(plan.steps), "run", step.call))
            self.run_gate.wait(10)
            if cancel is not None and cancel.is_set():
                return Result(plan, Outcome.CANCELLED, "stopped before the second step", n)
        self.note(Severity.OK, f"{plan.title}: {self.outcome.value}")
        return Result(plan, self.outcome, f"{plan.title}: so it ended", len(plan.steps))


def clean_reason(row: EndpointRow) -> str:
    return "" if row.reading.answered else row.reading.reason


if __name__ == "__main__":
    # python -m tests.ui.scripted SCENE [TICK]: look at a scene in a terminal.
    import sys

    from etcdtui.ui.app import run_console

    scene = SCENES[sys.argv[1] if len(sys.argv) > 1 else "healthy"]
    session = ScriptedSession(scene())

    def repeat() -> None:
        while True:
            time.sleep(0.2)
            session.feed(scene())

    threading.Thread(target=repeat, daemon=True).start()
    session.note(Severity.OK, "watching demo: 3 members, n1 leads in term 4")
    session.note(Severity.CRITICAL, f"n1 down: {REFUSED}")
    session.note(Severity.OK, "n2 leads in term 5 (before: n1 in term 4)")
    raise SystemExit(run_console(session, object()))
