"""The guards: their sentences, and that none of them can be talked into losing quorum."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from etcdtui.errors import UsageError
from etcdtui.model.cluster import ClusterSnapshot, Member, Node, RunState, State
from etcdtui.ops.action import Action, Request, Scope
from etcdtui.ops.guards import Verdict, evaluate, may_pass, opening, review
from etcdtui.ops.plan import Check, Plan
from etcdtui.ops.registry import ACTIONS
from tests.model import build
from tests.ops.worlds import (
    NOW,
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

BY_ID = {a.id: a for a in ACTIONS}


def stopping(snapshot: ClusterSnapshot, *numbers: int) -> Verdict:
    args = {"members": list(numbers), "nodes": [f"n{n}" for n in numbers], "doing": "stopping"}
    return evaluate(Check("quorum-after-loss", args), snapshot)


def make(action: str, snapshot: ClusterSnapshot, node_name: str = "") -> Plan:
    row = snapshot.row_of_node(node_name) if node_name else None
    return BY_ID[action].plan(Request(snapshot, PlanningSite(), row, {}, "p1"))


# -- properties ----------------------------------------------------------------------------


@settings(max_examples=1500, deadline=None)
@given(
    worlds(),
    st.sampled_from([a for a in ACTIONS if a.group == "node" and not a.id.startswith("start")]),
    st.data(),
)
def test_no_accepted_plan_breaks_quorum(world: World, action: Action, data: st.DataObject) -> None:
    """Whatever the console sees, a plan that passes without an override leaves a working cluster working."""
    row = data.draw(st.sampled_from(world.snapshot.rows)) if action.scope is Scope.NODE else None
    try:
        plan = action.plan(Request(world.snapshot, PlanningSite(), row, {}, "p1"))
    except UsageError:
        assume(False)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    accepted = all(evaluate(check, world.snapshot).ok for check in opening(plan))
    lost = {int(step.args["node"][1:]) for step in plan.steps if step.verb in ("node.stop", "node.kill")}
    if accepted and len(world.voting) >= world.quorum:
        assert len(world.voting - lost) >= world.quorum


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 7), st.data())
def test_with_a_clear_view_the_guard_is_exact(count: int, data: st.DataObject) -> None:
    """Refused if and only if it costs quorum, or takes a living member where quorum is lost already."""
    numbers = list(range(1, count + 1))
    down = data.draw(st.sets(st.sampled_from(numbers)))
    lost = data.draw(st.sets(st.sampled_from(numbers), min_size=1))
    verdict = stopping(simple(count, tuple(down)), *sorted(lost))
    alive = set(numbers) - down
    quorum = count // 2 + 1
    healthy = alive if len(alive) >= quorum else set()
    assert verdict.ok == (len(healthy - lost) >= quorum or not (lost & alive))
    assert verdict.ok or verdict.overridable
    if not verdict.ok:
        figures = f"would leave {len(healthy - lost)} of {count} voters healthy, quorum is {quorum}"
        assert figures in verdict.reason


# -- quorum, sentence by sentence ----------------------------------------------------------


def test_the_refusal_has_its_figures() -> None:
    verdict = stopping(simple(3, down=(3,)), 2)
    assert not verdict.ok
    assert verdict.overridable
    assert verdict.reason == "stopping n2 would leave 1 of 3 voters healthy, quorum is 2"


def test_what_remains_is_said_when_it_is_safe() -> None:
    verdict = stopping(simple(3), 2)
    assert (verdict.ok, verdict.reason) == (
        True,
        "without n2 2 of 3 voters are healthy: none more may fail",
    )


def test_with_quorum_lost_a_living_member_is_not_stopped() -> None:
    verdict = stopping(simple(3, down=(2, 3)), 1)
    assert not verdict.ok
    assert "already lost: 0 of 3" in verdict.reason


def test_a_member_that_is_down_costs_nothing() -> None:
    assert stopping(simple(3, down=(2, 3)), 2).ok


def test_a_refusal_may_pass_where_another_look_may_see_otherwise() -> None:
    members, nodes = tuple(member(n) for n in (1, 2, 3)), tuple(node(n) for n in (1, 2, 3))
    well = {url(n): answer(n) for n in (1, 2, 3)}
    assert not may_pass(picture(members, nodes, well))
    # n1 and n2 were read before the election, n3 after it, or a moment before it heard of the leader.
    for late in (answer(3, 3, 6), answer(3, 0)):
        assert may_pass(picture(members, nodes, {**well, url(3): late}))
    unread = picture(members, nodes, well, known=False)
    assert may_pass(replace(unread, members_error="no endpoint answers"))
    assert not may_pass(replace(unread, members_error="not permitted: root alone may"))
    # A foreign endpoint stays what it is, and so does a node that has ended.
    assert not may_pass(picture(members, nodes, {**well, url(3): answer(3, 3, 9, cluster=7)}))
    ended = (*nodes[:2], node(3, RunState.STOPPED))
    assert not may_pass(picture(members, ended, {**well, url(3): silent()}))


def test_an_election_is_no_time_to_stop_anybody() -> None:
    """All three look unwell for a moment, and each of them is needed."""
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)),
        (node(1, RunState.STOPPED), node(2), node(3)),
        {url(1): silent(), url(2): answer(2, 0, 6), url(3): answer(3, 0, 6)},
    )
    assert not stopping(snapshot, 2).ok


def test_a_console_that_is_cut_off_stops_nobody() -> None:
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)),
        tuple(node(n) for n in (1, 2, 3)),
        {url(n): silent() for n in (1, 2, 3)},
    )
    verdict = stopping(snapshot, 2)
    assert not verdict.ok
    assert "n2 is down but may still vote" in verdict.reason


def test_a_silent_member_may_be_about_to_elect_the_one_that_knows_no_leader() -> None:
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)),
        (node(1), node(2), node(3, RunState.STOPPED)),
        {url(1): answer(1, 0), url(2): silent(), url(3): silent()},
    )
    verdict = stopping(snapshot, 2)
    assert (verdict.ok, verdict.overridable) == (False, True)
    assert "n2 is down but may still vote" in verdict.reason


def test_a_waiting_first_member_may_be_stopped_again() -> None:
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)),
        (node(1), node(2, RunState.STOPPED), node(3, RunState.STOPPED)),
        {url(n): silent() for n in (1, 2, 3)},
    )
    assert stopping(snapshot, 1).ok


def test_a_frozen_member_is_out() -> None:
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)),
        (node(1), node(2, RunState.FROZEN), node(3, RunState.STOPPED)),
        {url(1): answer(1, 1), url(2): silent(), url(3): silent()},
    )
    assert stopping(snapshot, 2).ok
    assert not stopping(snapshot, 1).ok


def test_members_that_may_not_be_read_are_not_taken_for_lost() -> None:
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)),
        tuple(node(n) for n in (1, 2, 3)),
        {url(n): silent(State.NOT_PERMITTED) for n in (1, 2, 3)},
    )
    assert not stopping(snapshot, 1).ok


def test_the_only_member_needs_the_override() -> None:
    verdict = stopping(simple(1), 1)
    assert (verdict.ok, verdict.overridable) == (False, True)
    assert verdict.reason == "stopping n1 would leave 0 of 1 voters healthy, quorum is 1"


def test_a_learner_costs_no_vote() -> None:
    listed = (member(1), member(2, learner=True))
    snapshot = picture(listed, (node(1), node(2)), {url(1): answer(1), url(2): answer(2, learner=True)})
    assert stopping(snapshot, 2).ok


def test_without_a_member_list_nothing_is_allowed() -> None:
    snapshot = picture((), (node(1),), {url(1): answer(1)}, known=False)
    verdict = stopping(replace(snapshot, members_error="permission denied"), 1)
    assert (verdict.ok, verdict.overridable) == (False, True)
    assert "member list is not known" in verdict.reason
    assert "permission denied" in verdict.reason


@pytest.mark.parametrize("paused", [True, False])
def test_old_readings_prove_nothing(paused: bool) -> None:
    verdict = stopping(replace(simple(3), taken_at=NOW + 30, paused=paused), 2)
    assert (verdict.ok, verdict.overridable) == (False, False)
    assert "30 s old" in verdict.reason
    assert ("paused" in verdict.reason) == paused


def test_a_running_node_nobody_can_tie_may_hold_a_vote() -> None:
    stranger = replace(node(9), peer_urls=(), client_urls=(), member_name="?")
    listed = tuple(member(n) for n in (1, 2, 3))
    snapshot = picture(listed, (node(1), node(2), stranger), {url(n): answer(n) for n in (1, 2, 3)})
    assert not evaluate(Check("quorum-after-loss", {"members": [], "nodes": ["n9"]}), snapshot).ok
    complete = picture(listed, (node(1), node(2), node(3), stranger), {url(n): answer(n) for n in (1, 2, 3)})
    assert evaluate(Check("quorum-after-loss", {"members": [], "nodes": ["n9"]}), complete).ok


# -- the others ----------------------------------------------------------------------------


def test_bindings() -> None:
    plan = make("stop-node", simple(3), "n2")
    assert all(v.ok for v in review(plan, simple(3)))
    foreign = picture((member(2),), (), {url(2): answer(2, 2, cluster=0xF0)})
    other = next(v for v in review(plan, foreign) if v.check.name == "same-cluster")
    assert (other.ok, other.overridable) == (False, False)
    assert "c1" in other.reason and "f0" in other.reason
    gone = picture((member(1), member(3)), (node(2),), {url(n): answer(n) for n in (1, 3)})
    verdict = next(v for v in review(plan, gone) if v.check.name == "member-present")
    assert (verdict.ok, verdict.overridable) == (False, False)


@pytest.mark.parametrize(
    ("name", "state", "ok"),
    [
        ("node-running", RunState.RUNNING, True),
        ("node-running", RunState.FROZEN, True),
        ("node-running", RunState.STOPPED, False),
        ("node-running", RunState.FAILED, False),
        ("node-stopped", RunState.STOPPED, True),
        ("node-stopped", RunState.FAILED, True),
        ("node-stopped", RunState.STARTING, False),
        ("node-known", RunState.UNKNOWN, True),
    ],
)
def test_node_guards(name: str, state: RunState, ok: bool) -> None:
    snapshot = picture((member(1),), (node(1, state),), {})
    assert evaluate(Check(name, {"node": "n1"}), snapshot).ok is ok
    assert not evaluate(Check(name, {"node": "n7"}), snapshot).ok


def test_a_site_that_cannot_list_its_nodes_is_quoted() -> None:
    snapshot = ClusterSnapshot("lab", site_error="no route\x1b[0m to host")
    verdict = evaluate(Check("node-known", {"node": "n1"}), snapshot)
    assert "no route" in verdict.reason
    assert "\x1b" not in verdict.reason


def test_an_unknown_guard_refuses() -> None:
    assert not evaluate(Check("no-such-guard"), simple(3)).ok


def test_a_member_name_cannot_paint_the_reason() -> None:
    listed = (Member(1, "\x1b[31mred", (), (url(1),)),)
    verdict = stopping(picture(listed, (), {url(1): answer(1)}), 1)
    assert not verdict.ok
    assert "\x1b" not in verdict.reason


def test_a_member_that_answers_is_not_out_whatever_the_node_list_says() -> None:
    listed = tuple(member(n) for n in (1, 2, 3))
    nodes = tuple(node(n, RunState.STOPPED) for n in (1, 2, 3))
    snapshot = picture(listed, nodes, {url(1): answer(1), url(2): answer(2), url(3): silent()})
    assert not stopping(snapshot, 2).ok


def test_what_the_site_said_before_it_failed_is_no_proof_that_a_process_ended() -> None:
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)),
        tuple(node(n, RunState.STOPPED) for n in (1, 2, 3)),
        {url(n): silent() for n in (1, 2, 3)},
    )
    assert stopping(snapshot, 1).ok
    assert not stopping(replace(snapshot, site_error="no route to host"), 1).ok


def test_a_member_list_that_could_not_be_read_again_is_not_counted_on() -> None:
    verdict = stopping(replace(simple(3), members_error="permission denied"), 2)
    assert (verdict.ok, verdict.overridable) == (False, True)
    assert "an old one" in verdict.reason
    # With every endpoint silent nobody can give it, and what is out is out all the same.
    assert stopping(replace(simple(3, down=(1, 2, 3)), members_error="no endpoint answers"), 2).ok


def test_a_tear_down_names_whoever_it_would_leave() -> None:
    three = [build.member(number) for number in (1, 2, 3)]
    peers = [each.peer_urls[0] for each in three]
    running = [build.node(1), build.node(2)]

    def said(args: dict[str, list[str]], nodes: list[Node]) -> tuple[bool, bool, str]:
        shot = build.snapshot([build.up(number) for number in (1, 2, 3)], three, nodes)
        verdict = evaluate(Check("no-other-cluster", args), shot)
        return verdict.ok, verdict.overridable, verdict.reason

    foreign = "a cluster stands there already, with {} that this plan does not know"
    later = f"{foreign.format('n3')}: where they came later, the profile's `members` must say so"
    left = f"n3 ({peers[2]}) is a member too, and {{}}: it would stay, without a quorum: {{}}"
    unknown, remove = (
        "no node is known to run it for this cluster",
        "remove it first, or name its host in the profile",
    )
    silent, bring = "nothing is known of n3, where it may be", "have that reached, or remove the member first"
    none: list[str] = []
    for args, nodes, reason in (
        ({"peers": peers[:2]}, running, later),
        ({"peers": none, "grown": none}, running, foreign.format("n1, n2, n3")),
        ({"peers": peers[:2], "grown": none}, running, left.format(unknown, remove)),
        (
            {"peers": peers[:2], "grown": none},
            [*running, build.node(3, RunState.UNKNOWN)],
            left.format(silent, bring),
        ),
    ):
        assert said(args, nodes) == (False, False, reason)
    assert said({"peers": peers[:2], "grown": peers[2:]}, running)[0]


@pytest.mark.parametrize(
    ("states", "listed", "ok"),
    [
        ((State.DOWN, State.DOWN, State.DOWN), False, True),
        ((State.DOWN, State.DOWN, State.DOWN), True, True),
        ((None, State.DOWN, State.DOWN), True, True),
        ((None, None, State.DOWN), True, False),
        ((None, State.NOT_PERMITTED, State.DOWN), True, False),
        ((State.NOT_PERMITTED,) * 3, False, False),
    ],
)
@pytest.mark.parametrize("leader", [0, 1])
def test_a_bring_up_is_not_taken_back_where_its_cluster_may_serve(
    states: tuple[State | None, ...], listed: bool, ok: bool, leader: int
) -> None:
    """Whoever answers (None) has found its cluster, in an election (no leader) too."""
    snapshot = picture(
        tuple(member(n) for n in (1, 2, 3)) if listed else (),
        tuple(node(n) for n in (1, 2, 3)),
        {url(n): silent(s) if s else answer(n, leader) for n, s in enumerate(states, 1)},
        known=listed,
    )
    verdict = evaluate(Check("serves-nobody"), snapshot)
    assert verdict.ok is ok, verdict.reason
    assert ok or verdict.overridable
