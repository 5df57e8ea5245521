"""``snapshot save`` and ``snapshot verify``: a copy of the database on this machine, checked."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from etcdtui.cli.headless import opened, settled
from etcdtui.errors import SiteError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, State
from etcdtui.model.quorum import is_healthy_voter
from etcdtui.model.text import clean, si_bytes
from etcdtui.ops import snapshots
from etcdtui.ops.snapshot_tool import facts

DEADLINE = 3600.0
"""Seconds a snapshot may take to arrive."""


def save(args: argparse.Namespace) -> int:
    """Stream a snapshot from a healthy follower, check it, keep it, and let old ones go."""
    with opened(args) as (session, timeout):
        snapshot = settled(session, timeout)
        row = _source(snapshot)
        status = row.reading.status
        if status is None:
            raise SiteError(f"{clean(row.name)} has not answered")
        directory = Path(args.directory).expanduser() if args.directory else None
        directory = directory or snapshots.directory_for(session.profile)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = directory / f"{status.cluster_id:x}-{stamp}-r{status.revision}.db"
        chunks = session.reader(row.endpoint).snapshot(DEADLINE)
        digest = snapshots.write(path, chunks, status.db_size, _told(status.db_size))
        found = facts(path)
        origin = snapshots.Origin(
            cluster=session.profile,
            cluster_id=f"{status.cluster_id:x}",
            member=row.name,
            version=status.version,
            time=time.time(),
            size=found.size,
            sha256=digest,
            hash=found.hash,
            revision=found.revision,
            entries=found.entries,
        )
        snapshots.write_origin(path, origin)
        print(f"{path}: {found.sentence()}; from {clean(row.name)} (etcd {clean(status.version)})")
        gone = snapshots.prune(directory, origin.cluster_id, args.keep, args.days, time.time())
        if gone:
            print(f"deleted, beyond the last {args.keep}: {', '.join(gone)}")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Read all of a snapshot file and say what it is."""
    path = Path(args.file).expanduser()
    print(f"{path}: {facts(path).sentence()}")
    return 0


def _source(snapshot: ClusterSnapshot) -> EndpointRow:
    """A healthy follower, else the leader, else any voter that answers. Raises SiteError."""
    answering = [row for row in snapshot.voters if row.reading.answered]
    if not answering:
        raise SiteError(f"{clean(snapshot.name)}: no voter answers, so there is nothing to save from")
    return min(answering, key=lambda r: (not is_healthy_voter(snapshot, r), r.state is State.LEADER, r.name))


def _told(expected: int) -> Callable[[int], None]:
    last = 0.0

    def told(size: int) -> None:
        nonlocal last
        if sys.stderr.isatty() and time.monotonic() - last > 0.5:
            last = time.monotonic()
            print(f"\r{si_bytes(size)} of about {si_bytes(expected)} ", end="", file=sys.stderr, flush=True)

    return told
