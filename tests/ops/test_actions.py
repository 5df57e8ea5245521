"""What the actions plan, in words and steps, and who is offered them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

import pytest

from etcdtui.errors import NotOffered, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Reading, RunState
from etcdtui.ops import guards
from etcdtui.ops.action import Request, Scope
from etcdtui.ops.executors import EXECUTORS
from etcdtui.ops.guards import GUARDS
from etcdtui.ops.plan import Plan, Step
from etcdtui.ops.registry import ACTIONS, actions_for
from etcdtui.ops.verify import VERIFICATIONS
from etcdtui.sites.base import Site
from tests.ops.worlds import PlanningSite, answer, member, node, picture, silent, simple, url

BY_ID = {a.id: a for a in ACTIONS}
NODE_ACTIONS = tuple(a for a in ACTIONS if a.group == "node")
"""Those that need no options; the others have tests of their own."""
RESERVED = {"j", "k", "h", "l", "g", "G", "u", "c", "p", "q", "?", ":", "/"}


class Bare:
    """A site with no capability at all."""

    name = "bare"
    kind = "endpoints"
    seeds = PlanningSite.seeds
    dial = PlanningSite.dial
    close = PlanningSite.close


def make(action: str, snapshot: ClusterSnapshot, name: str = "") -> Plan:
    row = snapshot.row_of_node(name) if name else None
    return BY_ID[action].plan(Request(snapshot, PlanningSite(), row, {}, "p1"))


def test_keys_and_ids_are_unique_and_leave_the_reserved_ones() -> None:
    bound = [a.key for a in ACTIONS if a.key]
    assert len({a.id for a in ACTIONS}) == len(ACTIONS)
    assert len(set(bound)) == len(bound)
    assert not set(bound) & RESERVED
    keys = {a.id: a.key for a in ACTIONS}
    assert (
        keys.items()
        >= {
            "start-node": "s",
            "stop-node": "x",
            "restart-node": "r",
            "kill-node": "K",
            "start-all": "A",
            "stop-all": "X",
            "rolling-restart": "O",
            "upgrade": "U",
            "downgrade": "V",
        }.items()
    )


def test_a_read_only_registry_has_nothing_that_changes() -> None:
    offered = actions_for(PlanningSite(), read_only=False)
    assert offered == tuple(a for a in ACTIONS if a.offered(PlanningSite()))
    assert {a.id for a in NODE_ACTIONS} <= {a.id for a in offered}
    assert not [a for a in actions_for(PlanningSite(), read_only=True) if a.mutating]
    assert all(a.mutating for a in NODE_ACTIONS)


def test_a_site_without_the_capability_is_not_offered_the_action() -> None:
    offered = {a.id for a in actions_for(cast(Site, Bare()), read_only=False)}
    assert not offered & {a.id for a in NODE_ACTIONS}
    assert not offered & {"rolling-restart", "upgrade", "downgrade"}
    with pytest.raises(NotOffered):
        row = simple(3).row_of_node("n1")
        BY_ID["kill-node"].plan(Request(simple(3), cast(Site, Bare()), row))


def _all_steps(plan: Plan) -> list[Step]:
    return [s for step in plan.steps for s in (step, step.undo) if s is not None]


@pytest.mark.parametrize("action", sorted(a.id for a in NODE_ACTIONS))
def test_plans_are_data_with_names_that_exist(action: str) -> None:
    down = (2,) if action.startswith("start") else ()
    plan = make(action, simple(3, down=down), "n2" if BY_ID[action].scope is Scope.NODE else "")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    for step in _all_steps(plan):
        assert step.verb in EXECUTORS
        assert {g.name for g in step.guards} <= GUARDS.keys()
        assert step.verify is not None and step.verify.name in VERIFICATIONS
        assert step.call
    assert (plan.id, plan.action, plan.cluster_name, plan.cluster_id) == ("p1", action, "lab", 0xC1)
    assert plan.consequences


@pytest.mark.parametrize(
    ("action", "down", "text"),
    [
        ("start-node", (), "n2 runs already (pid 4702)"),
        ("stop-node", (2,), "n2 is not running"),
        ("kill-node", (2,), "n2 is not running"),
        ("restart-node", (2,), "n2 is not running (start it)"),
        ("start-all", (), "lab: every node runs already"),
        ("stop-all", (1, 2, 3), "lab: no node runs"),
    ],
)
def test_what_makes_no_sense_is_one_line(action: str, down: tuple[int, ...], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(action, simple(3, down), "n2" if BY_ID[action].scope is Scope.NODE else "")
    assert str(caught.value) == text


@pytest.mark.parametrize("action", ["start-all", "stop-all"])
def test_no_nodes_no_plan(action: str) -> None:
    with pytest.raises(UsageError, match="no nodes are known"):
        make(action, ClusterSnapshot("lab"))


@pytest.mark.parametrize("action", [a.id for a in ACTIONS if a.scope is Scope.NODE and a.group == "node"])
def test_a_row_without_a_node_is_one_line(action: str) -> None:
    row = EndpointRow("http://10.0.0.1:2379", Reading(), member(1))
    verb = action.split("-")[0]
    with pytest.raises(UsageError, match=f"n1: this row has no node: the console cannot {verb} it"):
        BY_ID[action].plan(Request(simple(3), PlanningSite(), row))
    with pytest.raises(UsageError, match="needs a node"):
        BY_ID[action].plan(Request(simple(3), PlanningSite()))


def test_leadership_moves_to_a_voter_that_does_not_lead() -> None:
    shot = simple(3)
    leads, other = shot.leader_row, next(r for r in shot.rows if r.member_id != shot.leader_id)
    action = BY_ID["move-leader"]
    plan = action.plan(Request(shot, PlanningSite(), other, {}, "p1"))
    assert plan.steps[0].args == {"from": None, "target": other.member_id}
    assert all(verdict.ok for verdict in guards.review(plan, shot))
    with pytest.raises(UsageError, match="leads already"):
        action.plan(Request(shot, PlanningSite(), leads))
    with pytest.raises(UsageError, match="needs a member"):
        action.plan(Request(shot, PlanningSite()))
    with pytest.raises(UsageError, match="no member knows a leader"):
        action.plan(Request(ClusterSnapshot("lab"), PlanningSite(), other))


def test_the_leader_is_named_as_such() -> None:
    text = " / ".join(make("stop-node", simple(3), "n1").consequences)
    assert "n1 leads: SIGTERM hands leadership over" in text
    assert "then 2 of 3 voters are healthy; none more may fail" in text
    text = " / ".join(make("kill-node", simple(3), "n1").consequences)
    assert "SIGKILL of the leader costs an election, about a second without writes" in text
    assert "costs no election" in " / ".join(make("kill-node", simple(3), "n2").consequences)


def test_a_loss_of_quorum_is_said_first() -> None:
    assert make("stop-node", simple(3, down=(3,)), "n2").consequences[0] == (
        "then 1 of 3 voters are healthy, quorum is 2: WRITES STOP"
    )


def test_a_restart_is_a_stop_then_a_start_and_the_stop_can_be_taken_back() -> None:
    plan = make("restart-node", simple(3), "n2")
    assert [s.verb for s in plan.steps] == ["node.stop", "node.start"]
    assert plan.steps[0].undo is not None and plan.steps[0].undo.verb == "node.start"
    assert plan.member_ids == (2,)


def test_stop_all_takes_the_leader_last_and_learners_first() -> None:
    listed = (*(member(n) for n in (1, 2, 3)), member(4, learner=True))
    readings = {url(n): answer(n, 2, learner=n == 4) for n in (1, 2, 3, 4)}
    plan = make("stop-all", picture(listed, tuple(node(n) for n in (1, 2, 3, 4)), readings))
    assert [s.args["node"] for s in plan.steps] == ["n4", "n1", "n3", "n2"]
    assert plan.dangerous


def test_start_all_starts_what_is_down_and_waits_for_all() -> None:
    plan = make("start-all", simple(3, down=(1, 3)))
    assert [(s.verb, s.args.get("node")) for s in plan.steps] == [
        ("node.start", "n1"),
        ("node.start", "n3"),
        ("wait", None),
    ]


def test_start_all_leaves_the_node_of_a_removed_member_alone() -> None:
    nodes = (node(1), node(2, RunState.STOPPED), node(9, RunState.STOPPED))
    plan = make("start-all", picture((member(1), member(2)), nodes, {url(1): answer(1), url(2): silent()}))
    assert [s.args.get("node") for s in plan.steps] == ["n2", None]


def test_untrusted_names_do_not_reach_the_words() -> None:
    snapshot = simple(3)
    row = snapshot.row_of_node("n2")
    assert row is not None and row.node is not None and row.member is not None
    evil = replace(row, member=replace(row.member, name="\x1b[31mx"), node=replace(row.node, detail="\x07"))
    plan = BY_ID["stop-node"].plan(Request(snapshot, PlanningSite(), evil, {}, "p1"))
    assert not any(ord(c) < 32 for text in (plan.title, *plan.consequences) for c in text)
