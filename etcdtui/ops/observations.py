"""Which revision a cluster had at which time, as this console saw it: etcd itself stores no times.

A compaction that keeps the last hours needs the revision of some hours ago. A session notes the
revision of its cluster once a minute while it changes; the notes of two weeks are kept.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from etcdtui import paths
from etcdtui.model.cluster import ClusterSnapshot

EVERY = 60.0
"""Seconds between two notes."""
KEPT = 14 * 86400.0
"""Seconds for which a note is of use."""
_TRIM_AT = 2_000_000
"""Bytes at which the old notes are dropped."""

Note = tuple[float, int]
"""Unix seconds, revision."""


def directory() -> Path:
    """Where the notes are, one file a cluster ID; not created."""
    return paths.state_dir() / "revisions"


def file_of(cluster_id: int) -> Path:
    """The notes of one cluster; lines of time and revision."""
    return directory() / f"{cluster_id:x}"


class Observer:
    """Writes down the revisions of the snapshots it is shown; a full disk loses notes, nothing else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[int, Note] = {}

    def see(self, snapshot: ClusterSnapshot) -> None:
        """Note the revision if it is due; costs nothing in between."""
        cluster, revision = snapshot.cluster_id, latest_revision(snapshot)
        if cluster is None or not revision or not snapshot.wall_time:
            return
        with self._lock:
            then, before = self._last.get(cluster, (0.0, 0))
            if snapshot.wall_time - then < EVERY or revision == before:
                return
            self._last[cluster] = (snapshot.wall_time, revision)
        with contextlib.suppress(OSError):
            _append(file_of(cluster), (snapshot.wall_time, revision))


def latest_revision(snapshot: ClusterSnapshot) -> int:
    """The highest revision that a member of the cluster answers with; 0 when none does."""
    return max((status.revision for status in snapshot.answers), default=0)


def notes(cluster_id: int) -> tuple[Note, ...]:
    """What was noted of a cluster, oldest first; empty when nothing was."""
    try:
        text = file_of(cluster_id).read_text("ascii", errors="replace")
    except OSError:
        return ()
    return tuple(sorted(_parse(text.splitlines())))


def revision_at(seen: Iterable[Note], time: float) -> Note | None:
    """The last note that is not younger than `time` (Unix seconds); None when all are."""
    return max((note for note in seen if note[0] <= time), default=None)


def _parse(lines: Iterable[str]) -> list[Note]:
    found = []
    for line in lines:
        # A line that a crash has cut short is none.
        with contextlib.suppress(ValueError):
            time, revision = line.split()
            found.append((float(time), int(revision)))
    return found


def _append(path: Path, note: Note) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as stream:
        stream.write(f"{note[0]:.0f} {note[1]}\n")
    if path.stat().st_size > _TRIM_AT:
        kept = _parse(path.read_text("ascii", errors="replace").splitlines())
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text("".join(f"{t:.0f} {r}\n" for t, r in kept if t >= note[0] - KEPT), "ascii")
        fresh.replace(path)
