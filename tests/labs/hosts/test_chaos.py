"""A seeded selection of what ``make chaos SITE=hosts`` runs in full."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.chaos.hosts import HostStaging
from tests.chaos.operations import OPERATIONS
from tests.chaos.trial import Fault, Point, attempt
from tests.labs.hosts.lab import Lab

SEED = 11
SELECTED = (
    ("add a member", "process", Point(Fault.CONSOLE, 3, "begin", 0.2)),
    ("restore a snapshot", "static", Point(Fault.CONSOLE, 5, "begin", 0.1)),
    ("rolling restart", "unit", Point(Fault.POWER_CUT, 2, "begin", 0.3)),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("name", "kind", "point"),
    [pytest.param(*each, marks=pytest.mark.long if n else ()) for n, each in enumerate(SELECTED)],
    ids=lambda value: str(value),
)
def test_nothing_is_lost(hosts: Lab, tmp_path: Path, name: str, kind: str, point: Point) -> None:
    random = Random(f"{SEED} {name}")
    staging = HostStaging(hosts, random, (kind,) * 3)
    outcome = attempt(tmp_path, BY_NAME[name], 3, "3.5", point, random, staging)
    assert outcome.hit, "the plan ended before the fault came"
    assert (outcome.problem, outcome.lost, outcome.stray, outcome.without_quorum) == ("", 0, 0, 0.0)
    assert outcome.written > 30
