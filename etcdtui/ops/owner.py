"""Which process runs a plan, told so that a later console can see whether it still lives."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Owner:
    """One process of one boot of one host."""

    host: str
    place: str
    """Boot and pid namespace: within the same one a pid means the same process. Empty when not known."""
    pid: int
    started: str
    """When the process began, in the system's own count; tells it from a later one with the same pid."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Owner:
        """Read back; raises KeyError, TypeError or ValueError on something that is none."""
        return cls(str(data["host"]), str(data["place"]), int(data["pid"]), str(data["started"]))

    @property
    def is_here(self) -> bool:
        """Whether it ran in this boot and pid namespace, so that `alive` is proof."""
        return bool(self.place) and self.place == _place() and self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether the very process lives here; False also for one of another machine or boot."""
        return self.is_here and _started(self.pid) == self.started


def current() -> Owner:
    """This process."""
    return Owner(socket.gethostname(), _place(), os.getpid(), _started(os.getpid()) or "")


def _place() -> str:
    try:
        return f"{_BOOT.read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        # Not Linux: the time of booting stands for the boot.
        return f"{psutil.boot_time():.0f}"


def _started(pid: int) -> str | None:
    """The beginning of a process, None when there is none; a zombie is none.

    On Linux the 22nd field of ``/proc/PID/stat``, which no change of the clock moves (proc_pid_stat(5)).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in ("Z", "X") else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.0f}"
    except psutil.Error:
        return None
