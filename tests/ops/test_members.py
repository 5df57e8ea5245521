"""What membership actions plan: in which order, with which words, and what they refuse."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, cast

import pytest

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import ClusterSnapshot, Member, RunState
from etcdtui.model.joining import initial_cluster, joining_flags
from etcdtui.ops import leaving, owner, resume
from etcdtui.ops.action import Request
from etcdtui.ops.executors import EXECUTORS
from etcdtui.ops.fields import prompts
from etcdtui.ops.guards import GUARDS, evaluate, review
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.ops.registry import ACTIONS
from etcdtui.ops.resume import Unfinished
from etcdtui.ops.store import Entry, Mark, StepState
from etcdtui.ops.verify import VERIFICATIONS, look
from etcdtui.sites.base import NewNode, Site
from tests.ops.random_worlds import GrowingSite, Seat, World, client, peer
from tests.ops.test_actions import Bare
from tests.ops.worlds import simple

BY_ID = {a.id: a for a in ACTIONS if a.group == "members" and a.id != "move-leader"}
KEYS = {
    "add-member": "a", "promote": "P", "remove-member": "D", "replace-member": "R",
    "update-peer-urls": "E", "scale": "S",
}  # fmt: skip


def world(
    count: int, *down: int, leader: int = 1, version: str = "3.5.1", learner: int = 0
) -> ClusterSnapshot:
    seats = [Seat(n, n) for n in range(1, count + 1)]
    for n in down:
        seats[n - 1].up, seats[n - 1].seen, seats[n - 1].run = False, "silent", RunState.STOPPED
    if learner:
        seats.append(Seat(learner, learner, learner=True))
    return World(seats, version, leader).snapshot()


def make(
    action: str, snapshot: ClusterSnapshot, name: str = "", site: Site | None = None, **given: Any
) -> Plan:
    row = snapshot.find(name) if name else None
    return BY_ID[action].plan(Request(snapshot, site or GrowingSite(), row, given, "p1"))


def verbs(plan: Plan) -> list[str]:
    return [f"{s.verb} {s.args.get('node') or ''}".strip() for s in plan.steps]


def said(plan: Plan) -> str:
    return " / ".join(plan.consequences)


JOIN = ("wait", "member.add n51", "node.prepare n51", "node.start n51", "wait", "member.promote n51", "wait")


def test_keys_are_as_documented() -> None:
    assert {a.id: a.key for a in BY_ID.values()} == KEYS


@pytest.mark.parametrize(
    "plan",
    [
        make("add-member", world(3)),
        make("add-member", world(3), voter=True),
        make("add-member", world(3), peer_urls="http://h9:2380,http://h10:2380"),
        make("promote", world(3, learner=9), "n9"),
        make("remove-member", world(3), "n1"),
        make("replace-member", world(3, 3), "n3"),
        make("update-peer-urls", world(3), "n2", peer_urls="https://h2:2380"),
        make("scale", world(1), voters=5),
        make("scale", world(5, 2), voters=3),
    ],
    ids=lambda plan: plan.title,
)
def test_plans_are_data_with_names_that_exist(plan: Plan) -> None:
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    for step in (s for planned in plan.steps for s in (planned, planned.undo) if s is not None):
        assert step.verb in EXECUTORS
        assert {g.name for g in step.guards} <= GUARDS.keys()
        assert step.verify is None or step.verify.name in VERIFICATIONS
        assert step.call
    assert plan.consequences


# -- joining -------------------------------------------------------------------------------


def test_a_member_joins_as_a_learner_with_its_node() -> None:
    plan = make("add-member", world(3))
    assert verbs(plan) == list(JOIN)
    assert plan.steps[1].args == {"peer_urls": ["http://10.0.0.51:2380"], "learner": True, "node": "n51"}
    assert not plan.dangerous
    # Whatever was done, membership is taken back before the node.
    undo = [s.undo.verb if s.undo else "" for s in plan.steps]
    assert undo == ["", "member.remove", "node.retire", "member.remove", "", "member.remove", ""]


class Hosts(GrowingSite):
    """A site whose places are given."""

    def free_nodes(self) -> tuple[NewNode, ...]:
        return self.propose_nodes(2)


def test_a_free_host_and_the_name_of_its_member_can_be_chosen() -> None:
    add = BY_ID["add-member"].plan
    plan = add(Request(world(3), Hosts(), None, {"node": "n52", "name": "etcd-d"}))
    prepared = next(step for step in plan.steps if step.verb == "node.prepare")
    assert prepared.args == {
        "node": "n52", "peer_url": peer(52), "client_url": client(52), "member_name": "etcd-d",
    }  # fmt: skip
    form = prompts(BY_ID["add-member"], Request(world(3), Hosts()))
    assert next(field.choices for field in form if field.name == "node") == ("n51", "n52")
    for given, text in (
        ({"node": "n1"}, "'n1' is no host without a member (free: n51, n52)"),
        ({"name": "n1"}, "there is a member n1 already"),
        ({"name": "a=b"}, "cannot stand in --initial-cluster"),
        ({"node": "n51", "peer_urls": peer(51)}, "--node goes without --peer-urls"),
    ):
        with pytest.raises(UsageError, match=re.escape(text)):
            add(Request(world(3), Hosts(), None, given))
    with pytest.raises(UsageError, match="it names its nodes and members itself"):
        make("add-member", world(3), node="n51")


def test_what_takes_back_several_steps_stands_once_in_an_undo() -> None:
    plan = make("add-member", world(3))
    states = (*[StepState(Mark.DONE)] * 6, StepState(Mark.BEGUN))
    left = Unfinished(Entry(plan, states, "lab", "paper", owner.current(), {}, ""), "")
    back = resume.undo_plan(left, world(4), "p2")
    assert verbs(back) == ["member.remove n51", "node.retire n51"]


def test_where_nothing_can_be_taken_back_it_is_said_what_to_type() -> None:
    plan = make("add-member", world(3))
    assert [step.verb for step in plan.steps[:2]] == ["wait", "member.add"]
    for begun in (Mark.PENDING, Mark.BEGUN):
        states = (StepState(begun), *[StepState()] * (len(plan.steps) - 1))
        left = Unfinished(Entry(plan, states, "lab", "paper", owner.current(), {}, ""), "")
        with pytest.raises(UsageError, match="nothing was changed yet") as caught:
            resume.undo_plan(left, world(3), "p2")
        assert caught.value.hint == f"etcdtui forget {left.id}, or finish it"
    gone = make("remove-member", world(3), "n3")
    states = (StepState(Mark.DONE), StepState(Mark.BEGUN), *[StepState()] * (len(gone.steps) - 2))
    left = Unfinished(Entry(gone, states, "lab", "paper", owner.current(), {}, ""), "")
    with pytest.raises(UsageError, match=r"nothing of 'remove n3' can be taken back") as caught:
        resume.undo_plan(left, world(3), "p2")
    assert caught.value.hint == f"etcdtui finish {left.id}, or etcdtui forget {left.id}"


def test_what_a_plan_begun_anew_did_again_is_undone_in_the_order_it_was_first_done_in() -> None:
    """A bring-up that is begun anew looks at its first steps again: data goes aside after the start only."""
    one, two, three = (
        Step("found.do", {"piece": n}, n, n, undo=Step("found.do", {"piece": f"undo {n}"}, n, n))
        for n in ("places", "files", "start")
    )
    plan = replace(make("add-member", world(3)), steps=(one, two, three))
    states = (StepState(Mark.DONE), StepState(Mark.FAILED), StepState())
    entry = Entry(plan, states, "lab", "paper", owner.current(), {}, "", before=(one, two, three))
    back = resume.undo_plan(Unfinished(entry, ""), world(3), "p2")
    assert [s.args["piece"] for s in back.steps] == ["undo start", "undo files", "undo places"]


def test_a_removal_that_happened_does_not_stop_what_remains() -> None:
    plan = make("remove-member", world(3), "n3")
    states = (StepState(Mark.DONE), StepState(Mark.BEGUN), *[StepState()] * 2)
    left = Unfinished(Entry(plan, states, "lab", "paper", owner.current(), {}, ""), "")
    rest = resume.finish_plan(left, world(2), "p2")
    assert [s.verb for s in rest.steps] == ["wait", "node.stop", "node.retire"]
    assert rest.member_ids == ()
    again = resume.finish_plan(left, world(3), "p2")
    assert [s.verb for s in again.steps] == ["member.remove", "node.stop", "node.retire"]
    assert again.member_ids == (3,)


def test_a_node_that_ended_since_it_was_started_is_started_again() -> None:
    plan = make("add-member", world(3))
    states = (*[StepState(Mark.DONE)] * 4, StepState(Mark.FAILED), *[StepState()] * 2)
    left = Unfinished(Entry(plan, states, "lab", "paper", owner.current(), {}, ""), "")
    seats = [*(Seat(n, n) for n in (1, 2, 3)), Seat(9, 51, True, True, False, "silent", RunState.FAILED)]
    rest = resume.finish_plan(left, World(seats, "3.5.1", 1).snapshot(), "p2")
    assert [s.verb for s in rest.steps] == ["node.start", "wait", "member.promote", "wait"]


def test_a_voter_at_once_is_dangerous_and_its_risk_is_said() -> None:
    plan = make("add-member", world(1), voter=True)
    assert verbs(plan) == [*JOIN[:4], "wait"]
    assert plan.dangerous
    assert "RISK: two voters need both: WRITES STOP until the second has started" in said(plan)
    refused = [v for v in review(plan, world(1)) if not v.ok]
    assert [v.overridable for v in refused] == [True]
    assert "adding n51 as a voter would leave 1 of 2 voters healthy" in refused[0].reason
    with pytest.raises(UsageError, match=r"this etcd has no learners \(3.4 has\) \(add a voter: --voter\)"):
        make("add-member", world(3, version="3.3.27"))
    assert all(v.ok for v in review(make("add-member", world(3, version="3.3.27"), voter=True), world(3)))


def test_what_only_waiting_mends_is_waited_for() -> None:
    """A member that has answered for 2 s is no reason to refuse: the step before the addition waits."""
    shot = world(3)
    rows = tuple(
        replace(r, reading=replace(r.reading, answering_since=shot.taken_at - 2)) if r.name == "n2" else r
        for r in shot.rows
    )
    young = replace(shot, rows=rows)
    plan = make("add-member", young)
    verdicts = review(plan, young)
    assert all(v.ok for v in verdicts)
    assert any("3.0 s are missing: that is waited for" in v.reason for v in verdicts)
    check = plan.steps[0].verify
    assert check is not None
    assert (look(check, young).done, look(check, young).lost) == (False, False)
    assert look(check, shot).done
    assert look(check, world(3, 3)).lost


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            "10.0.0.9:2380",
            "--peer-urls: '10.0.0.9:2380' is no peer URL (http://HOST:PORT or https://HOST:PORT)",
        ),
        ("http://h:2380/x", "is no peer URL"),
        (",", "no peer URL was given"),
    ],
)
def test_bad_peer_urls_are_one_line(given: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        make("add-member", world(3), peer_urls=given)
    assert text in str(caught.value)


def test_the_flags_of_a_member_that_somebody_else_starts() -> None:
    members = [
        Member(1, "a", ("http://a:2380", "http://a2:2380")),
        Member(2, "a", ("http://b:2380",)),
        Member(3, "", ("http://c:2380",)),
        Member(0xABC, "x=y", ("http://d:2380",)),
        Member(5, "", ("http://new:2380",), is_learner=True),
    ]
    assert initial_cluster(members, "n9", ["http://new:2380"]) == {
        "n9": "http://new:2380", "a": "http://a:2380,http://a2:2380", "2": "http://b:2380",
        "3": "http://c:2380", "abc": "http://d:2380",
    }  # fmt: skip
    assert joining_flags(members[:1], "n9", ["http://new:2380"]) == (
        "--name n9 --initial-advertise-peer-urls http://new:2380 --initial-cluster "
        "a=http://a:2380,a=http://a2:2380,n9=http://new:2380 --initial-cluster-state existing"
    )
    site = cast(Site, Bare())
    plan = make("add-member", world(3), site=site, peer_urls="http://h9:2380")
    assert verbs(plan) == ["wait", "member.add n4"]
    assert "start an etcd there with: --name n4 --initial-advertise-peer-urls http://h9:2380" in said(plan)


def test_a_learner_is_in_sync_close_to_the_leader_and_lost_when_its_node_ends() -> None:
    seat = {"member": 9, "peer_urls": ["http://10.0.0.9:2380"], "node": "n9"}
    check = Check("learner-in-sync", seat)
    assert look(check, world(3, learner=9)).text == "n9 is at raft index 1000 of 1000: in sync"
    seats = [Seat(1, 1), Seat(9, 9, learner=True, up=False)]
    behind = look(check, World(seats, "3.5.1", 1).snapshot())
    assert (behind.done, behind.lost, behind.text) == (False, False, "n9 is at raft index 500 of 1000 (50 %)")
    for run in (RunState.FAILED, RunState.FROZEN):
        seats[1].run, seats[1].seen = run, "silent"
        ended = look(check, World(seats, "3.5.1", 1).snapshot())
        assert (ended.done, ended.lost, ended.hold) == (False, True, 3.0)


def test_promoting_needs_a_learner_that_answers() -> None:
    plan = make("promote", world(3, learner=9), "n9")
    assert verbs(plan) == ["wait", "member.promote n9", "wait"]
    assert all(v.ok for v in review(plan, world(3, learner=9)))
    seats = [Seat(1, 1), Seat(9, 9, True, up=False, seen="silent", run=RunState.STOPPED)]
    down = World(seats, "3.5.1", 1).snapshot()
    refused = [v.reason for v in review(make("promote", down, "n9"), down) if not v.ok]
    assert any("can only promote a learner member which is in sync with leader" in r for r in refused)
    with pytest.raises(UsageError, match="n2 is a voter already"):
        make("promote", world(3), "n2")


# -- leaving -------------------------------------------------------------------------------


def test_leadership_is_moved_before_the_leader_is_removed() -> None:
    plan = make("remove-member", world(3), "n1")
    assert verbs(plan) == ["leader.move", "wait", "member.remove n1", "node.stop n1", "node.retire n1"]
    assert "n1 leads: leadership moves to n2 before" in said(plan)
    assert plan.dangerous
    assert verbs(make("remove-member", world(3, 3), "n3")) == [
        "member.remove n3", "node.stop n3", "node.retire n3",
    ]  # fmt: skip


def test_dead_members_go_whatever_else_is_wrong_and_healthy_ones_do_not() -> None:
    shot = world(5, 4, 5)
    assert all(v.ok for v in review(make("remove-member", shot, "n5"), shot))
    one = world(5, 5)
    refused = [v for v in review(make("remove-member", one, "n4"), one) if not v.ok]
    assert [(v.reason, v.overridable) for v in refused] == [("not all members are healthy: n5 is down", True)]


def test_a_removal_that_costs_quorum_is_refused() -> None:
    shot = world(3, 3)
    refused = [v.reason for v in review(make("remove-member", shot, "n2"), shot) if not v.ok]
    assert any("removing n2 would leave 1 of 2 voters healthy, quorum is 2" in r for r in refused)
    with pytest.raises(GuardRefused, match="n1 is the last voter: without it there is no cluster"):
        make("remove-member", world(1), "n1")
    with pytest.raises(GuardRefused, match="without a quorum the membership cannot change"):
        make("remove-member", world(3, 2, 3, leader=0), "n3")


def test_a_node_that_cannot_be_reached_is_left_alone() -> None:
    seats = [Seat(1, 1), Seat(2, 2), Seat(3, 3, up=False, seen="silent", run=RunState.UNKNOWN)]
    shot = World(seats, "3.5.1", 1).snapshot()
    plan = make("remove-member", shot, "n3")
    assert verbs(plan) == ["member.remove n3"]
    assert "how n3 is cannot be told: its etcd is left to end by itself" in said(plan)
    with pytest.raises(UsageError, match="n3: how n3 is cannot be told"):
        make("replace-member", shot, "n3")


def test_a_node_without_a_member_is_given_up_alone() -> None:
    shot = World([Seat(1, 1)], "3.5.1", 1, idle={4: RunState.STOPPED}).snapshot()
    row = shot.row_of_node("n4")
    plan = BY_ID["remove-member"].plan(Request(shot, GrowingSite(), row, {}, "p1"))
    assert (verbs(plan), plan.title) == (["node.retire n4"], "give n4 up")
    assert all(v.ok for v in review(plan, shot))
    # Had it joined meanwhile, it would hold a vote.
    joined = World([Seat(1, 1), Seat(4, 4)], "3.5.1", 1).snapshot()
    assert not evaluate(plan.steps[0].guards[0], joined).ok


def test_a_failed_member_is_removed_before_another_joins_in_its_place() -> None:
    plan = make("replace-member", world(3, 3), "n3")
    assert verbs(plan) == [
        "member.remove n3", "node.stop n3", "node.set-aside n3", "wait", "member.add n3", "node.prepare n3",
        "node.start n3", "wait", "member.promote n3", "wait",
    ]  # fmt: skip
    assert plan.steps[4].args["peer_urls"] == ["http://10.0.0.3:2380"]
    # The others name it the leader until they have another: there is nobody to ask to hand over.
    assert verbs(make("replace-member", world(3, 3, leader=3), "n3")) == verbs(plan)
    with pytest.raises(GuardRefused, match="n2 is healthy: there is nothing to replace"):
        make("replace-member", world(3, 3), "n2")


# -- scaling -------------------------------------------------------------------------------


def test_growing_adds_one_after_the_other() -> None:
    plan = make("scale", world(1), voters=3)
    assert verbs(plan) == [*JOIN, *(step.replace("51", "52") for step in JOIN)]
    assert plan.title == "grow to 3 voters: add n51, n52"
    assert plan.consequences[0] == "3 voters: quorum is 2, 1 may fail"
    even = make("scale", world(1), voters=2)
    assert even.consequences[0] == (
        "WARNING: 2 voters: quorum is 2, none may fail; 2 is even and stands no more than 1 would"
    )


def test_who_goes_when_a_cluster_shrinks() -> None:
    """Who is not healthy, then the newest; the leader never while another can go."""
    shot = world(5, 2, leader=5)
    assert [row.name for row, _ in leaving.who_goes(shot, 4)] == ["n2", "n4", "n3", "n1"]
    plan = make("scale", shot, voters=3)
    assert [v for v in verbs(plan) if v.startswith("member")] == ["member.remove n2", "member.remove n4"]
    assert "who goes: n2 (down), n4 (newest)" in said(plan)
    seats = [Seat(n, n, run=None) for n in (1, 9, 10)]
    named_only = World(seats, "3.5.1", 9).snapshot()
    assert [row.name for row, _ in leaving.who_goes(named_only, 2)] == ["n10", "n1"]


@pytest.mark.parametrize(
    ("snapshot", "voters", "text"),
    [
        (world(3), 3, "lab has 3 voters already"),
        (world(3), 0, "--voters: expected a number from 1 to 9"),
        (world(3), "x", "--voters: expected a number from 1 to 9"),
        (world(3, 3), 5, "not all members are healthy: n3 is down (start, replace or remove what is not"),
        (world(5, 4, 5), 4, "not all members are healthy: n4 is down"),
        (world(3, 2, 3, leader=0), 1, "without a quorum the membership cannot change"),
    ],
)
def test_what_cannot_be_scaled_is_one_line(snapshot: ClusterSnapshot, voters: Any, text: str) -> None:
    with pytest.raises((UsageError, GuardRefused)) as caught:
        make("scale", snapshot, voters=voters)
    assert text in str(caught.value)


# -- peer URLs -----------------------------------------------------------------------------


def test_peer_urls_are_changed_and_can_be_changed_back() -> None:
    plan = make("update-peer-urls", world(3), "n2", peer_urls="http://h2:2380")
    update = plan.steps[0]
    assert update.args == {"member": 2, "peer_urls": ["http://h2:2380"]}
    assert update.undo is not None
    assert update.undo.args == {"member": 2, "peer_urls": ["http://10.0.0.2:2380"]}
    assert "n2 was set up for http://10.0.0.2:2380" in said(plan)
    refused = [v.reason for v in review(plan, world(3, 3)) if not v.ok]
    assert refused == ["should its peers not reach n2 there, 1 of 3 voters healthy, quorum 2: NO QUORUM"]
    taken = make("update-peer-urls", world(3), "n2", peer_urls="http://10.0.0.3:2380")
    refused = [v.reason for v in review(taken, world(3)) if not v.ok]
    assert refused == [
        'etcd says "etcdserver: Peer URLs already exists": member n3 has that peer URL (use another peer URL)'
    ]
    with pytest.raises(UsageError, match=r"n2 has http://10\.0\.0\.2:2380 already"):
        make("update-peer-urls", world(3), "n2", peer_urls="http://10.0.0.2:2380/")


def test_untrusted_names_do_not_reach_the_words() -> None:
    shot = simple(3)
    row = shot.row_of_node("n2")
    assert row is not None and row.member is not None
    evil = replace(row, member=replace(row.member, name="\x1b[31mx", peer_urls=("http://\x07:1",)))
    plan = BY_ID["remove-member"].plan(Request(shot, GrowingSite(), evil, {}, "p1"))
    texts = (plan.title, *plan.consequences, *(t for s in plan.steps for t in (s.title, s.call)))
    assert not any(ord(c) < 32 for text in texts for c in text)
