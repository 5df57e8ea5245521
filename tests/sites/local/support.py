"""What the tests of the local site share: quick clusters, waiting, and a look for left-over processes."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import psutil

from etcdtui.model.cluster import Node
from etcdtui.sites.local.demo import open_demo
from etcdtui.sites.local.site import LocalSite
from tests.support.etcd import etcdctl as run_etcdctl
from tests.support.tools import etcd

QUICK = ("--heartbeat-interval=50", "--election-timeout=500")


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 20) -> None:
    """Look every 20 ms until it holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.02)


def healthy(url: str) -> bool:
    with (
        # It may end in the middle of its answer.
        contextlib.suppress(OSError, ValueError, HTTPException),
        urllib.request.urlopen(f"{url}/health", timeout=1) as answer,
    ):
        return json.load(answer).get("health") in ("true", True)
    return False


def wait_healthy(site: LocalSite) -> None:
    wait_until(lambda: all(healthy(url) for url in site.seeds()), "all members healthy")


def node(site: LocalSite, name: str) -> Node:
    return next(node for node in site.nodes() if node.name == name)


def pids(site: LocalSite) -> list[int]:
    return [node.pid for node in site.nodes() if node.pid]


def etcdctl(site: LocalSite, *args: str) -> str:
    return run_etcdctl(site.seeds(), *args)


def left_over(directory: Path) -> list[int]:
    """Pids of all processes, however they came about, whose command line names the directory's nodes."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(f"{directory.resolve()}/n" in part for part in process.cmdline()):
                found.append(process.pid)
    return found


@contextlib.contextmanager
def demo(
    directory: Path, nodes: int | None = 3, version: str = "3.5", launch: bool = True
) -> Iterator[LocalSite]:
    """A demo with quick elections that is gone afterwards, adopted nodes too."""
    site = open_demo(directory, nodes=nodes, binary=etcd(version), options=QUICK, launch=launch)
    try:
        yield site
    finally:
        site.shutdown(everything=True)
