"""The command, alone and beside a running demo cluster of real etcd processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.sites.local.demo import open_demo
from tests.cli.command import Cli
from tests.support.tools import etcd

FAST = ("--heartbeat-interval=50", "--election-timeout=500")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def demo(cli: Cli) -> Iterator[Cli]:
    """Three healthy members in the directory of ``etcdtui demo``, started by nobody in particular."""
    site = open_demo(cli.demo, options=FAST, binary=etcd("3.5"), settle=0)
    try:
        wait_healthy(cli)
        yield cli
    finally:
        site.shutdown(everything=True)


def wait_healthy(cli: Cli) -> None:
    """Until the command itself says that the demo is healthy."""
    for _ in range(30):
        done = cli("status", "demo")
        if done.returncode == 0:
            return
    raise TimeoutError(done.stderr)
