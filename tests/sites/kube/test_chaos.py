"""A seeded selection of what ``make chaos SITE=kube`` runs in full."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.chaos.kube import KubeStaging
from tests.chaos.operations import OPERATIONS
from tests.chaos.trial import Fault, Point, attempt
from tests.support.kube import Kube

pytestmark = [
    pytest.mark.kube,
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("in_the_lab"),
]

SEED = 5
SELECTED = (
    ("add a member", Point(Fault.CONSOLE, 4, "begin", 0.3)),
    ("replace a dead member", Point(Fault.CONSOLE, 4, "end")),
    ("restart a follower", Point(Fault.POWER_CUT, 1, "begin", 1.0)),
    ("restore a snapshot", Point(Fault.CONSOLE, 8, "begin", 0.6)),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


@pytest.mark.parametrize(("name", "point"), SELECTED, ids=lambda value: str(value))
def test_nothing_is_lost(kube: Kube, tmp_path: Path, name: str, point: Point) -> None:
    random = Random(f"{SEED} {name}")
    outcome = attempt(tmp_path, BY_NAME[name], 3, "3.5", point, random, KubeStaging(kube))
    assert outcome.hit, "the plan ended before the fault came"
    # How long elections take says nothing here: other tests start pods on the same machine meanwhile.
    assert (outcome.problem, outcome.lost, outcome.stray) == ("", 0, 0)
    assert outcome.written > 30
