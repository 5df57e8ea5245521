"""The script that starts an etcd by hand on a host, run here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil

from etcdtui.sites.ssh.control import _SPAWN


def test_a_start_of_what_runs_already_keeps_its_pid(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    def start() -> int:
        argv = ["sh", "-c", _SPAWN, "sh", str(tmp_path / "log"), str(file), "/bin/sleep", "60"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True)
        assert done.stderr == ""
        assert done.stdout == file.read_text()
        return int(done.stdout)

    def ready(pid: int) -> psutil.Process:
        process = psutil.Process(pid)
        while process.cmdline()[:1] != ["/bin/sleep"]:
            assert process.is_running()
        return process

    first = start()
    process = ready(first)
    try:
        assert start() == first
    finally:
        process.kill()
    psutil.wait_procs([process], timeout=10)
    second = start()
    try:
        assert second != first
    finally:
        ready(second).kill()
