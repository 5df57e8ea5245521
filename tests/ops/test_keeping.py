"""What drains must leave while the voters change: never fewer than a quorum, whichever nodes they take."""

from __future__ import annotations

import itertools

import pytest

from etcdtui.model.quorum import quorum_of
from etcdtui.ops.keeping import KEEP, Keeper
from etcdtui.ops.plan import Step
from tests.ops.worlds import PlanningSite


class Told(PlanningSite):
    """A site that is told how many nodes stay."""

    def __init__(self, kept: int | None) -> None:
        self.kept = kept

    def kept_nodes(self) -> int | None:
        return self.kept

    def describe_keep(self, nodes: int) -> str:
        return f"keep {nodes}"

    def keep_nodes(self, nodes: int) -> str:
        raise AssertionError("planning must not act")

    def remarks_on(self, nodes: int) -> tuple[str, ...]:
        return ()


def step(word: str) -> Step:
    return Step(word, {}, word, "")


JOIN = [step("runs"), step("votes")]
LEAVE = [step("removed"), step("gone")]


def planned(site: Told, start: int, end: int) -> list[Step]:
    keeper = Keeper(site)
    steps: list[Step] = []
    for size in range(start, end):
        steps += keeper.joining(size, JOIN)
    for size in range(start, end, -1):
        steps += keeper.leaving(size, LEAVE)
    return [*steps, *keeper.fitting(end)]


@pytest.mark.parametrize(("start", "end"), [*itertools.permutations(range(1, 8), 2)])
def test_at_no_moment_may_a_drain_take_the_quorum(start: int, end: int) -> None:
    kept, voters, running = quorum_of(start), start, start
    undone: list[int] = []
    for each in planned(Told(kept), start, end):
        if each.verb == KEEP:
            assert each.args["keep"] != kept, "a step that changes nothing"
            if each.undo is not None:
                undone.append(each.undo.args["keep"])
                assert undone[-1] == kept
            kept = each.args["keep"]
        running += {"runs": 1, "gone": -1}.get(each.verb, 0)
        voters += {"votes": 1, "removed": -1}.get(each.verb, 0)
        # Who does not vote may be among those that are left.
        assert kept - (running - voters) >= quorum_of(voters)
        assert kept <= quorum_of(voters) + 1, "stricter than the change asks for"
    assert (kept, voters, running) == (quorum_of(end), end, end)


def test_what_is_not_ours_is_left_alone_and_what_fits_needs_no_step() -> None:
    assert [s for s in planned(Told(None), 3, 5) if s.verb == KEEP] == []
    assert [s.args["keep"] for s in planned(Told(2), 3, 5) if s.verb == KEEP] == [3, 4, 3]
    assert [s.args["keep"] for s in planned(Told(3), 5, 3) if s.verb == KEEP] == [4, 3, 2]
    assert Keeper(Told(2)).fitting(3) == []
    assert [s.args["keep"] for s in Keeper(Told(1)).fitting(3)] == [2]
