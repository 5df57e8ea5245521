"""One healthy StatefulSet for the tests of a module that only look, and an order that keeps workers busy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from tests.support.kube import Kube, Place, namespace

HERE = Path(__file__).parent
SHARED = {"three", "static_pod"}
"""Fixtures of a module: its tests stay together with ``--dist loadgroup``, all others go where room is."""
LONGEST = ("test_selfmanaged.py", "test_scaling.py", "test_restoring.py", "quota_that_allows_no_further_pod")
"""Parts of the names of tests that outlast others: begun last, idle workers would wait for them."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """First those that share a StatefulSet, then a long one and a short one in turn.

    A worker is given its next test beside the one that it runs: two long ones would wait for each other.
    """
    groups = {item for item in items if item.path.parent == HERE and SHARED & set(fixtures(item))}
    for item in groups:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))
    yield
    ours = [item for item in items if item.path.parent == HERE]
    single = [item for item in ours if item not in groups]
    long = [item for item in single if any(part in item.nodeid for part in LONGEST)]
    in_turn = zip_longest(long, [item for item in single if item not in long])
    alone = [item for item in chain.from_iterable(in_turn) if item is not None]
    order = iter([*(item for item in ours if item in groups), *alone])
    items[:] = [next(order) if item.path.parent == HERE else item for item in items]


def fixtures(item: pytest.Item) -> list[str]:
    """The names of the fixtures that a test uses."""
    return list(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="module")
def three(kube: Kube) -> Iterator[Place]:
    """Three members of etcd 3.5 without a shell."""
    with namespace(kube) as place:
        place.config_files(3)
        place.wait_ready(3)
        yield place
