"""Snapshot files on the console's machine: written whole or not at all, checked, listed, kept for a while.

A snapshot is the backend's file followed by the sha256 of all of it (``server/etcdserver/api/v3rpc/
maintenance.go``, Snapshot). Beside each file that etcdtui writes lies ``<file>.json``, which says where
it comes from; only files with it are ever deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etcdtui import paths
from etcdtui.errors import EtcdtuiError
from etcdtui.model.text import clean, si_bytes

TRAILER = hashlib.sha256().digest_size
_SECTOR = 512
_MAGIC = bytes.fromhex("edda0ced")
"""bbolt's 0xED0CDAED, little-endian, at `_MAGIC_AT` of its first page (``bbolt/db.go``, magic)."""
_MAGIC_AT = 16
_READ = 1 << 20
_ROOM = 4 << 20
"""Bytes that must stay free beside the snapshot."""
_BY = "etcdtui"


class SnapshotError(EtcdtuiError):
    """A snapshot file cannot be written or read, or is damaged; the message names it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a snapshot file."""

    size: int
    """Bytes of the file, its trailer included."""
    sha256: str
    """The trailer in hex, found to be right; empty for a copy of a data file, which has none."""
    hash: int | None = None
    """As ``snapshot status`` gives it; None where no tool was there to say it. The next ones too."""
    revision: int | None = None
    entries: int | None = None
    """All entries of the backend: every kept version of every key, and etcd's own."""
    tool: str = ""
    """What said so, such as ``etcdutl 3.5.1``."""

    def sentence(self) -> str:
        """What is known, in one line."""
        parts = [si_bytes(self.size), "sha256 right" if self.sha256 else "without a checksum"]
        if self.revision is None:
            return ", ".join([*parts, "revision not read: no etcdutl or etcdctl found"])
        return ", ".join(
            [*parts, f"hash {self.hash:x}", f"revision {self.revision}", f"{self.entries} entries"]
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """What lies beside a file that etcdtui wrote."""

    cluster: str
    cluster_id: str
    """In hex."""
    member: str
    version: str
    time: float
    """Unix seconds."""
    size: int
    sha256: str
    hash: int | None = None
    revision: int | None = None
    entries: int | None = None
    keys: int | None = None
    """Keys that lived at that revision, counted by the cluster itself; None where it could not be asked."""
    by: str = _BY


@dataclass(frozen=True, slots=True)
class Saved:
    """One file of ours."""

    path: Path
    origin: Origin


def directory_for(cluster: str) -> Path:
    """Where the snapshots of a cluster go unless told otherwise; not created."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", cluster).lstrip(".")
    return paths.data_dir() / "snapshots" / (name or "cluster")


def write(path: Path, chunks: Iterable[bytes], expected: int, told: Callable[[int], None]) -> str:
    """Write a snapshot as it streams in: all of it with the right checksum, or nothing.

    Args:
        expected: about how many bytes will come.
        told: called with the bytes written so far.

    Returns:
        The sha256 in hex.

    Raises:
        SnapshotError: the directory or disk does not take it, or the stream is damaged.
        EtcdError: the stream broke.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(path.parent).free
        if free < expected + _ROOM:
            what = f"{si_bytes(free)} are free and the snapshot needs {si_bytes(expected)}"
            raise SnapshotError(
                f"{path.parent}: {what}: nothing was written", "make room, or name another directory"
            )
        try:
            digest = _stream(part, chunks, told)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise SnapshotError(f"{error.filename or path}: {error.strerror}: no snapshot was kept") from None
    return digest


def sealed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A database followed by its sha256, which makes a snapshot of it."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    yield digest.digest()


def _stream(part: Path, chunks: Iterable[bytes], told: Callable[[int], None]) -> str:
    digest, tail, size = hashlib.sha256(), b"", 0
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        for chunk in chunks:
            stream.write(chunk)
            size += len(chunk)
            tail += chunk
            digest.update(tail[:-TRAILER])
            tail = tail[-TRAILER:]
            told(size)
        stream.flush()
        os.fsync(stream.fileno())
    if len(tail) < TRAILER or digest.digest() != tail:
        raise SnapshotError(
            f"{part.name}: the checksum of the {si_bytes(size)} received is wrong", "save it again"
        )
    return tail.hex()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check(path: Path) -> tuple[int, str]:
    """Read all of a snapshot file; its size and its sha256 in hex.

    Raises:
        SnapshotError: it is no snapshot, it is cut short or it is damaged.
    """
    digest, tail = hashlib.sha256(), b""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_MAGIC_AT + len(_MAGIC))
            stream.seek(0)
            while block := stream.read(_READ):
                tail += block
                digest.update(tail[:-TRAILER])
                tail = tail[-TRAILER:]
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}") from None
    if head[_MAGIC_AT:] != _MAGIC:
        raise SnapshotError(f"{path}: is no snapshot of etcd", "name a file that etcd wrote")
    if size % _SECTOR == 0:
        raise SnapshotError(f"{path}: has no checksum at its end: a copy of a data file, or cut short")
    if size % _SECTOR != TRAILER or digest.digest() != tail:
        raise SnapshotError(f"{path}: damaged: its checksum is wrong", "use another snapshot")
    return size, tail.hex()


