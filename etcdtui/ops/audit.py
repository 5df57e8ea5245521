"""The audit log: one JSON line before and after every step, fsynced, never a secret."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from etcdtui.errors import AuditError
from etcdtui.model.cluster import ClusterSnapshot

LOCK_TIMEOUT = 3.0
"""Seconds to wait for another writer of the same file."""


class Phase(StrEnum):
    """What a line is about."""

    PLAN = "plan"
    LOCK = "lock"
    """Whether the change lock protects the plan from a second console, or why not."""
    OVERRIDE = "override"
    BEGIN = "begin"
    """A step is about to be carried out. Without a later `END` the console ended in the middle of it."""
    END = "end"
    REFUSED = "refused"
    CANCELLED = "cancelled"


def who() -> dict[str, str | None]:
    """The person at the terminal: login user at this host, what sudo and ssh say of where they came from.

    Without a passwd entry (a container with an arbitrary user ID) the numeric ID stands for the name.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    try:
        tty: str | None = os.ttyname(sys.__stdin__.fileno()) if sys.__stdin__ is not None else None
    except (OSError, ValueError):
        tty = None
    return {
        "user": f"{user}@{socket.gethostname()}",
        "sudo_user": os.environ.get("SUDO_USER"),
        "tty": tty,
        "client": (os.environ.get("SSH_CONNECTION") or "").split(" ")[0] or None,
    }


def members_of(snapshot: ClusterSnapshot | None) -> list[dict[str, Any]] | None:
    """The members as a record tells them: hex ID, name, role and state; None when they are not known."""
    if snapshot is None or not snapshot.members_known:
        return None
    rows = {row.member.id: row for row in snapshot.rows if row.member is not None}
    return [
        {
            "id": member.hex_id,
            "name": member.name,
            "learner": member.is_learner,
            "state": str(rows[member.id].state) if member.id in rows else None,
        }
        for member in snapshot.members
    ]


@dataclass(frozen=True, slots=True)
class Record:
    """One line; its fields are all that is ever written."""

    phase: Phase
    profile: str
    site: str
    """Kind of the site."""
    cluster: str
    cluster_id: int | None
    plan: str
    action: str
    total: int
    step: int = 0
    """1-based; 0 for the plan as a whole."""
    call: str = ""
    outcome: str | None = None
    """A value of `etcdtui.ops.plan.Outcome`, at an end."""
    result: str = ""
    """What happened, or why not, in words."""
    duration: float | None = None
    """Seconds from the step's beginning to the end of its verification."""
    origin: str = ""
    """ID of the plan that this one finishes or undoes."""
    members_before: list[dict[str, Any]] | None = None
    members_after: list[dict[str, Any]] | None = None
    who: Mapping[str, str | None] = field(default_factory=who)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values, with the time of writing (RFC 3339, UTC)."""
        return {
            "time": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds"),
            "who": dict(self.who),
            "profile": self.profile,
            "site": self.site,
            "cluster": self.cluster,
            "cluster_id": None if self.cluster_id is None else f"{self.cluster_id:x}",
            "plan": self.plan,
            "origin": self.origin or None,
            "action": self.action,
            "step": self.step,
            "total": self.total,
            "phase": str(self.phase),
            "call": without_secrets(self.call),
            "outcome": self.outcome,
            "result": without_secrets(self.result),
            "duration": None if self.duration is None else round(self.duration, 3),
            "members_before": self.members_before,
            "members_after": self.members_after,
        }


_SECRETS = (
    (re.compile(r"(\w+://)[^/@\s]+@"), r"\1***@"),
    (re.compile(r"(?i)((?:password|passwd|token|secret)[=: ]\s*|--user[= ][^:\s]+:)\S+"), r"\1***"),
)


def without_secrets(text: str) -> str:
    """A second fence: calls and errors carry no secrets, but a URL or a foreign message might."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class AuditLog:
    """An append-only file of JSON lines, safe against several writers.

    The file is created with mode 0600, its directory, where missing, with 0700.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, record: Mapping[str, Any] | Record) -> None:
        """Append one record and force it to disk before returning. Raises AuditError."""
        values = record.to_json() if isinstance(record, Record) else dict(record)
        line = json.dumps(values, separators=(",", ":")).encode() + b"\n"
        try:
            created = not self.path.exists()
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            handle = os.open(self.path, flags, 0o600)
            try:
                self._append(handle, line)
            finally:
                os.close(handle)
            if created:
                sync_directory(self.path.parent)
        except OSError as error:
            raise self._error("cannot be written", error) from error

    def _append(self, handle: int, line: bytes) -> None:
        _lock(handle)
        size = os.fstat(handle).st_size
        # A writer that died in the middle of a line must not spoil ours.
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(handle, line) != len(line):
            os.ftruncate(handle, size)
            raise OSError("no space left for the whole line")
        os.fsync(handle)

    def read(self) -> Iterator[dict[str, Any]]:
        """The records, oldest first; torn lines are skipped. Raises AuditError."""
        try:
            if not self.path.exists():
                return
            with self.path.open("rb") as lines:
                for line in lines:
                    try:
                        value = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(value, dict):
                        yield value
        except OSError as error:
            raise self._error("cannot be read", error) from error

    def _error(self, what: str, error: OSError) -> AuditError:
        return AuditError(
            f"the audit log {self.path} {what}: {error.strerror or error}", "nothing is done without it"
        )


def _lock(handle: int) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise OSError("another process keeps it locked") from error
            time.sleep(0.01)
        else:
            return


def sync_directory(directory: Path) -> None:
    """Force a directory's entries to disk, so that a new name in it survives a loss of power."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
