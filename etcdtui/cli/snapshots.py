"""``snapshot save`` and ``snapshot verify``: a copy of the database on this machine, checked."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from etcdtui.cli.headless import opened, settled
from etcdtui.model.text import si_bytes
from etcdtui.ops import saving
from etcdtui.ops.snapshot_tool import facts
from etcdtui.ops.snapshots import directory_for


def save(args: argparse.Namespace) -> int:
    """Stream a snapshot from a healthy follower, check it, keep it, and let old ones go."""
    with opened(args) as (session, timeout):
        snapshot = settled(session, timeout)
        row = saving.source(snapshot)
        directory = args.directory or directory_for(session.profile)
        path = saving.path_for(snapshot, row, directory)
        told = _told(saving.status_of(row).db_size)
        found, origin = saving.save(session.reader(row.endpoint), path, row, session.profile, told)
        print(saving.sentence(path, found, origin))
        if gone := saving.pruned(path, origin, args.keep, args.days):
            print(gone)
    return 0


def verify(args: argparse.Namespace) -> int:
    """Read all of a snapshot file and say what it is."""
    path = Path(args.file).expanduser()
    print(f"{path}: {facts(path).sentence()}")
    return 0


def _told(expected: int) -> Callable[[int], None]:
    last = 0.0

    def told(size: int) -> None:
        nonlocal last
        if sys.stderr.isatty() and time.monotonic() - last > 0.5:
            last = time.monotonic()
            print(f"\r{si_bytes(size)} of about {si_bytes(expected)} ", end="", file=sys.stderr, flush=True)

    return told
