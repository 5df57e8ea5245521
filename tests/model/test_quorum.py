"""The quorum arithmetic, and which rows have a vote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.model.cluster import (
    ClusterSnapshot,
    EndpointStatus,
    Member,
    Node,
    Reading,
    RunState,
    State,
)
from etcdtui.model.quorum import Budget, after_losing, budget, is_healthy_voter, loss_sentence, quorum_of
from etcdtui.model.tie import node_of, tie
from tests.model import build

CLUSTER = 0xC1


def url(number: int) -> str:
    return f"http://10.0.0.{number}:2379"


def members(count: int, learners: int = 0) -> tuple[Member, ...]:
    return tuple(
        Member(n, f"n{n}", (f"http://10.0.0.{n}:2380",), (url(n),), is_learner=n > count)
        for n in range(1, count + learners + 1)
    )


def answer(
    member: int, leader: int = 1, term: int = 5, cluster: int = CLUSTER, learner: bool = False
) -> Reading:
    status = EndpointStatus(cluster, member, 10, term, "3.5.1", 20480, leader, 99, is_learner=learner)
    return Reading(None, status, "", 0.001, 1.0, 1.0)


def down(last: Reading | None = None) -> Reading:
    return Reading(State.DOWN, last.status if last else None, "connection refused", None, 1.0)


def snapshot(
    listed: tuple[Member, ...], readings: dict[str, Reading], nodes: tuple[Node, ...] = ()
) -> ClusterSnapshot:
    rows = tie(listed, nodes, readings)
    return ClusterSnapshot("lab", rows, listed, bool(listed), nodes=nodes, taken_at=1.0)


@pytest.mark.parametrize(("voters", "quorum"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_quorum_is_more_than_half(voters: int, quorum: int) -> None:
    assert quorum_of(voters) == quorum


@given(st.integers(0, 9), st.integers(0, 9))
def test_budget_invariants(voters: int, healthy: int) -> None:
    figures = Budget(voters, min(healthy, voters))
    assert figures.has_quorum == (voters > 0 and figures.healthy >= figures.quorum)
    assert 2 * figures.quorum > voters or voters == 0
    if figures.has_quorum:
        assert Budget(voters, figures.healthy - figures.may_fail).has_quorum
        assert not Budget(voters, figures.healthy - figures.may_fail - 1).has_quorum
    else:
        assert figures.may_fail == 0


@given(st.integers(1, 7), st.data())
def test_losing_members_counts_each_once(count: int, data: st.DataObject) -> None:
    listed = members(count)
    up = data.draw(st.sets(st.integers(1, count)))
    lost = data.draw(st.sets(st.integers(1, count)))
    leader = min(up, default=0)
    snap = snapshot(listed, {url(n): answer(n, leader) if n in up else down() for n in range(1, count + 1)})
    assert budget(snap) == Budget(count, len(up))
    assert after_losing(snap, [f"{n:x}" for n in lost]) == Budget(count, len(up - lost))


def test_learners_have_no_vote() -> None:
    snap = snapshot(members(3, 1), {url(n): answer(n, learner=n == 4) for n in (1, 2, 3, 4)})
    assert budget(snap).sentence() == "3 of 3 voters healthy, quorum 2: 1 more may fail"
    row = snap.row_of_member(4)
    assert row is not None
    assert "costs no vote" in loss_sentence(snap, row)


def test_an_unstarted_voter_counts_but_is_not_healthy() -> None:
    listed = (*members(1), Member(9, "", ("http://10.0.0.9:2380",)))
    assert budget(snapshot(listed, {url(1): answer(1)})) == Budget(2, 1)


def test_a_member_cut_off_is_not_healthy() -> None:
    cut_off = answer(3, leader=0, term=9)
    snap = snapshot(members(3), {url(1): answer(1), url(2): answer(2), url(3): cut_off})
    assert budget(snap) == Budget(3, 2)


def test_a_member_that_knows_the_leader_of_an_older_term_is_not_healthy() -> None:
    snap = snapshot(members(3), {url(1): answer(1, 1, 7), url(2): answer(2, 1, 7), url(3): answer(3, 1, 5)})
    assert budget(snap) == Budget(3, 2)


def test_a_second_url_of_a_member_is_no_second_vote() -> None:
    readings = {"http://lb:2379": answer(1), "http://vip:2379": answer(1)}
    readings |= {url(n): answer(n) for n in (1, 2)} | {url(3): down()}
    assert budget(snapshot(members(3), readings)) == Budget(3, 2)


def test_before_the_member_list_a_second_url_is_no_second_vote_either() -> None:
    snap = snapshot((), {"http://lb:2379": answer(1), url(1): answer(1), url(2): answer(2)})
    assert budget(snap) == Budget(2, 2, known=False)


def test_a_foreign_endpoint_and_a_removed_member_have_no_vote() -> None:
    readings = {url(n): answer(n) for n in (1, 2, 3)}
    readings |= {url(7): answer(7, cluster=0xF0), url(8): answer(8)}
    assert budget(snapshot(members(3), readings)) == Budget(3, 3)


def test_one_answer_behind_a_shared_url_is_one_healthy_voter() -> None:
    shared = "http://localhost:2379"
    listed = tuple(Member(n, f"n{n}", (f"http://10.0.0.{n}:2380",), (shared,)) for n in (1, 2, 3))
    snap = snapshot(listed, {shared: answer(2, leader=2)})
    assert budget(snap) == Budget(3, 1)
    row = snap.row_of_member(1)
    assert row is not None
    assert row.reading.reason == f"another member answers at {shared}"


def test_an_answer_of_an_unlisted_member_does_not_make_a_listed_one_healthy() -> None:
    snap = snapshot(members(3), {url(1): answer(1), url(2): answer(2), url(3): answer(77)})
    row = snap.row_of_member(3)
    assert row is not None
    assert row.endpoint == url(3)
    assert not is_healthy_voter(snap, row)


def test_a_url_that_answers_is_preferred_to_a_lost_one() -> None:
    readings = {"http://lb:2379": down(answer(1)), url(1): answer(1)}
    row = snapshot(members(1), readings).rows[0]
    assert row.endpoint == url(1)


def test_two_members_of_one_name_do_not_share_a_node() -> None:
    nodes = (
        Node("a", RunState.RUNNING, member_name="x", peer_urls=("http://10.0.0.2:2380",)),
        Node("b", RunState.RUNNING, member_name="x"),
    )
    listed = (Member(1, "x", ("http://10.0.0.1:2380",)), Member(2, "x", ("http://10.0.0.2:2380",)))
    rows = {r.member.id: r.node for r in tie(listed, nodes, {}) if r.member}
    assert rows[2] is nodes[0]
    assert rows[1] is nodes[1]
    assert node_of(listed[1], nodes) is nodes[0]


def test_a_node_is_found_by_the_url_its_member_answers_at() -> None:
    node = Node("host-a", RunState.RUNNING, client_urls=("http://127.0.0.1:9999",))
    rows = tie(members(1), (node,), {"http://127.0.0.1:9999": answer(1)})
    assert [(r.member_id, r.node) for r in rows] == [(1, node)]


def test_foreign_endpoints_do_not_outvote_the_members() -> None:
    readings = {url(1): answer(1), url(2): down(), url(3): down()}
    readings |= {url(n): answer(n, leader=7, cluster=0xF0) for n in (7, 8, 9)}
    snap = snapshot(members(3), readings)
    assert snap.cluster_id == CLUSTER
    assert snap.leader_id == 1


def test_a_lost_way_is_no_lost_quorum() -> None:
    way_lost = Reading(State.UNKNOWN, None, "connection to bastion lost", None, 100.0)
    blind = budget(build.snapshot([way_lost, way_lost, way_lost]))
    assert (blind.has_quorum, blind.in_doubt) == (False, True)
    assert blind.sentence() == "0 of 3 voters healthy, quorum 2: 3 cannot be judged from here"
    # Two are proven down: whatever the third is, there is no quorum.
    lost = budget(build.snapshot([way_lost, build.down(2), build.down(3)]))
    assert (lost.in_doubt, lost.sentence()) == (False, "0 of 3 voters healthy, quorum 2: NO QUORUM")
    # A member that never started has no vote to give.
    assert not budget(build.snapshot([build.up(1, 0)], [build.member(1), Member(2)])).in_doubt
