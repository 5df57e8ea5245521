"""Rolling restarts: the order, no step below quorum over random clusters, and real etcd under a writer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from etcdtui.errors import EtcdtuiError, GuardRefused, UsageError
from etcdtui.model.cluster import RunState
from etcdtui.ops import rolling
from etcdtui.ops.action import Request
from etcdtui.ops.actions.rolling_restart import ACTION
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.executors import EXECUTORS
from etcdtui.ops.guards import evaluate
from etcdtui.ops.plan import Check, Outcome, Plan
from etcdtui.ops.rolling_exec import is_well
from etcdtui.ops.runner import run
from etcdtui.ops.verify import look
from etcdtui.sites.local.site import LocalSite
from tests.ops.worlds import (
    PlanningSite,
    World,
    answer,
    member,
    node,
    picture,
    silent,
    simple,
    url,
    worlds,
)
from tests.sites.local.support import demo, etcdctl, healthy, wait_healthy
from tests.support.etcd import freeze
from tests.support.site import DirectContext
from tests.support.writer import ELECTIONS, Writer


def verbs(plan: Plan) -> list[str]:
    return [f"{s.verb.split('.')[-1]} {s.args.get('node') or s.args.get('target')}" for s in plan.steps]


def test_followers_first_and_the_leader_last_after_moving_leadership() -> None:
    plan = ACTION.plan(Request(simple(3, leader=1), PlanningSite()))
    assert verbs(plan) == ["stop n2", "start n2", "stop n3", "start n3", "move 2", "stop n1", "start n1"]
    assert "leadership moves to n2" in plan.consequences[1]
    assert plan.member_ids == (2, 3, 1)
    assert Plan.from_json(plan.to_json()) == plan
    assert all(s.verify is not None for s in plan.steps)
    assert [s.undo.verb if s.undo else "" for s in plan.steps[:2]] == ["node.start", ""]


def test_broken_ones_and_learners_come_before_healthy_voters() -> None:
    numbers = (1, 2, 3, 4, 5)
    snapshot = picture(
        (*(member(n) for n in numbers), member(6, learner=True)),
        (*(node(n, {4: RunState.FROZEN, 5: RunState.FAILED}.get(n, RunState.RUNNING)) for n in range(1, 7)),),
        {
            **{url(n): answer(n, 2) for n in (1, 2, 3)},
            url(4): silent(),
            url(5): silent(),
            url(6): answer(6, 2, learner=True),
        },
    )
    plan = ACTION.plan(Request(snapshot, PlanningSite()))
    assert verbs(plan) == [
        "stop n4", "start n4", "start n5", "stop n6", "start n6", "stop n1", "start n1", "stop n3",
        "start n3", "move 1", "stop n2", "start n2",
    ]  # fmt: skip
    # While n4 is started n5 may still be down; once it is started, everybody must be healthy.
    settled = [s.verify for s in plan.steps if s.verb == "node.start"]
    assert [check.args["apart"] for check in settled if check] == [[4, 5], [5], [], [], [], []]


def test_a_cluster_without_quorum_or_members_is_not_rolled() -> None:
    with pytest.raises(
        GuardRefused, match=r"0 of 3 voters healthy, quorum 2: NO QUORUM \(start what is down"
    ):
        ACTION.plan(Request(simple(3, down=(2, 3)), PlanningSite()))
    with pytest.raises(UsageError, match="member list is not known"):
        ACTION.plan(Request(replace(simple(3), members_known=False), PlanningSite()))
    with pytest.raises(UsageError, match=r"--pause 1: etcd counts a member as connected after 5 s"):
        ACTION.plan(Request(simple(3), PlanningSite(), options={"pause": 1.0}))


def test_a_single_member_is_restarted_only_with_the_name_typed() -> None:
    plan = ACTION.plan(Request(simple(1), PlanningSite()))
    assert plan.dangerous
    assert verbs(plan) == ["stop n1", "start n1"]
    verdict = evaluate(plan.steps[0].guards[0], simple(1))
    assert not verdict.ok
    assert verdict.overridable
    assert "WRITES STOP" in plan.consequences[1]


def test_no_node_is_stopped_while_another_is_unwell() -> None:
    plan = ACTION.plan(Request(simple(5), PlanningSite()))
    stop = plan.steps[0]
    hurt = simple(5, down=(5,))
    assert [evaluate(check, hurt).ok for check in stop.guards] == [True, False]
    assert "n5 is down" in evaluate(stop.guards[1], hurt).reason
    assert all(evaluate(check, simple(5)).ok for check in stop.guards)


def test_a_node_counts_as_back_after_five_seconds_with_all_others() -> None:
    check = Check("settled", {"node": "n2", "member": 2, "apart": [], "hold": 5.0, "version": None})
    assert (look(check, simple(3)).done, look(check, simple(3)).hold) == (True, 5.0)
    assert not look(check, simple(3, down=(3,))).done
    gone = look(check, simple(3, down=(2,)))
    assert (gone.done, gone.lost, gone.hold) == (False, True, 3.0)
    other = look(Check("settled", {**check.args, "version": "3.6.1"}), simple(3))
    assert (other.lost, other.text) == (True, "n2 runs etcd 3.5.1, not 3.6.1")


def test_leadership_moves_only_to_a_healthy_voter_that_is_up_to_date() -> None:
    guard = Check("leader-target", {"from": 1, "target": 3})
    assert evaluate(guard, simple(3)).ok
    assert not evaluate(guard, simple(3, down=(3,))).ok
    assert evaluate(guard, simple(3, leader=2)).reason == "n2 leads already"
    behind = answer(3)
    assert behind.status is not None
    late = picture(
        tuple(member(n) for n in (1, 2, 3)),
        tuple(node(n) for n in (1, 2, 3)),
        {
            url(1): replace(behind, status=replace(behind.status, member_id=1, raft_index=9000)),
            url(2): replace(behind, status=replace(behind.status, member_id=2, raft_index=8999)),
            url(3): behind,
        },
    )
    assert "8901 raft entries behind" in evaluate(guard, late).reason
    heir = rolling.heir(late)
    assert heir is not None
    assert heir.name == "n2"


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_no_planned_step_takes_a_vote_that_quorum_needs(world: World) -> None:
    """Each stop is judged in the world as planned before it: the guard must refuse what costs quorum."""
    try:
        plan = ACTION.plan(Request(world.snapshot, PlanningSite()))
    except EtcdtuiError:
        return
    seen = [step.args["node"] for step in plan.steps if step.verb == "node.start"]
    assert len(seen) == len(set(seen))
    wells = [is_well(world.snapshot, r) for r, _ in rolling.in_order(world.snapshot).pairs]
    assert wells == sorted(wells)
    for number, step in enumerate(plan.steps):
        if step.verb != "node.stop":
            continue
        # Never two down at once: what was stopped before has been started and awaited.
        stopped = [s.args["node"] for s in plan.steps[:number] if s.verb == "node.stop"]
        started = [s.args["node"] for s in plan.steps[:number] if s.verb == "node.start"]
        assert set(stopped) <= set(started)
        if all(evaluate(check, world.snapshot).ok for check in step.guards):
            lost = {r.member_id for r in world.snapshot.rows if r.node and r.node.name == step.args["node"]}
            left = len(world.voting - lost)
            assert left >= world.quorum or not world.voting & lost or len(world.voting) < world.quorum


def context_of(site: LocalSite, tmp_path: Path) -> DirectContext:
    context = DirectContext(site, AuditLog(tmp_path / "audit.jsonl"))
    context.fresh(5)
    return context


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("count", "version"), [(3, "3.4"), (5, "3.5")])
def test_a_real_cluster_is_restarted_under_a_writer(tmp_path: Path, count: int, version: str) -> None:
    with demo(tmp_path / "c", count, version=version) as site:
        wait_healthy(site)
        context = context_of(site, tmp_path)
        before = {n.name: n.pid for n in site.nodes()}
        with Writer(site.seeds()) as writer:
            plan = ACTION.plan(Request(context.fresh(5), site, plan_id="p1"))
            leader = context.snapshot().leader_id
            result = run(plan, context)
            assert result.outcome is Outcome.DONE, result.message
            tally = writer.verify()
        after = {n.name: n.pid for n in site.nodes()}
        assert all(after[name] not in (None, pid) for name, pid in before.items())
        assert context.fresh(5).leader_id not in (None, leader)
        again = EXECUTORS["leader.move"]({"from": leader, "target": plan.member_ids[0]}, context)
        assert again.endswith("leads already")
        assert tally.lost == ()
        assert tally.acknowledged > 100
        assert tally.longest_gap < ELECTIONS
        context.close()


def test_the_writer_notices_a_lost_write_and_a_gap(tmp_path: Path) -> None:
    # An etcd of 3.5.0 to 3.5.2 that is killed while it applies a write may come back without it (13766).
    with demo(tmp_path, 1, "3.4") as site:
        wait_healthy(site)
        with Writer(site.seeds()) as writer:
            writer.wait_for(5)
            site.kill_node("n1")
            assert not healthy(site.seeds()[0])
            site.start_node("n1")
            writer.wait_for(5)
            writer.stop()
            etcdctl(site, "del", "writer/00000003")
            etcdctl(site, "put", "writer/00000004", "something else")
            acknowledged, lost, gap = writer.verify()
        assert acknowledged >= 10
        assert lost == (3, 4)
        assert gap > 0.1
        assert writer.errors


@pytest.mark.timeout(90)
def test_a_frozen_node_is_brought_back_first(tmp_path: Path) -> None:
    with demo(tmp_path / "c", 3) as site:
        wait_healthy(site)
        context = context_of(site, tmp_path)
        victim = next(r.node for r in context.fresh(5).rows if r.state != "leader")
        assert victim is not None
        found = site._cluster.node(victim.name).process()
        assert found is not None
        freeze(found.pid)
        context.read_timeout = 0.7
        plan = ACTION.plan(Request(context.fresh(5), site, plan_id="p2"))
        assert verbs(plan)[:2] == [f"stop {victim.name}", f"start {victim.name}"]
        short = replace(plan, steps=plan.steps[:2])
        result = run(short, context)
        assert result.outcome is Outcome.DONE, result.message
        context.close()
