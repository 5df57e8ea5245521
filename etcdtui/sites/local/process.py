"""One node's process: starting it, recognising it again, telling how it ended, signalling it."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from etcdtui.errors import SiteError

KILL = signal.SIGKILL
# Programs that end by these ended as they should, says systemd (systemd.service, SuccessExitStatus=).
_CLEAN_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
# Children are kept for the life of this process, so that each is reaped whoever asks for it; with when they
# were created, for a pid is given to somebody else one day.
_children: list[tuple[subprocess.Popen[bytes], float]] = []


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a node's etcd, as its run file keeps it."""

    pid: int
    created: float
    """When the process was created, seconds since the epoch."""
    version: str
    log_offset: int
    """Where the log of this run begins."""
    ended_by: str = ""
    """``stopped`` or ``killed``, written before the signal is sent; empty while nobody asked for its end."""
    exit_code: int | None = None
    """As `subprocess.Popen.returncode`, once its parent has seen it."""

    def as_json(self) -> dict[str, Any]:
        """For the run file."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], path: Path) -> Run:
        """From the run file.

        Raises:
            SiteError: it is damaged.
        """
        try:
            return cls(**raw)
        except TypeError as error:
            raise SiteError(f"{path}: damaged: {error}", "delete the file") from None


def spawn(argv: Sequence[str], log: Path, data_dir: Path) -> tuple[subprocess.Popen[bytes], float]:
    """Start a process in a session of its own; the process and its creation time. Raises OSError.

    The terminal's signals (Ctrl+C, hang-up) do not reach it: the console decides what ends it.
    """
    # ETCD_NAME and its like would change what the command line says, and etcd refuses some of them.
    # ETCD_UNSUPPORTED_ARCH is the exception: without it etcd does not run on such a machine at all.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("ETCD_") or key == "ETCD_UNSUPPORTED_ARCH"
    }
    with log.open("ab") as stream:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=data_dir.parent,
            env=environment,
            close_fds=True,
            start_new_session=True,
        )
    # It cannot be gone: a child that ended stays a zombie until it is reaped, and nobody else reaps it.
    created = psutil.Process(child.pid).create_time()
    _children.append((child, created))
    return child, created


def find(run: Run, data_dir: Path) -> psutil.Process | None:
    """The process of that run if it still lives and is the same one; a zombie does not live.

    The creation time would not do to tell it from a later process with the same pid: it shifts
    whenever the clock is set or slewed, and another process may share its tick. The command line
    names the data directory, on which etcd runs but once. From then on `psutil.Process` itself
    notices when the pid is given to somebody else.

    Raises:
        SiteError: the system refuses to tell.
    """
    try:
        process = psutil.Process(run.pid)
        return process if lives(process) and serves(process.cmdline(), data_dir) else None
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        # It belongs to another user; ours does not.
        return None
    except (psutil.Error, OSError) as error:
        raise SiteError(f"pid {run.pid}: {error}") from None


def serves(command: Sequence[str], data_dir: Path) -> bool:
    """Whether a command line is that of an etcd on that data directory; an ending process has none."""
    wanted = str(data_dir)
    if f"--data-dir={wanted}" in command:
        return True
    return any(flag == "--data-dir" and value == wanted for flag, value in itertools.pairwise(command))


def serving(data_dir: Path) -> psutil.Process | None:
    """A living etcd of this machine on that data directory, found among all processes; None without one."""
    for found in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            command = found.cmdline()
            # A tool that works on the directory, such as ``etcdutl snapshot restore``, begins with a word.
            if command[1:2] and command[1].startswith("-") and serves(command, data_dir) and lives(found):
                return found
    return None


def exit_code(run: Run) -> int | None:
    """How the run ended, None when that is not known or it has not ended."""
    if run.exit_code is not None:
        return run.exit_code
    # A pid alone does not do: somebody else's etcd may have that of a child of ours that ended long ago.
    wanted = (run.pid, run.created)
    child = next((child for child, created in _children if (child.pid, created) == wanted), None)
    return child.poll() if child is not None else None


def ended_cleanly(code: int) -> bool:
    """Whether an exit code is that of a program which was asked to end."""
    return code == 0 or -code in _CLEAN_SIGNALS


def code_in_words(code: int) -> str:
    """``exited with 1`` or ``ended by SIGKILL``."""
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def wait_gone(processes: Sequence[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Wait until all are gone, reaping our children; those that are still there after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    alive = list(processes)
    while alive := [process for process in alive if lives(process)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(0.01)
    return alive


def lives(process: psutil.Process) -> bool:
    """Whether that very process has not ended; a zombie has, unless some of its threads still run.

    A killed process is a zombie at once, but until its last thread has ended it holds its ports and
    its parent cannot learn how it ended.
    """
    child = next((child for child, _ in reversed(_children) if child.pid == process.pid), None)
    if child is not None and child.poll() is None:
        return True
    try:
        ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return process.is_running() and not ended
    except psutil.NoSuchProcess:
        return False


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal; a process that is gone already is no error.

    Raises:
        SiteError: it is not allowed.
    """
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
    except (psutil.Error, OSError) as error:
        raise SiteError(f"pid {process.pid}: {number.name} could not be sent: {error}") from None
