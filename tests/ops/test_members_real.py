"""Membership changes on real etcd under a writer whose every acknowledged write is read back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from etcdtui.errors import NodeError, UsageError
from etcdtui.model.cluster import RunState, State
from etcdtui.model.quorum import budget
from etcdtui.ops.plan import Outcome
from etcdtui.runtime.session import Session
from etcdtui.sites.local.demo import open_demo
from etcdtui.sites.local.site import LocalSite
from tests.sites.local.support import demo, wait_healthy, wait_until
from tests.support.consoles import console, cut_off, do, done, leads, members, prepare, ready
from tests.support.tools import etcd
from tests.support.writer import ELECTIONS, Tally, Writer

VERSIONS = ["3.5", "3.4"]

OLD_LATER = [pytest.param(each, marks=pytest.mark.long if each == "3.4" else ()) for each in VERSIONS]
"""Half a minute each: 3.4 is among the long ones. What differs between the two is tried in shorter ones."""


def urls(site: LocalSite) -> tuple[str, ...]:
    """The client URLs as they are now: another console changes the nodes."""
    site.nodes()
    return site.seeds()


@contextmanager
def lab(root: Path, count: int, version: str = "3.5") -> Iterator[tuple[LocalSite, Session, Writer]]:
    """A local cluster, a console on it, and a writer that follows its members."""
    with demo(root / "c", count, version=version) as site:
        wait_healthy(site)
        with (
            console(site, root) as session,
            Writer(site.seeds(), current=lambda: urls(site)) as writer,
        ):
            ready(session, count)
            yield site, session, writer


def nothing_lost(tally: Tally) -> None:
    assert tally.lost == ()
    assert tally.acknowledged > 100
    assert tally.longest_gap < ELECTIONS


@pytest.mark.timeout(120)
@pytest.mark.parametrize("version", OLD_LATER)
def test_a_cluster_grows_to_five_and_shrinks_to_one(tmp_path: Path, version: str) -> None:
    with lab(tmp_path, 1, version) as (site, session, writer):
        term = session.snapshot().raft_term
        for voters in (3, 5, 3, 1):
            plan = prepare(session, "scale", options={"voters": voters})
            assert all(v.ok for v in session.verdicts(plan)), session.verdicts(plan)
            done(session.execute(plan))
            assert members(session) == [f"n{n}" for n in range(1, voters + 1)]
            assert [n.name for n in site.nodes()] == members(session)
        tally = writer.verify()
        nothing_lost(tally)
        # Nothing of it was in the way of a write, no wait for a quorum and no election: a busy machine may
        # cost one, and gives a put up now and then.
        now = session.fresh(5).raft_term
        assert term is not None and now is not None and now <= term + 1
        assert now > term or tally.longest_gap < 3
        assert len(list((tmp_path / "c" / "aside").iterdir())) == 4
        with pytest.raises(UsageError, match="demo has 1 voter already"):
            session.prepare("scale", None, {"voters": 1})


@pytest.mark.timeout(90)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_killed_member_without_its_disk_is_replaced(tmp_path: Path, version: str) -> None:
    with lab(tmp_path, 3, version) as (site, session, writer):
        victim = next(r for r in session.fresh(5).rows if r.state is State.FOLLOWER)
        name, old = victim.name, victim.member_id
        site.kill_node(name)
        shutil.rmtree(tmp_path / "c" / name)

        def missed() -> bool:
            shot = session.fresh(5)
            row = shot.find(name)
            return row is not None and row.state is State.DOWN and budget(shot).healthy == 2

        wait_until(missed, "it is missed")
        plan = prepare(session, "replace-member", name)
        done(session.execute(plan))
        assert members(session) == ["n1", "n2", "n3"]
        row = ready(session, 3).find(name)
        assert row is not None
        assert row.member_id not in (None, old)
        nothing_lost(writer.verify())


@pytest.mark.timeout(120)
def test_what_started_on_an_emptied_node_meanwhile_is_moved_aside_too(tmp_path: Path) -> None:
    """A replacement is cut off, and the node's machine boots: its etcd makes data of its own."""
    with lab(tmp_path, 3, "3.5") as (site, session, writer):
        victim = next(r for r in session.fresh(5).rows if r.state is State.FOLLOWER)
        name = victim.name
        site.kill_node(name)
        wait_until(lambda: budget(session.fresh(5)).healthy == 2, "it is missed")
        plan = prepare(session, "replace-member", name)
        cut_off(session, plan, [s.verb for s in plan.steps].index("node.set-aside") + 1)
        # It makes data of its own, and may end soon: its peers know of no such member.
        with suppress(NodeError):
            site.start_node(name)
        wait_until((tmp_path / "c" / name / "member").exists, "data of its own")
        with console(site, tmp_path) as second:
            leads(second)
            (left,) = second.changes.unfinished()
            rest = second.changes.finish(left)
            verbs = [s.verb for s in rest.steps]
            assert verbs.index("node.stop") < verbs.index("node.set-aside") < verbs.index("node.prepare")
            done(second.execute(rest))
            assert members(second) == ["n1", "n2", "n3"]
        nothing_lost(writer.verify())


