"""The console on a terminal of its own, ended in every way: what it started is gone, or kept when asked."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.command import Cli
from tests.support.tools import etcd


class Console:
    """``etcdtui demo`` on a pty whose output is read and thrown away."""

    def __init__(self, cli: Cli, *args: str) -> None:
        self.cli = cli
        self.master, slave = pty.openpty()
        path = f"{etcd('3.5').parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            # setsid makes the pty the controlling terminal, so that closing it is a hang-up.
            ["setsid", "--ctty", "--wait", sys.executable, "-m", "etcdtui", "demo", *args],
            stdin=slave, stdout=slave, stderr=slave,
            env=cli.environ(TERM="xterm-256color", PATH=path),
        )  # fmt: skip
        os.close(slave)
        self.output = b""
        self._closed = False
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while not self._closed:
            try:
                if select.select([self.master], [], [], 0.1)[0]:
                    self.output += os.read(self.master, 65536)
            except OSError:
                return

    @property
    def pid(self) -> int:
        """The console itself; setsid may have forked to start it."""
        started = psutil.Process(self.process.pid)
        if not started.cmdline()[0].endswith("setsid"):
            # Its children are nodes; one that has not become etcd yet still looks like the console.
            return started.pid
        return next(c.pid for c in started.children() if "etcdtui" in c.cmdline())

    def wait_healthy(self) -> list[int]:
        """Until another terminal's status is healthy; the nodes' process IDs."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            done = self.cli("status", "demo")
            if done.returncode == 0:
                return [row["pid"] for row in self.cli.json("status", "demo", "-o", "json")]
            assert self.process.poll() is None, self.output[-2000:]
        raise TimeoutError(done.stderr)

    def ended(self) -> int:
        """Its exit code, once it has ended and all that it wrote was read."""
        code = self.process.wait(30)
        self._reader.join(10)
        return code

    def hang_up(self) -> None:
        self._closed = True
        self._reader.join(5)
        os.close(self.master)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.cli("demo", "--stop")


@pytest.fixture
def console(cli: Cli) -> Iterator[Console]:
    opened = Console(cli)
    yield opened
    opened.close()


def gone(pids: list[int]) -> bool:
    return not any(lives(pid) for pid in pids)


def lives(pid: int) -> bool:
    # Whoever inherits it may reap it between two looks.
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("how", ["term", "hup", "twice", "hang-up"])
def test_every_end_stops_what_was_started(console: Console, how: str) -> None:
    pids = console.wait_healthy()
    assert len(pids) == 3
    pid = console.pid
    if how == "hang-up":
        console.hang_up()
    else:
        os.kill(pid, signal.SIGHUP if how == "hup" else signal.SIGTERM)
        if how == "twice":
            os.kill(pid, signal.SIGTERM)
    code = console.ended()
    assert gone(pids)
    assert code in ((128 + signal.SIGTERM,) if how in ("term", "twice") else (128 + signal.SIGHUP,))
    assert b"Traceback" not in console.output
    assert list((console.cli.root / "state").rglob("crash-*")) == []


def test_an_early_signal_leaves_nothing(cli: Cli) -> None:
    console = Console(cli)
    try:
        deadline = time.monotonic() + 20
        while not list(cli.demo.glob("*.run.json")) and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(console.pid, signal.SIGTERM)
        assert console.ended() == 128 + signal.SIGTERM
        assert cli("demo", "--stop").stdout == "nothing runs\n"
    finally:
        console.close()


def test_keep_leaves_the_members_and_the_next_launch_adopts_them(cli: Cli) -> None:
    console = Console(cli, "--keep", "--nodes", "1")
    try:
        pids = console.wait_healthy()
        os.write(console.master, b"q")
        assert console.ended() == 0
        assert not gone(pids)
        assert b"n1 goes on running; `etcdtui demo --stop` stops what runs" in console.output
    finally:
        console.process.kill()
    second = Console(cli)
    try:
        assert second.wait_healthy() == pids
        os.kill(second.pid, signal.SIGTERM)
        second.ended()
        assert not gone(pids)
    finally:
        second.close()
    assert gone(pids)


def test_the_wrong_number_of_nodes_is_one_line(demo: Cli, tmp_path: Path) -> None:
    console = Console(demo, "--nodes", "5")
    try:
        assert console.ended() == 2
    finally:
        console.close()
    assert b"the demo in" in console.output
