"""Whatever ends a console, what it started is gone; only SIGKILL leaves processes, and they are adopted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from etcdtui.model.cluster import RunState
from etcdtui.sites.local.demo import attach_demo, open_demo
from tests.sites.local.support import QUICK, left_over, node, pids, wait_until

SCRIPT = """
import sys, threading
from pathlib import Path
from etcdtui.sites.local.demo import running_demo

print("opening", flush=True)
with running_demo(Path(sys.argv[1]), keep=sys.argv[2] == "keep", options=sys.argv[3:]) as site:
    print("running", flush=True)
    threading.Event().wait(30)
    raise RuntimeError("nobody ended it")
"""


@contextlib.contextmanager
def console(directory: Path, keep: bool = False) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", SCRIPT, str(directory), "keep" if keep else "", *QUICK]
    process = subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ETCD_NAME": "wrong"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        for pid in left_over(directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(process.stderr.read() if process.stderr else "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ending_signals_leave_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with console(tmp_path) as process:
        until(process, "running")
        assert len(left_over(tmp_path)) == 3
        process.send_signal(number)
        code = process.wait(15)
        assert left_over(tmp_path) == []
        # Python ends itself with SIGINT again after a KeyboardInterrupt.
        assert code == (-number if number is signal.SIGINT else 128 + number)


@pytest.mark.parametrize("delay_ms", [0, 20, 60, 120, 200])
def test_a_signal_in_the_middle_of_the_launch_leaves_no_process(tmp_path: Path, delay_ms: int) -> None:
    with console(tmp_path) as process:
        until(process, "opening")
        # The moment is the point here: each delay meets the launch at another place.
        time.sleep(delay_ms / 1000)
        process.send_signal(signal.SIGTERM)
        code = process.wait(15)
        assert code in (143, -signal.SIGTERM), process.stderr.read() if process.stderr else ""
        assert left_over(tmp_path) == []


def test_impatience_does_not_cut_the_clean_up_short(tmp_path: Path) -> None:
    with console(tmp_path) as process:
        until(process, "running")
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        assert process.wait(15) in (143, 129)
        assert left_over(tmp_path) == []


def test_children_have_no_terminal_and_no_etcd_variables(tmp_path: Path) -> None:
    with console(tmp_path) as process:
        until(process, "running")
        for pid in left_over(tmp_path):
            assert "ETCD_NAME" not in psutil.Process(pid).environ()
            assert os.getsid(pid) == pid
            assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
        assert (tmp_path / "n1").stat().st_mode & 0o777 == 0o700


def test_a_zombie_of_another_console_is_not_shown_as_running(tmp_path: Path) -> None:
    with console(tmp_path) as process:
        until(process, "running")
        site = attach_demo(tmp_path)
        pid = node(site, "n1").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: node(site, "n1").run_state is RunState.FAILED, "failed")
        # Its parent sleeps and has not reaped it.
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert node(site, "n1").detail == "ended by itself: its log does not say why"


def test_keep_leaves_the_cluster(tmp_path: Path) -> None:
    with console(tmp_path, keep=True) as process:
        until(process, "running")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 143
        assert len(left_over(tmp_path)) == 3
        assert attach_demo(tmp_path).shutdown(everything=True) == ("n1", "n2", "n3")


def test_after_sigkill_the_next_opening_adopts(tmp_path: Path) -> None:
    with console(tmp_path) as process:
        until(process, "running")
        before = left_over(tmp_path)
        process.kill()
        process.wait(15)
        site = open_demo(tmp_path)
        assert sorted(pids(site)) == sorted(before)
        assert site.started_here == ()
        site.close(stop=True)
        assert len(pids(site)) == 3
        assert site.shutdown(everything=True) == ("n1", "n2", "n3")
        assert left_over(tmp_path) == []
