"""One node of a local cluster: its files, its process and what both say of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM

import psutil

from etcdtui.errors import NodeError, SiteError
from etcdtui.model.cluster import Node, RunState
from etcdtui.model.text import clean
from etcdtui.sites.local import logs, ports, process
from etcdtui.sites.local.files import JsonFile, locked, write_json
from etcdtui.sites.local.process import Run
from etcdtui.sites.local.spec import NodeSpec

# A new member preallocates two WAL segments of 64 MB each (server/storage/wal/wal.go, SegmentSizeBytes).
_ROOM_NEW = 128 * 1000 * 1000
_ROOM_OLD = 1000 * 1000


class LocalNode:
    """A node in a cluster directory.

    Safe to use from several threads: what changes is replaced as a whole. Starting and signalling
    are done under the directory's lock, which the caller holds.
    """

    def __init__(self, directory: Path, spec: NodeSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.data_dir = directory / spec.data_dir
        self.log = directory / spec.log_file
        self._directory = directory
        self.run_file = directory / f"{spec.name}.run.json"
        self._run_file = JsonFile(self.run_file)
        self._last: Run | None = None
        self._found: tuple[Run | None, psutil.Process | None] = (None, None)
        self._end: tuple[tuple[Run, int | None] | None, RunState, str] = (None, RunState.UNKNOWN, "")

    # -- how it is -------------------------------------------------------------------------

    def run(self) -> Run | None:
        """The last run there was, None when it never ran.

        Raises:
            SiteError: the run file is damaged.
        """
        raw = self._run_file.read()
        # Without a file the last one read counts: who deletes the directory does not end the processes.
        if raw is not None:
            self._last = Run.from_json(raw, self._run_file.path)
        return self._last

    def process(self) -> psutil.Process | None:
        """Its etcd if it runs, also while it is frozen.

        Raises:
            SiteError: the run file is damaged or the system refuses to tell.
        """
        run = self.run()
        return self._process_of(run) if run is not None else None

    def known_process(self) -> psutil.Process | None:
        """Its etcd as far as this object knows it, without a look at the files; for the way out."""
        try:
            return self.process()
        except SiteError:
            return self._found[1]

    def _process_of(self, run: Run) -> psutil.Process | None:
        if run.exit_code is not None or process.exit_code(run) is not None:
            return None
        seen, known = self._found
        if seen is not None and (seen.pid, seen.created) == (run.pid, run.created) and known is not None:
            return known if process.lives(known) else None
        found = process.find(run, self.data_dir)
        self._found = (run, found)
        return found

    def observe(self, version: str) -> Node:
        """The node as it is now; `version` is that of the etcd a start would use.

        Raises:
            SiteError: it cannot be told.
        """
        run = self.run()
        found = self._process_of(run) if run is not None else None
        pid: int | None = None
        if run is None:
            state, detail = RunState.STOPPED, "never started"
        elif found is not None:
            pid, version = found.pid, run.version
            state, detail = _alive(found)
        else:
            state, detail = self._ended(run)
        return Node(
            name=self.name,
            run_state=state,
            detail=detail,
            pid=pid,
            member_name=self.name,
            peer_urls=(self.spec.peer_url,),
            client_urls=(self.spec.client_url,),
            data_dir=str(self.data_dir),
            etcd_version=version,
        )

    def _ended(self, run: Run) -> tuple[RunState, str]:
        code = process.exit_code(run)
        if code is not None and run.exit_code is None:
            self._record_exit(run, code)
        seen, state, detail = self._end
        if seen != (run, code):
            # The log is read once, not at every look.
            state, detail = self._explain(run, code)
            self._end = ((run, code), state, detail)
        return state, detail

    def _explain(self, run: Run, code: int | None) -> tuple[RunState, str]:
        if run.ended_by:
            return RunState.STOPPED, "stopped" if run.ended_by == "stopped" else "killed with SIGKILL"
        if run.created < psutil.boot_time() - 1:
            return RunState.STOPPED, "not started since this machine was"
        if code is None:
            why = logs.why_ended(self.log, run.log_offset, fatal_only=True)
            return RunState.FAILED, f"ended by itself: {why or 'its log does not say why'}"
        words = process.code_in_words(code)
        if process.ended_cleanly(code):
            return RunState.STOPPED, words
        why = logs.why_ended(self.log, run.log_offset) if code > 0 else ""
        return RunState.FAILED, f"{words}: {why}" if why else words

    def _record_exit(self, run: Run, code: int) -> None:
        """Let the others know what only the parent learns."""
        # When somebody holds the lock or the disk is full, the next look tries again.
        with contextlib.suppress(SiteError), locked(self._directory, 0):
            if self.run() == run:
                self._write(replace(run, exit_code=code))

    # -- what is done to it: the caller holds the directory's lock ---------------------------

    def start(self, argv: Sequence[str], version: str) -> subprocess.Popen[bytes] | None:
        """Start etcd; its process, or None when one that nobody had written down was found and adopted.

        Raises:
            NodeError: a port is taken, or the files or the binary are not usable.
        """
        # A console that was killed while it started etcd wrote nothing down, and etcd may not listen yet.
        if (unwritten := process.serving(self.data_dir)) is not None:
            self._write(Run(unwritten.pid, unwritten.create_time(), version, 0))
            return None
        for url in (self.spec.client_url, self.spec.peer_url):
            if ports.taken(port := ports.port_of(url)):
                raise NodeError(
                    f"{self.name}: port {port} of 127.0.0.1 is taken by {clean(str(ports.holder(port)), 80)}",
                    f"end that process, or move {self._directory} aside for a new cluster on other ports",
                )
        self._check_files(argv[0])
        try:
            logs.rotate(self.log)
            offset = self.log.stat().st_size if self.log.exists() else 0
            child, created = process.spawn(argv, self.log, self.data_dir)
        except OSError as error:
            raise NodeError(f"{self.name}: {error.filename or argv[0]}: {error.strerror}") from None
        self._write(Run(child.pid, created, version, offset))
        return child

    def ending(self) -> bool:
        """Whether its process was told to end and has not done so yet."""
        run = self.run()
        return run is not None and bool(run.ended_by) and self.process() is not None

    def signal(self, found: psutil.Process, ended_by: str) -> None:
        """Ask etcd to end (``stopped``: SIGTERM) or end it (``killed``: SIGKILL), and write that down."""
        # A full disk or a damaged file must not keep anybody from stopping a node.
        with contextlib.suppress(SiteError):
            run = self.run()
            if run is not None and run.ended_by != ended_by:
                self._write(replace(run, ended_by=ended_by))
        if ended_by == "killed":
            process.send(found, SIGKILL)
        else:
            process.send(found, SIGTERM)
            # A frozen process acts on SIGTERM only once it goes on; systemd does the same.
            process.send(found, SIGCONT)

    def _check_files(self, binary: str) -> None:
        if not os.access(binary, os.X_OK):
            raise NodeError(f"{self.name}: etcd is gone: {binary}", "install it again, or open the demo anew")
        try:
            new = not self.data_dir.exists()
            if not new and not self.data_dir.is_dir():
                raise NodeError(
                    f"{self.name}: {self.data_dir}: the data directory is a file", "move it aside"
                )
            # etcd wants its data directory to be 0700 and warns otherwise.
            self.data_dir.mkdir(mode=0o700, exist_ok=True)
            free = shutil.disk_usage(self.data_dir).free
        except OSError as error:
            raise NodeError(f"{self.name}: {error.filename}: {error.strerror}") from None
        if not os.access(self.data_dir, os.R_OK | os.W_OK | os.X_OK):
            raise NodeError(f"{self.name}: {self.data_dir}: the data directory is not writable")
        room = _ROOM_NEW if new else _ROOM_OLD
        if free < room:
            raise NodeError(
                f"{self.name}: {self._directory}: the disk is full: "
                f"{free // 1_000_000} MB are free and etcd needs {room // 1_000_000} MB",
                "make room",
            )

    def _write(self, run: Run) -> None:
        write_json(self._run_file.path, run.as_json())


def _alive(found: psutil.Process) -> tuple[RunState, str]:
    try:
        frozen = found.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.NoSuchProcess:
        # It went between two looks; the next one tells how.
        return RunState.UNKNOWN, "just gone"
    if frozen:
        return (
            RunState.FROZEN,
            f"pid {found.pid} is stopped by a signal; kill -CONT {found.pid} lets it go on",
        )
    return RunState.RUNNING, f"pid {found.pid}"