@pytest.mark.timeout(90)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_leader_hands_over_before_it_is_removed(tmp_path: Path, version: str) -> None:
    with lab(tmp_path, 3, version) as (site, session, writer):
        leader = session.fresh(5).leader_row
        assert leader is not None
        plan = prepare(session, "remove-member", leader.name)
        assert [s.verb for s in plan.steps] == [
            "leader.move", "wait", "member.remove", "node.stop", "node.retire",
        ]  # fmt: skip
        done(session.execute(plan))
        # The removed one led no more when it went.
        (removal,) = (x for x in session.audit.read() if (x["phase"], x["step"]) == ("begin", 3))
        assert {m["name"]: m["state"] for m in removal["members_before"]}[leader.name] != "leader"
        shot = ready(session, 2)
        assert leader.name not in {m.name for m in shot.members}
        assert leader.name not in {n.name for n in site.nodes()}
        nothing_lost(writer.verify())


@pytest.mark.timeout(90)
def test_a_leader_that_was_killed_is_removed_once_the_others_have_another(tmp_path: Path) -> None:
    """They name it their leader until then, and it is nobody to ask to hand leadership over."""
    slow = ("--heartbeat-interval=100", "--election-timeout=2000")
    site = open_demo(tmp_path / "c", nodes=3, binary=etcd("3.5"), options=slow)
    try:
        wait_healthy(site)
        with console(site, tmp_path) as session:
            leader = ready(session, 3).leader_row
            assert leader is not None
            first = leader.name
            site.kill_node(first)
            # No election yet: the plan meets what its steps meet.
            row = session.fresh(5).leader_row
            assert row is not None and (row.name, row.state) == (first, State.DOWN)
            plan = prepare(session, "remove-member", first)
            assert [s.verb for s in plan.steps if s.verb == "leader.move"] == []
            done(session.execute(plan))
            assert first not in members(session)
    finally:
        site.shutdown(everything=True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("version", OLD_LATER)
def test_a_join_that_was_stopped_is_undone_and_finished(tmp_path: Path, version: str) -> None:
    """Between any two steps the cluster is sound, and a new console finds its way from there."""
    with lab(tmp_path, 1, version) as (site, session, writer):
        plan = prepare(session, "add-member")
        assert [s.verb for s in plan.steps] == [
            "wait", "member.add", "node.prepare", "node.start", "wait", "member.promote", "wait",
        ]  # fmt: skip
        for steps in (2, 3, 4, 6):
            cut_off(session, prepare(session, "add-member"), steps)
            writer.wait_for(3)
            with console(site, tmp_path) as second:
                leads(second)
                (left,) = second.changes.unfinished()
                assert f"step {steps + 1} of 7" in left.why
                done(second.execute(second.changes.undo(left)))
                assert second.changes.unfinished() == ()
                assert members(second) == ["n1"]
                assert [n.name for n in site.nodes()] == ["n1"]
        for steps, count in ((2, 2), (4, 3)):
            plan = prepare(session, "add-member")
            cut_off(session, plan, steps)
            if steps == 4:
                # What has ended meanwhile is started again. It is not killed: an etcd of 3.5.0 to 3.5.2 that
                # is killed while it applies a write may come back without it (etcd's issue 13766).
                site.nodes()
                site.stop_node(plan.steps[3].args["node"], 10)
            with console(site, tmp_path) as second:
                leads(second)
                (left,) = second.changes.unfinished()
                done(second.execute(second.changes.finish(left)))
                assert second.changes.unfinished() == ()
                ready(second, count)
        assert members(session) == ["n1", "n2", "n3"]
        nothing_lost(writer.verify())


@pytest.mark.timeout(90)
def test_a_removal_that_was_stopped_is_finished(tmp_path: Path) -> None:
    with lab(tmp_path, 3) as (site, session, writer):
        plan = prepare(session, "remove-member", "n2")
        cut_off(session, plan, [s.verb for s in plan.steps].index("member.remove") + 1)
        with console(site, tmp_path) as second:
            ready(second, 2)
            (left,) = second.changes.unfinished()
            with pytest.raises(UsageError, match=r"nothing of 'remove n2' can be taken back"):
                second.changes.undo(left)
            done(second.execute(second.changes.finish(left)))
        assert members(session) == ["n1", "n3"]
        assert [n.name for n in site.nodes()] == ["n1", "n3"]
        nothing_lost(writer.verify())


def killed_in(root: Path, verb: str, action: str, name: str = "") -> None:
    """A console of its own, ended with SIGKILL in the middle of its step with that verb."""
    words = [str(root / "c"), str(root), verb, action, name]
    process = subprocess.run(
        [sys.executable, "-m", "tests.ops.child", *words], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == -signal.SIGKILL, process.stdout + process.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("verb", "action", "undo", "left"),
    [
        ("member.add", "add-member", True, 3),
        ("member.promote", "add-member", False, 4),
        ("member.remove", "remove-member", False, 2),
    ],
)
def test_a_console_killed_in_a_step_leaves_a_way_on(
    tmp_path: Path, verb: str, action: str, undo: bool, left: int
) -> None:
    with lab(tmp_path, 3) as (site, _, writer):
        killed_in(tmp_path, verb, action, "n3" if action == "remove-member" else "")
        writer.wait_for(3)
        with console(site, tmp_path) as second:
            leads(second)
            (plan,) = second.changes.unfinished()
            way = second.changes.undo if undo else second.changes.finish
            done(second.execute(way(plan)))
            assert second.changes.unfinished() == ()
            ready(second, left)
            assert members(second) == [n.name for n in site.nodes()]
        nothing_lost(writer.verify())


@pytest.mark.timeout(90)
def test_two_voters_at_once_need_the_clusters_name(tmp_path: Path) -> None:
    with lab(tmp_path, 1, "3.4") as (_, session, writer):
        plan = prepare(session, "add-member", options={"voter": True})
        refused = session.execute(plan)
        assert refused.outcome is Outcome.REFUSED
        assert refused.overridable
        assert "would leave 1 of 2 voters healthy, quorum is 2: WRITES STOP until n2 has started" in (
            refused.message
        )
        cut_off(session, plan, 2, override="demo")
        (left,) = session.changes.unfinished()
        # The second voter counts and does not run: there is no way back, and one on.
        wait_until(lambda: session.fresh(5).leader_id is None, "nobody leads")
        back = session.execute(session.changes.undo(left))
        assert back.outcome is Outcome.REFUSED
        assert "no leader" in back.message
        done(session.execute(session.changes.finish(left)))
        assert session.changes.unfinished() == ()
        assert members(session) == ["n1", "n2"]
        nothing_lost(writer.verify())


@pytest.mark.timeout(90)
def test_peers_reach_a_member_at_another_url(tmp_path: Path) -> None:
    with lab(tmp_path, 3) as (site, session, writer):
        (old,) = (m.peer_urls[0] for m in session.snapshot().members if m.name == "n2")
        new = old.replace("127.0.0.1", "localhost")
        plan = prepare(session, "update-peer-urls", "n2", {"peer_urls": new})
        cut_off(session, plan, 1)
        (left,) = session.changes.unfinished()
        done(session.execute(session.changes.undo(left)))
        assert [m.peer_urls for m in session.fresh(5).members if m.name == "n2"] == [(old,)]
        done(do(session, "update-peer-urls", "n2", peer_urls=new))
        assert [m.peer_urls for m in session.fresh(5).members if m.name == "n2"] == [(new,)]
        site.stop_node("n2", 10)
        site.start_node("n2")
        shot = ready(session, 3)
        assert [n.run_state for n in shot.nodes] == [RunState.RUNNING] * 3
        nothing_lost(writer.verify())
