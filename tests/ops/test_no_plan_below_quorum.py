"""Over 100,000 random clusters: no step of any plan takes the last vote that a quorum needs."""

from __future__ import annotations

import contextlib
from collections import Counter
from random import Random
from typing import Any

import pytest

from etcdtui.errors import EtcdtuiError, UsageError
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.quorum import quorum_of
from etcdtui.ops import guards, owner, resume
from etcdtui.ops.action import Request, Scope
from etcdtui.ops.plan import Plan
from etcdtui.ops.registry import ACTIONS
from etcdtui.ops.resume import Unfinished
from etcdtui.ops.store import Entry, Mark, StepState
from tests.ops.random_worlds import GrowingSite, World, disturb, draw

CHUNKS, EACH = 4, 25_000
BY_ID = {action.id: action for action in ACTIONS}
SITE = GrowingSite()
OWNER = owner.current()
KINDS = (
    *("scale",) * 5, *("remove-member",) * 4, *("replace-member",) * 3, *("add-member",) * 2,
    *("promote",) * 2, "update-peer-urls", "restart-node", "stop-node", "kill-node", "rolling-restart",
    "move-leader",
)  # fmt: skip


def options(kind: str, rng: Random) -> dict[str, Any]:
    if kind == "scale":
        return {"voters": rng.randint(1, 7)}
    if kind == "add-member":
        return {"voter": rng.random() < 0.5}
    return {"peer_urls": "http://10.9.9.9:2380"} if kind == "update-peer-urls" else {}


def planned(kind: str, snapshot: ClusterSnapshot, rng: Random) -> Plan:
    action = BY_ID[kind]
    rows = snapshot.rows
    if kind == "promote":
        rows = tuple(r for r in rows if r.member is not None and r.member.is_learner) or rows
    elif kind == "replace-member":
        rows = tuple(r for r in rows if not r.reading.answered) or rows
    row = rng.choice(rows) if action.scope is Scope.NODE else None
    return action.plan(Request(snapshot, SITE, row, options(kind, rng), "p"))


def carried_out(plan: Plan, world: World, rng: Random, until: int) -> str:
    """Every step that its guards let pass, each checked; how it ended.

    Args:
        until: the step before which it is cut off.
    """
    snapshot: ClusterSnapshot | None = None
    for index, step in enumerate(plan.steps[:until]):
        if index and rng.random() < 0.04:
            disturb(world, rng)
            snapshot = None
        if step.guards or index == 0:
            # The guards see fresh readings, as the runner makes them.
            snapshot = snapshot or world.snapshot()
            checks = (*guards.bindings(plan, index), *step.guards)
            if not all(guards.evaluate(check, snapshot).ok for check in checks):
                return "refused" if not index else "stopped by a guard"
        if step.verb == "wait":
            continue
        worked, before = world.works, (world.voting, world.voters)
        world.carry_out(step, rng)
        snapshot = None
        if worked and not world.works:
            raise AssertionError(
                f"{plan.title}: {step.title} left {world.voting} of {world.voters} voters, quorum is "
                f"{quorum_of(world.voters)}; before {before}"
            )
    return "done" if until >= len(plan.steps) else "cut off"


def next_launch(plan: Plan, done: int, world: World, rng: Random) -> Plan:
    """What a console offers after one that was cut off: to finish, or to undo."""
    states = [StepState(Mark.DONE)] * done
    if done < len(plan.steps):
        states += [StepState(rng.choice((Mark.BEGUN, Mark.PENDING)))]
        states += [StepState()] * (len(plan.steps) - done - 1)
    entry = Entry(plan, tuple(states), "lab", "paper", OWNER, {}, "")
    way = resume.undo_plan if rng.random() < 0.5 else resume.finish_plan
    return way(Unfinished(entry, "cut off"), world.snapshot(), "q")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_step_of_any_plan_leaves_fewer_voters_than_quorum(chunk: int) -> None:
    ends: Counter[str] = Counter()
    completed: Counter[str] = Counter()
    for number in range(chunk * EACH, (chunk + 1) * EACH):
        rng = Random(number)
        world = draw(rng)
        kind = rng.choice(KINDS)
        try:
            plan = planned(kind, world.snapshot(), rng)
        except EtcdtuiError:
            ends["no plan"] += 1
            continue
        until = rng.randint(1, len(plan.steps)) if rng.random() < 0.3 else len(plan.steps)
        try:
            end = carried_out(plan, world, rng, until)
            if end == "cut off":
                with contextlib.suppress(UsageError):
                    plan = next_launch(plan, until, world, rng)
                    end = f"taken up: {carried_out(plan, world, rng, len(plan.steps))}"
        except AssertionError as error:
            raise AssertionError(f"world {number}: {error}") from error
        ends[end] += 1
        completed[kind] += end == "done"
    # What never runs to its end proves nothing.
    assert ends["done"] > EACH / 5, ends
    assert min(ends["stopped by a guard"], ends["taken up: done"]) > EACH / 500, ends
    assert min(completed[kind] for kind in set(KINDS)) > EACH / 500, completed
