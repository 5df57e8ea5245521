"""Clusters of real etcd processes, shared by the tests of one module."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from etcdtui.etcd.api import Credentials, EtcdWriter, Target, TlsMaterial
from etcdtui.etcd.rpc import dial
from tests.support.etcd import EtcdCluster, Proc, running

Connect = Callable[..., EtcdWriter]


def target_of(proc: Proc, tls: TlsMaterial | None = None, user: Credentials | None = None) -> Target:
    return Target(proc.client_url, proc.client_url.split("://")[1], tls, user)


@pytest.fixture(scope="module", params=["3.5", "3.4"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, version: str) -> Iterator[EtcdCluster]:
    """Three members of one version."""
    with running(tmp_path_factory.mktemp("cluster"), 3, version) as started:
        yield started


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Dial processes; the connections are closed afterwards."""
    opened: list[EtcdWriter] = []

    def make(proc: Proc, tls: TlsMaterial | None = None, user: Credentials | None = None) -> EtcdWriter:
        opened.append(dial(target_of(proc, tls, user)))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()