# -- where a file comes from ----------------------------------------------------------------


def note_of(path: Path) -> Path:
    """The file that says where a snapshot comes from."""
    return path.with_name(f"{path.name}.json")


def write_origin(path: Path, origin: Origin) -> None:
    """Say where a snapshot comes from. Raises SnapshotError."""
    note = note_of(path)
    part = note.with_name(f".{note.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump(asdict(origin), stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(note)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise SnapshotError(f"{note}: {error.strerror}") from None


def origin_of(path: Path) -> Origin | None:
    """Where a snapshot comes from; None for a file that etcdtui did not write."""
    try:
        data: Any = json.loads(note_of(path).read_bytes())
        origin = Origin(**data)
        return origin if origin.by == _BY and isinstance(origin.time, int | float) else None
    except (OSError, ValueError, TypeError):
        return None


def own(directory: Path) -> tuple[Saved, ...]:
    """The snapshots in a directory that etcdtui wrote, oldest first. Raises SnapshotError."""
    try:
        files = sorted(directory.glob("*.db"))
    except OSError as error:
        raise SnapshotError(f"{directory}: {error.strerror}") from None
    found = [Saved(path, origin) for path in files if (origin := origin_of(path)) is not None]
    return tuple(sorted(found, key=lambda saved: (saved.origin.time, saved.path.name)))


# -- retention ------------------------------------------------------------------------------


def outlived(saved: tuple[Saved, ...], keep: int, days: float, now: float) -> tuple[Saved, ...]:
    """Which of one cluster's snapshots are to go, oldest first; never the newest.

    One goes when it is beyond the last `keep` and, where `days` is given, older than that too.

    Args:
        keep: how many stay in any case; 0 for no limit by number.
        days: age in days beyond which one goes; 0 for no limit by age.
        now: Unix seconds.
    """
    if not keep and not days:
        return ()
    beyond = saved[: len(saved) - max(keep, 1)] if len(saved) > max(keep, 1) else ()
    return tuple(s for s in beyond if not days or now - s.origin.time > days * 86400)


def prune(directory: Path, cluster_id: str, keep: int, days: float, now: float) -> tuple[str, ...]:
    """Delete what has outlived its time of one cluster; the names of the files deleted.

    Raises:
        SnapshotError: a file cannot be deleted; the message names it.
    """
    ours = tuple(s for s in own(directory) if s.origin.cluster_id == cluster_id)
    gone = []
    for saved in outlived(ours, keep, days, now):
        try:
            # The note goes last: a file without one would be nobody's.
            saved.path.unlink(missing_ok=True)
            note_of(saved.path).unlink(missing_ok=True)
        except OSError as error:
            raise SnapshotError(f"{saved.path}: cannot be deleted: {error.strerror}") from None
        gone.append(clean(saved.path.name))
    return tuple(gone)
