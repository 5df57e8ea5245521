"""Options and fixtures that tests of several folders share."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.etcd import for_demos
from tests.support.kube import kube, place

__all__ = ["kube", "place"]

# The same examples in every run, however slow the machine is for a moment: none fails by chance.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kube-context",
        default="",
        metavar="CTX",
        help="run the tests marked kube on this context of the kubeconfig instead of the lab",
    )
    parser.addoption("--matrix", action="store_true", help="run all combinations of a bring-up")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the combinations out that are asked for by name alone."""
    if config.getoption("--matrix"):
        return
    left = [item for item in items if item.get_closest_marker("matrix")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that must be free for it: the largest test has seven members with 128 MB each."""


def pytest_configure(config: pytest.Config) -> None:
    """Start from the usual signals, and keep the members' data in memory where there is room.

    Each worker's demos have ports of their own, those of the consoles that it starts included.
    Whoever starts the tests with nohup or in a script's background has children ignore SIGHUP or SIGINT,
    and the tests send both. In memory elections do not wait for a slow disk.
    """
    os.environ["ETCDTUI_PORTS"] = for_demos()
    # Files are given out in the order of the collection, which tests/sites/kube makes by their time.
    config.option.loadscopereorder = False
    for number, usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
    told = "PYTEST_DEBUG_TEMPROOT" in os.environ or "TMPDIR" in os.environ
    if not told and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
