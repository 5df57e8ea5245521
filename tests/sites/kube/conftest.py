"""One healthy StatefulSet for the tests of a module that only look, and an order that keeps workers busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kube import Kube, Place, namespace

LONGEST = ("test_selfmanaged.py", "test_scaling.py", "test_restoring.py")
"""Files whose one test outlasts others: begun last it would be waited for by two idle workers."""
SHARED = {"three", "static_pod"}
"""Fixtures of a module: its tests stay together with ``--dist loadgroup``, all others go where room is."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests on one StatefulSet together, and begin with the longest of the others."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and SHARED & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: not (item.path.parent == here and item.path.name in LONGEST))


@pytest.fixture(scope="module")
def three(kube: Kube) -> Iterator[Place]:
    """Three members of etcd 3.5 without a shell."""
    with namespace(kube) as place:
        place.config_files(3)
        place.wait_ready(3)
        yield place
