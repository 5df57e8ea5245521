"""The lab's processes: in their own sessions, recorded by pid, start time and boot, stopped by that alone."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> str | None:
    """When the process was started, in clock ticks since the boot; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class Processes:
    """The processes whose records lie under a state directory."""

    def __init__(self, state: Path):
        self.run, self.log = state / "run", state / "log"

    def pid(self, name: str) -> int | None:
        """The recorded process's id, when that very process still runs."""
        try:
            r = json.loads((self.run / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return r["pid"] if r["boot"] == _boot() and r["start"] == _started(r["pid"]) else None

    def start(self, name: str, argv: list[Any], env: dict[str, Any] | None = None) -> int:
        if pid := self.pid(name):
            return pid
        self.run.mkdir(parents=True, exist_ok=True)
        self.log.mkdir(parents=True, exist_ok=True)
        with (self.log / f"{name}.log").open("ab") as log:
            p = subprocess.Popen(
                [str(a) for a in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env=dict(os.environ, **(env or {})),
            )
        record = {"pid": p.pid, "start": _started(p.pid), "boot": _boot()}
        (self.run / f"{name}.json").write_text(json.dumps(record))
        return p.pid

    def stop(self, name: str, patience: float = 20) -> None:
        pid = self.pid(name)
        if pid:
            try:
                fd = os.pidfd_open(pid)  # a signal sent by it cannot reach a later process of the same number
            except ProcessLookupError:
                fd = None
            if fd is not None and self.pid(name) == pid:
                for s in (signal.SIGTERM, signal.SIGKILL):
                    signal.pidfd_send_signal(fd, s)
                    if select.select([fd], [], [], patience)[0]:
                        break
                os.close(fd)
        (self.run / f"{name}.json").unlink(missing_ok=True)

    def wait(self, what: str, ready: Callable[[], object], seconds: float, name: str) -> None:
        """Waits until ready() is true; gives up when the process ends or the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            if not self.pid(name):
                raise SystemExit(f"{name} ended; see {self.log / (name + '.log')}")
            if time.monotonic() > end:
                raise SystemExit(f"no {what} after {seconds:.0f} s; see {self.log / (name + '.log')}")
            time.sleep(0.2)
