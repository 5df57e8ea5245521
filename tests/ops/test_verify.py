"""The verifications on snapshots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcdtui.model.cluster import ClusterSnapshot, Node, RunState, State
from etcdtui.ops.founding import FAILED_FOR
from etcdtui.ops.plan import Check
from etcdtui.ops.verify import Look, look
from tests.ops.worlds import answer, member, node, picture, silent, simple, url


def see(name: str, snapshot: ClusterSnapshot, **args: Any) -> Look:
    return look(Check(name, args), snapshot)


def three(states: tuple[RunState, RunState, RunState], answers: dict[int, int]) -> ClusterSnapshot:
    """Nodes in these states; the members in `answers` answer and name that leader."""
    numbers = (1, 2, 3)
    return picture(
        tuple(member(n) for n in numbers),
        tuple(node(n, s) for n, s in zip(numbers, states, strict=True)),
        {url(n): answer(n, answers[n]) if n in answers else silent() for n in numbers},
    )


UP, OFF, BAD = RunState.RUNNING, RunState.STOPPED, RunState.FAILED


def test_healthy() -> None:
    found = see("member-healthy", simple(3), node="n2", member=2)
    assert found.done
    assert found.hold == 0


def test_the_first_of_three_need_not_be_healthy_alone_but_must_stay_up() -> None:
    found = see("member-healthy", three((UP, OFF, OFF), {}), node="n1", member=1)
    assert found.done
    assert found.hold > 0
    assert "n1 runs and waits for its peers: 1 running, quorum is 2" in found.text


def test_the_first_of_three_is_judged_by_nodes_before_a_member_list_is_known() -> None:
    snapshot = picture((), (node(1), node(2, OFF), node(3, OFF)), {url(1): silent()}, known=False)
    assert see("member-healthy", snapshot, node="n1", member=None).done
    both = picture((), (node(1), node(2), node(3, OFF)), {url(1): silent(), url(2): silent()}, known=False)
    assert not see("member-healthy", both, node="n1", member=None).done


def test_the_second_of_three_must_be_healthy() -> None:
    assert not see("member-healthy", three((UP, UP, OFF), {}), node="n2", member=2).done
    found = see("member-healthy", three((UP, UP, OFF), {1: 0, 2: 0}), node="n2", member=2)
    assert not found.done
    assert "does not know the agreed leader yet" in found.text
    assert see("member-healthy", three((UP, UP, OFF), {1: 1, 2: 1}), node="n2", member=2).done


@pytest.mark.parametrize("state", [OFF, BAD])
def test_a_process_that_ended_again_is_lost(state: RunState) -> None:
    found = see("member-healthy", three((UP, state, UP), {1: 1, 3: 1}), node="n2", member=2)
    assert (found.done, found.lost) == (False, True)
    assert found.hold > 0


def test_a_learner_is_healthy_when_it_knows_the_leader() -> None:
    listed = (member(1), member(2, learner=True))
    readings = {url(1): answer(1), url(2): answer(2, 1, learner=True)}
    snapshot = picture(listed, (node(1), node(2)), readings)
    assert see("member-healthy", snapshot, node="n2", member=2).done


def test_down() -> None:
    assert see("member-down", simple(3, down=(2,)), node="n2", member=2, pid=4702).done
    still = see("member-down", simple(3), node="n2", member=2, pid=4702)
    assert not still.done
    assert "n2 is running (pid 4702) still" in still.text
    lingering = three((UP, OFF, UP), {1: 1, 2: 1, 3: 1})
    assert "still answers" in see("member-down", lingering, node="n2", member=2, pid=4702).text
    frozen = three((UP, RunState.FROZEN, UP), {1: 1, 3: 1})
    assert not see("member-down", frozen, node="n2", member=2, pid=4702).done


def test_a_process_that_its_service_manager_started_again_was_killed() -> None:
    snapshot = simple(3)
    again = replace(snapshot, nodes=tuple(replace(n, pid=9999) for n in snapshot.nodes))
    found = see("member-down", again, node="n2", member=2, pid=4702)
    assert found.done
    assert "service manager has started it again" in found.text


def test_a_member_that_may_not_be_read_still_answers() -> None:
    readings = {url(1): answer(1), url(2): silent(State.NOT_PERMITTED)}
    snapshot = picture(
        (member(1), member(2)), (node(1), replace(node(2), run_state=RunState.UNKNOWN)), readings
    )
    assert not see("member-down", snapshot, node="n2", member=2, pid=None).done


def test_run_state() -> None:
    assert see("node-run-state", simple(3), node="n2", member=2, states=["running"]).done
    assert not see("node-run-state", simple(3, down=(2,)), node="n2", member=2, states=["running"]).done
    assert not see("node-run-state", simple(3), node="n9", member=None, states=["running"]).done


def test_quorum_and_the_whole_cluster() -> None:
    assert see("quorum", simple(3, down=(2,))).done
    assert not see("quorum", simple(3, down=(2, 3))).done
    assert see("cluster-healthy", simple(3)).done
    found = see("cluster-healthy", simple(3, down=(2,)))
    assert not found.done
    assert "n2 is down" in found.text
    assert not see("cluster-healthy", ClusterSnapshot("lab", members_error="refused")).done


def test_a_bring_up_is_lost_by_its_own_nodes_alone_and_what_is_the_same_is_said_once() -> None:
    names = [f"n{number}" for number in range(3)]
    check = Check("founded", {"members": names})
    why = "no pod: exceeded quota"
    nodes = [Node(name, RunState.STOPPED, why, member_name=name) for name in names[:2]]
    seen = look(check, ClusterSnapshot("t", nodes=(*nodes, Node("spare", RunState.STOPPED, "no unit"))))
    assert (seen.text, seen.lost, seen.hold) == (f"n0, n1: {why}", True, FAILED_FOR)
    spare = look(check, ClusterSnapshot("t", nodes=(Node("spare", RunState.STOPPED, "no unit"),)))
    assert not spare.lost and "no unit" not in spare.text


def test_an_unknown_verification_is_lost_at_once() -> None:
    assert see("no-such-thing", simple(3)).lost
