"""The session on the local site: real processes, the timeline, actions and what read-only leaves out."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from etcdtui.errors import GuardRefused, PlanStale, UsageError
from etcdtui.model.cluster import ClusterSnapshot, State
from etcdtui.model.events import Event
from etcdtui.model.quorum import budget
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.base import Killable, Startable
from etcdtui.sites.endpoints import EndpointsSite
from etcdtui.sites.local.demo import open_demo
from etcdtui.sites.local.site import LocalSite
from tests.runtime.watch import Watch, settled
from tests.sites.local.support import wait_until
from tests.support.tools import etcd

QUICK = ("--heartbeat-interval=50", "--election-timeout=500")


@contextlib.contextmanager
def opened(site: object, root: Path, **options: object) -> Iterator[tuple[Session, Watch]]:
    # The user's own plans are those of all the other tests too.
    audit, store = AuditLog(root / "audit" / "audit.jsonl"), PlanStore(root / "plans")
    session = Session(
        site,  # type: ignore[arg-type]
        profile="test",
        refresh=0.3,
        timeout=1.0,
        audit=audit,
        store=store,
        **options,  # type: ignore[arg-type]
    )
    watch = Watch()
    session.subscribe(watch)
    session.start()
    try:
        yield session, watch
    finally:
        session.close()


def ready(count: int) -> Callable[[ClusterSnapshot], bool]:
    """All members answer and all nodes were listed."""
    return lambda shot: settled(count)(shot) and len(shot.nodes) == count


def until_healthy(session: Session, voters: int) -> None:
    """Until so many voters are: one reading may meet an election or a busy machine."""
    wait_until(lambda: budget(session.fresh(5)).healthy == voters, f"{voters} voters are healthy")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalSite]:
    site = open_demo(tmp_path / "demo", nodes=3, binary=etcd("3.5"), options=QUICK)
    try:
        yield site
    finally:
        site.shutdown(everything=True)


def row_named(shot: ClusterSnapshot, name: str) -> Any:
    row = shot.find(name)
    assert row is not None
    return row


def test_stop_the_leader_then_the_second_is_refused(local: LocalSite, tmp_path: Path) -> None:
    with opened(local, tmp_path) as (session, watch):
        told: list[Event] = []
        session.subscribe_events(told.append)
        _, shot = watch.until(ready(3))
        assert [r.node.run_state.value for r in shot.rows if r.node] == ["running"] * 3
        leader = shot.leader_row
        assert leader is not None
        plan = session.prepare("stop-node", leader)
        wait_until(lambda: all(v.ok for v in session.verdicts(plan)), "nothing stands against it")
        stopped = time.monotonic()
        result = session.execute(plan)
        assert (result.outcome, result.steps_done) == (Outcome.DONE, 1), result.message
        _, after = watch.until(
            lambda s: s.leader_id not in (None, leader.member_id) and budget(s).healthy == 2,
            since=stopped,
        )
        second = session.prepare("stop-node", next(r for r in after.rows if r.reading.answered))
        refusal = session.execute(second)
        assert refusal.outcome is Outcome.REFUSED
        assert refusal.overridable
        assert "quorum is 2" in refusal.message
        until_healthy(session, 2)
        started = session.execute(session.prepare("start-node", row_named(session.fresh(5), leader.name)))
        assert started.outcome is Outcome.DONE, started.message
        until_healthy(session, 3)
        # What is read afresh is published a moment later.
        wait_until(lambda: {"down", "up", "leader", "action"} <= {e.kind for e in told}, "all of it is told")
        lines = [json.loads(line) for line in session.audit.path.read_text().splitlines()]
        assert {line["phase"] for line in lines} >= {"plan", "begin", "end", "refused"}
        assert all(line["profile"] == "test" for line in lines)


def test_kill_the_leader_and_watch_the_election(local: LocalSite, tmp_path: Path) -> None:
    with opened(local, tmp_path) as (session, watch):
        _, shot = watch.until(ready(3))
        leader = shot.leader_row
        assert leader is not None
        killed = time.monotonic()
        result = session.execute(session.prepare("kill-node", leader))
        assert result.outcome is Outcome.DONE, result.message

        def ended(shot: ClusterSnapshot) -> bool:
            row = row_named(shot, leader.name)
            return row.state is State.DOWN and row.node.run_state.value in ("failed", "stopped")

        watch.until(ended, since=killed)
        watch.until(lambda s: s.leader_row is not None and s.leader_row.name != leader.name, since=killed)
        texts = [e.text for e in session.events()]
        assert any("leads in term" in t and "before" in t for t in texts) or any(
            "no leader" in t for t in texts
        )


def test_stop_all_needs_the_name_and_start_all_brings_it_back(local: LocalSite, tmp_path: Path) -> None:
    with opened(local, tmp_path) as (session, watch):
        watch.until(ready(3))
        plan = session.prepare("stop-all")
        assert session.execute(plan).outcome is Outcome.REFUSED
        assert session.execute(session.prepare("stop-all"), override="demo2").outcome is Outcome.REFUSED
        until_healthy(session, 3)
        result = session.execute(session.prepare("stop-all"), override="demo")
        assert result.outcome is Outcome.DONE, result.message
        assert session.fresh(5).answers == ()
        back = session.execute(session.prepare("start-all"))
        assert back.outcome is Outcome.DONE, back.message
        until_healthy(session, 3)


def test_read_only_has_nothing_that_changes(local: LocalSite, tmp_path: Path) -> None:
    with opened(local, tmp_path, read_only=True) as (session, watch):
        _, shot = watch.until(ready(3))
        assert not isinstance(session.site, Startable)
        assert not isinstance(session.site, Killable)
        assert [a for a in session.actions() if a.mutating] == []
        for action in ("start-node", "stop-node", "restart-node", "kill-node", "stop-all", "start-all"):
            with pytest.raises(UsageError, match="read-only"):
                session.prepare(action, shot.rows[0])
        with pytest.raises(UsageError, match="read-only"):
            session.writer(shot.rows[0].member_id or 0)
        reader = session.reader(shot.rows[0].endpoint)
        for call in (
            "put",
            "delete",
            "member_remove",
            "move_leader",
            "compact",
            "defragment",
            "alarm_disarm",
        ):
            assert not hasattr(reader, call)
        wait_until(lambda: session.check_health().healthy, "the check finds it healthy")


def test_endpoints_offer_no_nodes(local: LocalSite, tmp_path: Path) -> None:
    with opened(EndpointsSite("plain", local.seeds()), tmp_path) as (session, watch):
        watch.until(settled(3))
        # What etcd does itself can be asked for wherever it is reached; nodes are another matter.
        offered = {a.id for a in session.actions()}
        assert offered >= {"move-leader", "compact", "defrag", "snapshot-save"}
        assert offered.isdisjoint({"start-node", "kill-node", "rolling-restart", "restore", "recover-quorum"})
        with pytest.raises(UsageError, match="does not offer"):
            session.prepare("stop-node", session.snapshot().rows[0])


def test_a_plan_for_another_cluster_does_nothing(local: LocalSite, tmp_path: Path) -> None:
    other = open_demo(tmp_path / "other", nodes=1, binary=etcd("3.5"), options=QUICK)
    try:
        with opened(local, tmp_path) as (session, watch), opened(other, tmp_path) as (elsewhere, there):
            watch.until(ready(3))
            there.until(ready(1))
            plan = session.prepare("stop-node", session.snapshot().rows[0])
            with pytest.raises((PlanStale, GuardRefused)):
                elsewhere.execute(plan)
            until_healthy(elsewhere, 1)
    finally:
        other.shutdown(everything=True)


def test_health_report(local: LocalSite, tmp_path: Path) -> None:
    with opened(local, tmp_path) as (session, watch):
        watch.until(ready(3))
        wait_until(lambda: session.check_health().healthy, "the check finds it healthy")
        report = session.check_health()
        assert [e.name for e in report.endpoints] == ["n1", "n2", "n3"]
        local.kill_node("n2")
        after = session.check_health()
        assert not after.healthy
        assert [e.health for e in after.endpoints] == [True, False, True]


def test_pause_rests_and_actions_still_read(local: LocalSite, tmp_path: Path) -> None:
    with opened(local, tmp_path) as (session, watch):
        watch.until(ready(3))
        session.paused = True
        _, shot = watch.until(lambda s: s.paused)
        local.kill_node("n3")
        fresh = session.fresh(5)
        assert not row_named(fresh, "n3").reading.answered
        assert shot.paused


def test_what_was_read_afresh_is_what_is_planned_with(local: LocalSite, tmp_path: Path) -> None:
    with opened(local, tmp_path) as (session, _):
        for _ in range(20):
            shot = session.fresh(5)
            assert session.snapshot().seq >= shot.seq
