"""The console on a pseudo-terminal: first frame, bytes, kill to down, election to shown, idle cost."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.reading import RawFanOut
from bench.result import Row, at_most, bound
from bench.terminal import Terminal
from tests.support.etcd import EtcdCluster, Proc, running

BARE = """
from textual.app import App, ComposeResult
from textual.widgets import Static
class Bare(App):
    def compose(self) -> ComposeResult:
        yield Static("BENCH-READY")
Bare().run()
"""
LIBRARIES = "import textual.app, textual.widgets, yaml, psutil, argparse, etcdtui.etcd.rpc; input()"
"""What a launch on plain endpoints cannot do without."""


@contextlib.contextmanager
def _console(
    urls: list[str], home: Path, *flags: str, env: dict[str, str] | None = None
) -> Iterator[Terminal]:
    environ = {
        "XDG_CONFIG_HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        **(env or {}),
    }
    argv = [sys.executable, "-m", "etcdtui", "launch", "--endpoints", ",".join(urls), *flags]
    terminal = Terminal(argv, env=environ)
    try:
        yield terminal
    finally:
        terminal.close()


def first_frame(urls: list[str], home: Path, rounds: int = 9) -> Row:
    """From starting the program to its first full screen, against a bare Textual app."""
    ours, bare = [], []
    for _ in range(rounds + 1):
        terminal = Terminal([sys.executable, "-c", BARE])
        bare.append(terminal.wait_for("BENCH-READY") - terminal.began)
        terminal.close()
        with _console(urls, home) as console:
            ours.append(console.wait_for("Quit|quit") - console.began)
    # The first round only warms the caches.
    return at_most(
        "first frame, against a bare Textual app",
        statistics.median(ours[1:]) * 1000, statistics.median(bare[1:]) * 1000, "ms", 1.25,
    )  # fmt: skip


def bytes_written(cluster: EtcdCluster, home: Path) -> list[Row]:
    """What a quiet cluster costs the terminal, and what one changed cell costs."""
    with _console(cluster.urls, home, "--refresh", "0.5") as console:
        console.wait_for("leader")
        console.quiet(3)
        since = time.monotonic()
        time.sleep(10)
        unchanged = len(console.written(since, time.monotonic()))
        costs = []
        for number in range(10):
            since = time.monotonic()
            cluster.etcdctl("put", "bench", f"{number}")
            time.sleep(1.5)
            # A put moves the raft index and the applied index of every member: ten cells of five rows.
            costs.append(len(console.written(since, time.monotonic())) / (2 * len(cluster.procs)))
    return [
        bound("bytes to the terminal in 20 unchanged ticks", unchanged, "bytes", 0),
        bound("bytes to the terminal per changed cell", statistics.median(costs), "bytes", 200),
    ]


def idle_cost(urls: list[str], home: Path, seconds: float = 30) -> list[Row]:
    """CPU and memory of a console that watches five quiet members every second."""
    with _console(urls, home) as console:
        console.wait_for("leader")
        console.quiet(2)
        process = psutil.Process(console.process.pid)
        before = process.cpu_times()
        time.sleep(seconds)
        after = process.cpu_times()
        cpu = (after.user + after.system - before.user - before.system) / seconds * 100
        memory = process.memory_info().rss
    libraries = subprocess.Popen([sys.executable, "-c", LIBRARIES], stdin=subprocess.PIPE)
    try:
        alone = psutil.Process(libraries.pid)
        size = -1
        while alone.memory_info().rss != size:
            size = alone.memory_info().rss
            time.sleep(0.5)
    finally:
        libraries.communicate(b"\n", timeout=10)
    return [
        bound("idle CPU, 5 members every second", cpu, "% core", 2),
        at_most("memory, against the imported libraries alone", memory / 1e6, size / 1e6, "MB", 1.3),
    ]


def _new_leader(cluster: EtcdCluster, dead: Proc, timeout: float = 15) -> tuple[float, int]:
    """When the survivors first name a new leader, asked all the time over bare gRPC, and its term."""
    raw = RawFanOut([p.client_url for p in cluster.procs if p is not dead])
    try:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            answers = raw.statuses()
            for answer in answers:
                if answer.leader == answer.header.member_id:
                    return time.monotonic(), answer.raftTerm
            time.sleep(0.003)
        raise TimeoutError("no new leader")
    finally:
        raw.close()


def crash(root: Path, home: Path, rounds: int = 5) -> list[Row]:
    """From SIGKILL of the leader to its row saying down, and from the election to the new leader's line."""
    downs, elections = [], []
    with (
        running(root, 5, heartbeat_ms=100, election_ms=1000) as cluster,
        _console(cluster.urls, home) as console,
    ):
        console.wait_for("leader")
        console.quiet(2)
        for _ in range(rounds):
            leader = cluster.leader()
            killed = time.monotonic()
            leader.kill()
            elected, term = _new_leader(cluster, leader)
            downs.append(console.wait_for("down", since=killed) - killed)
            # The timeline's line of the new term can only be drawn once the election is known.
            elections.append(console.wait_for(f"leads in term {term}", since=killed) - elected)
            leader.start()
            cluster.wait_healthy()
            console.quiet(2)
    return [
        bound("SIGKILL of the leader to its row on the screen, worst of 5", max(downs) * 1000, "ms", 150),
        bound("election to the new leader on the screen, worst of 5", max(elections) * 1000, "ms", 150),
    ]


def run(root: Path) -> list[Row]:
    """Every row of this module."""
    home = Path(tempfile.mkdtemp(dir=root))
    rows = []
    with running(root / "five", 5) as cluster:
        rows.append(first_frame(cluster.urls, home))
        rows += bytes_written(cluster, home)
        rows += idle_cost(cluster.urls, home)
    return rows + crash(root / "crash", home)
