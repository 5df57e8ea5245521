"""The lab as a fixture: up once a session, down at its end unless it was up before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.labs.hosts.base import can_run
from tests.labs.hosts.clusters import MIXED, LabCluster
from tests.labs.hosts.lab import Lab, ready
from tests.support.tools import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a cluster follow each other, so that it is made once."""
    places = [at for at, item in enumerate(items) if "/labs/hosts/" in str(item.path)]
    ours = sorted((items[at] for at in places), key=_shares)
    for at, item in zip(places, ours, strict=True):
        item.add_marker(pytest.mark.hosts)
        items[at] = item


def _shares(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    return next((n for n, name in enumerate(("cluster", "mixed")) if name in names), 2)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A jump host and three nodes; the test run has them for itself."""
    if reason := can_run():
        missing("the lab of hosts", reason)
    with ready() as machines:
        yield machines


class Standing:
    """The cluster on the lab, made anew only where it is not what a test wants."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._cluster: LabCluster | None = None

    def of(self, kinds: tuple[str, ...]) -> LabCluster:
        """A healthy cluster whose nodes run their etcd so."""
        stands = self._cluster
        if stands is None or tuple(stands.kinds.values()) != kinds or not stands.is_well():
            self._cluster = None
            made = LabCluster(self._lab, kinds)
            made.up()
            self._cluster = made
            return made
        return stands

    def gone(self) -> None:
        """A test has made another one."""
        self._cluster = None


@pytest.fixture(scope="session")
def standing(lab: Lab) -> Standing:
    return Standing(lab)


@pytest.fixture
def cluster(standing: Standing) -> LabCluster:
    """A healthy cluster under Debian's etcd.service; a test that has it leaves it so."""
    return standing.of(("systemd",) * 3)


@pytest.fixture
def mixed(standing: Standing) -> LabCluster:
    """A healthy cluster of a unit, a static pod and a process; a test that has it leaves it so."""
    return standing.of(MIXED)


@pytest.fixture
def hosts(lab: Lab, standing: Standing) -> Lab:
    """The lab for a test that makes a cluster of its own."""
    standing.gone()
    return lab
