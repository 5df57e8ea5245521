"""The poller on real etcd processes."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.model.cluster import ClusterSnapshot, State
from etcdtui.model.quorum import budget
from etcdtui.runtime.poller import Poller
from etcdtui.sites.endpoints import EndpointsSite
from tests.runtime.watch import Watch, settled, state_of
from tests.sites.local.support import wait_until
from tests.support.etcd import EtcdCluster, joining, running


@contextlib.contextmanager
def polling(urls: list[str], refresh: float = 0.5, timeout: float = 1.0) -> Iterator[tuple[Poller, Watch]]:
    watch = Watch()
    poller = Poller(EndpointsSite("test", urls), watch, refresh=refresh, timeout=timeout)
    poller.start()
    try:
        yield poller, watch
    finally:
        poller.close()


@pytest.fixture(params=["3.5", "3.4"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EtcdCluster]:
    with running(tmp_path, 3, request.param) as made:
        yield made


def test_one_seed_finds_all_members(cluster: EtcdCluster) -> None:
    with polling(cluster.urls[:1]) as (_, watch):
        _, shot = watch.until(settled(3))
        assert [r.name for r in shot.rows] == ["n1", "n2", "n3"]
        assert budget(shot).may_fail == 1
        assert shot.alarms == ()

        def told() -> bool:
            # An election may come between our answer and etcdctl's.
            now = watch.seen[-1][1]
            return now.label(now.leader_id) == cluster.leader().name

        wait_until(told, "etcdctl and we name the same leader")


def test_the_leader_is_killed_and_the_new_one_shows(cluster: EtcdCluster) -> None:
    with polling(cluster.urls, refresh=30) as (_, watch):
        watch.until(settled(3))
        leader = cluster.leader()
        killed = time.monotonic()
        leader.kill()
        # A tick is 30 s away: only the lost connection can tell.
        down_at, shot = watch.until(state_of(leader.name, State.DOWN), since=killed)
        assert down_at - killed < 5
        row = next(r for r in shot.rows if r.name == leader.name)
        # At the very moment of its end a process may still take a connection and close it at once.
        assert re.search("refused|closed|closes|reset", row.reading.reason)
        assert row.reading.status is not None
        _, after = watch.until(
            lambda s: s.leader_row is not None and s.leader_row.name != leader.name, since=killed
        )
        assert after.raft_term is not None
        # The other one may hear of it a moment later, still long before the next tick.
        wanted = "2 of 3 voters healthy, quorum 2: none more may fail"
        seen, _ = watch.until(lambda s: budget(s).sentence() == wanted, since=killed)
        assert seen - killed < 25


def test_loss_of_quorum_and_return(cluster: EtcdCluster) -> None:
    with polling(cluster.urls) as (_, watch):
        watch.until(settled(3))
        killed = time.monotonic()
        for proc in cluster.procs[:2]:
            proc.kill()
        _, shot = watch.until(lambda s: not budget(s).has_quorum and s.leader_id is None, since=killed)
        assert (budget(shot).healthy, budget(shot).voters) == (0, 3)
        began = time.monotonic()
        for proc in cluster.procs[:2]:
            proc.start()
        watch.until(settled(3), since=began)


def test_a_frozen_member_is_down_and_delays_nobody(cluster: EtcdCluster) -> None:
    with polling(cluster.urls, refresh=0.2, timeout=0.5) as (_, watch):
        watch.until(settled(3))
        leader = cluster.leader()
        frozen = next(p for p in cluster.procs if p is not leader)
        frozen.freeze()
        try:
            _, shot = watch.until(state_of(frozen.name, State.DOWN), since=time.monotonic())
            row = next(r for r in shot.rows if r.name == frozen.name)
            assert "no answer within 0.5 s" in row.reading.reason
        finally:
            frozen.thaw()
        watch.until(settled(3), since=time.monotonic())


def test_a_call_that_hangs_delays_no_other(cluster: EtcdCluster) -> None:
    with polling(cluster.urls, refresh=0.1, timeout=60) as (_, watch):
        watch.until(settled(3))
        frozen = next(p for p in cluster.procs if p is not cluster.leader())
        frozen.freeze()
        since = time.monotonic() + 0.2
        try:

            def others_read(shot: ClusterSnapshot) -> bool:
                # Its own call hangs for a minute; the others were read after it began.
                late = [r.reading.answered_at or 0 for r in shot.rows if r.name != frozen.name]
                return len(late) == 2 and min(late) > since

            watch.until(others_read, timeout=20)
        finally:
            frozen.thaw()


def test_a_member_that_joins_appears_by_itself(tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster, polling(cluster.urls) as (_, watch):
        watch.until(settled(1))
        proc = joining(cluster, "n2")
        cluster.etcdctl(
            "member", "add", "n2", "--learner", f"--peer-urls={proc.peer_url}", endpoints=cluster.urls[:1]
        )
        _, shot = watch.until(lambda s: len(s.rows) == 2)
        assert shot.rows[1].state is State.UNKNOWN
        proc.start()
        _, shot = watch.until(lambda s: any(r.state is State.LEARNER for r in s.rows))
        assert [r.name for r in shot.rows] == ["n1", "n2"]
        assert len(shot.voters) == 1


def test_fresh_reads_after_the_call_also_when_paused(cluster: EtcdCluster) -> None:
    with polling(cluster.urls, refresh=60) as (poller, watch):
        watch.until(settled(3))
        poller.paused = True
        poller.changed()
        asked = time.monotonic()
        shot = poller.fresh(5)
        assert all(r.reading.read_at is not None and r.reading.read_at >= asked for r in shot.rows)
        assert shot.members_known
        victim = next(p for p in cluster.procs if p is not cluster.leader())
        victim.kill()
        assert state_of(victim.name, State.DOWN)(poller.fresh(5))


def test_fresh_does_not_wait_for_ever_and_says_what_is_unknown(tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster, polling(cluster.urls, refresh=60, timeout=20) as (poller, watch):
        watch.until(settled(1))
        cluster.procs[0].freeze()
        try:
            shot = poller.fresh(0.3)
        finally:
            cluster.procs[0].thaw()
        assert shot.rows[0].state is State.UNKNOWN
        assert "no fresh answer within 0.3 s" in shot.rows[0].reading.reason


def test_an_idle_cluster_costs_one_status_a_member_and_tick(tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster, polling(cluster.urls, refresh=0.1) as (_, watch):
        watch.until(settled(1))

        def rested(_: ClusterSnapshot) -> bool:
            # The same object ten times over: the member list was not read again.
            last = [shot.members for _, shot in watch.seen[-10:]]
            return len(last) == 10 and all(members is last[0] for members in last)

        watch.until(rested)


def test_a_dead_seed_stays_with_its_reason(tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster:
        dead = "http://127.0.0.1:1"
        with polling([dead, *cluster.urls]) as (_, watch):
            # The dead one is tried beside the other, in its own time.
            _, shot = watch.until(
                lambda s: s.members_known and len(s.answers) == 1 and all(r.reading.read_at for r in s.rows)
            )
            row = next(r for r in shot.rows if r.endpoint == dead)
            assert row.state is State.DOWN
            assert "refused" in row.reading.reason
            assert budget(shot).voters == 1


def test_closing_does_not_wait_for_a_silent_member(tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster:
        cluster.procs[0].freeze()
        watch = Watch()
        poller = Poller(EndpointsSite("test", cluster.urls), watch, refresh=0.1, timeout=30)
        poller.start()
        poller.poke()
        began = time.monotonic()
        poller.close()
        assert time.monotonic() - began < 5
        cluster.procs[0].thaw()
