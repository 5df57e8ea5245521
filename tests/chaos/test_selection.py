"""A seeded selection of the trials that ``make chaos`` runs in full."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.chaos.operations import OPERATIONS
from tests.chaos.trial import Fault, Point, attempt
from tests.support.writer import ELECTIONS

SELECTED = (
    ("restart the leader", 3, "3.5", Point(Fault.CONSOLE, 1, "begin", 0.05)),
    ("restart a follower", 3, "3.4", Point(Fault.NODE_KILLED, 2, "begin", 0.1)),
    ("rolling restart", 3, "3.5", Point(Fault.CONSOLE, 5, "end")),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("name", "size", "version", "point"), SELECTED, ids=lambda value: str(value))
def test_nothing_is_lost(name: str, size: int, version: str, point: Point, tmp_path: Path) -> None:
    outcome = attempt(tmp_path, BY_NAME[name], size, version, point, Random(1))
    assert outcome.hit, "the plan ended before the fault came"
    assert (outcome.problem, outcome.lost, outcome.stray) == ("", 0, 0), outcome
    # A machine that does other things beside may take longer for an election.
    assert outcome.without_quorum < ELECTIONS
    assert outcome.written > 30
