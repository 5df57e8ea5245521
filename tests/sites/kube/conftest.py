"""One healthy StatefulSet for the tests of a module that only look, and an order that keeps workers busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kube import Kube, Place, namespace

LONGEST = (
    "test_selfmanaged.py", "test_restoring.py", "test_scaling.py", "test_adopting.py", "test_budget.py",
    "test_refused.py", "test_quota.py",
)  # fmt: skip
"""Files whose one test outlasts others, the longest first: begun last, idle workers would wait for it."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest; ``--dist loadfile`` puts files with more tests before them by itself."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="module")
def three(kube: Kube) -> Iterator[Place]:
    """Three members of etcd 3.5 without a shell."""
    with namespace(kube) as place:
        place.config_files(3)
        place.wait_ready(3)
        yield place
