"""The plans that run or were left unfinished: one file each, rewritten and fsynced around every step.

A console that is killed leaves the file of its plan behind; the next one reads in it what was done.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from etcdtui.errors import StoreError
from etcdtui.files import replace_file
from etcdtui.model.text import clean
from etcdtui.ops import owner
from etcdtui.ops.audit import sync_directory, who, without_secrets
from etcdtui.ops.owner import Owner
from etcdtui.ops.plan import Outcome, Plan, Step
from etcdtui.ops.planfile import damaged, read_plan, read_steps

FORMAT = 1
KEPT = 50
"""How many ended plans stay in ``finished``."""
_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,80}")


class Mark(StrEnum):
    """How far a step has come."""

    PENDING = "pending"
    BEGUN = "begun"
    """It was about to be carried out: whether it was has to be looked up in the cluster."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepState:
    """One step's line in the file."""

    mark: Mark = Mark.PENDING
    result: str = ""
    time: str = ""
    """When the mark was set, RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored plan and how far it has come."""

    plan: Plan
    states: tuple[StepState, ...]
    profile: str
    site: str
    owner: Owner
    who: Mapping[str, str | None]
    saved: str
    """When it began, RFC 3339 in UTC."""
    before: tuple[Step, ...] = ()
    """What the plans that this one finishes had done, oldest first: it can be undone with the rest."""
    outcome: Outcome | None = None
    """How it ended; None while it runs, and for ever when the console was killed."""
    message: str = ""

    @property
    def id(self) -> str:
        """The plan's ID."""
        return self.plan.id

    @property
    def running(self) -> bool:
        """Whether its console still carries it out."""
        return self.outcome is None and self.owner.alive

    def to_json(self) -> dict[str, Any]:
        """The file's content."""
        return {
            "format": FORMAT,
            "plan": self.plan.to_json(),
            "states": [asdict(state) for state in self.states],
            "profile": self.profile,
            "site": self.site,
            "cluster_id": None if self.plan.cluster_id is None else f"{self.plan.cluster_id:x}",
            "owner": self.owner.to_json(),
            "who": dict(self.who),
            "saved": self.saved,
            "before": [asdict(step) for step in self.before],
            "outcome": None if self.outcome is None else str(self.outcome),
            "message": self.message,
        }


def _entry(data: Mapping[str, Any]) -> Entry:
    plan = read_plan(data["plan"])
    states = tuple(StepState(Mark(s["mark"]), str(s["result"]), str(s["time"])) for s in data["states"])
    if len(states) != len(plan.steps):
        raise ValueError("as many states as steps are expected")
    return Entry(
        plan=plan,
        states=states,
        profile=str(data["profile"]),
        site=str(data["site"]),
        owner=Owner.from_json(data["owner"]),
        who={str(k): None if v is None else str(v) for k, v in data["who"].items()},
        saved=str(data["saved"]),
        before=read_steps(data["before"]),
        outcome=None if data["outcome"] is None else Outcome(data["outcome"]),
        message=str(data["message"]),
    )


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")


@dataclass(slots=True)
class Keeper:
    """The file of one plan that runs; every call is on disk when it returns. Raises StoreError."""

    store: PlanStore
    entry: Entry

    def mark(self, index: int, mark: Mark, result: str = "") -> None:
        """Set a step's state."""
        states = list(self.entry.states)
        states[index] = StepState(mark, without_secrets(clean(result)), _now())
        self._write(replace(self.entry, states=tuple(states)))

    def end(self, outcome: Outcome, message: str) -> None:
        """The plan's end: an orderly one moves the file away, any other leaves it for the next launch."""
        self._write(replace(self.entry, outcome=outcome, message=without_secrets(clean(message))))
        if outcome is Outcome.DONE or all(s.mark is Mark.PENDING for s in self.entry.states):
            self.store.retire(self.entry.id)

    def _write(self, entry: Entry) -> None:
        self.store.write(entry)
        self.entry = entry


@dataclass(frozen=True, slots=True)
class PlanStore:
    """A directory with a file a plan (mode 0600 in 0700), and ``finished`` with the last ones that ended."""

    directory: Path
    problems: list[str] = field(default_factory=list, compare=False)
    """What the last `entries` could not read, a line each."""

    def begin(self, plan: Plan, profile: str, site: str, before: tuple[Step, ...] = ()) -> Keeper:
        """Save a plan that is about to run. Raises StoreError: nothing may be done then."""
        states = (StepState(),) * len(plan.steps)
        entry = Entry(plan, states, profile, site, owner.current(), who(), _now(), before)
        self.write(entry)
        if plan.origin:
            # From here on this plan stands for the one that it finishes or undoes.
            self.retire(plan.origin)
        return Keeper(self, entry)

    def entries(self) -> tuple[Entry, ...]:
        """The plans that run or were left, oldest first; `problems` tells of files that cannot be read."""
        self.problems.clear()
        found = []
        for path in sorted(self.directory.glob("*.json")) if self.directory.is_dir() else ():
            try:
                found.append(self._read(path))
            except StoreError as error:
                # Its console may have put it away meanwhile.
                if path.exists():
                    self.problems.append(str(error))
        return tuple(sorted(found, key=lambda entry: entry.saved))

    def get(self, plan_id: str) -> Entry | None:
        """A plan that runs or was left; None when there is none. Raises StoreError."""
        path = self._path(plan_id)
        return self._read(path) if path.exists() else None

    def retire(self, plan_id: str) -> None:
        """Move a plan's file to ``finished``; nothing when there is none. Raises StoreError."""
        path, finished = self._path(plan_id), self.directory / "finished"
        try:
            finished.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.replace(finished / path.name)
            sync_directory(self.directory)
            for old in sorted(finished.glob("*.json"), key=_written)[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise _error(path, "cannot be moved aside", error) from error

    def write(self, entry: Entry) -> None:
        """Replace a plan's file in one step and force it to disk. Raises StoreError."""
        path = self._path(entry.id)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, json.dumps(entry.to_json()))
            sync_directory(self.directory)
        except OSError as error:
            raise _error(path, "cannot be written", error) from error

    def _path(self, plan_id: str) -> Path:
        if not _NAME.fullmatch(plan_id):
            raise StoreError(f"{clean(plan_id, 40)!r} is no ID of a plan")
        return self.directory / f"{plan_id}.json"

    def _read(self, path: Path) -> Entry:
        try:
            data = json.loads(path.read_bytes())
            if isinstance(data, dict) and isinstance(data.get("format"), int) and data["format"] > FORMAT:
                raise StoreError(f"{path}: written by a newer etcdtui (format {data['format']})")
            return _entry(data)
        except OSError as error:
            raise _error(path, "cannot be read", error) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path}: {damaged(error)}", "move the file aside") from None


def _written(path: Path) -> float:
    """When a file was written last; one that another console has just let go is the oldest."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _error(path: Path, what: str, error: OSError) -> StoreError:
    return StoreError(f"the stored plan {path} {what}: {error.strerror or error}")
