"""The lab as a fixture: up once a session, down at its end unless it was up before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.labs.hosts.base import build, can_run
from tests.labs.hosts.clusters import LabCluster
from tests.labs.hosts.lab import Lab
from tests.support.tools import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/labs/hosts/" in str(item.path):
            item.add_marker(pytest.mark.hosts)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A jump host and three nodes; the test run has them for itself."""
    if reason := can_run():
        missing("the lab of hosts", reason)
    build()
    machines = Lab()
    with machines.alone():
        stood = all(m.pid for m in machines.machines.values())
        machines.up()
        yield machines
        if not stood:
            machines.down()


@pytest.fixture
def cluster(lab: Lab) -> LabCluster:
    """A healthy cluster under Debian's etcd.service."""
    made = LabCluster(lab)
    made.up()
    return made
