"""``python -m tests.chaos``: every operation, every point, with a seed; prints the table."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random

from tests.chaos.choosing import at_a_time, trials
from tests.chaos.stage import staged
from tests.chaos.trial import Fault, Outcome, Point, Staging

KEPT = "write every outcome there too, a line each as it comes; with --jobs what is there is not tried again"


def main() -> int:
    """Run the trials that the arguments choose; 1 when one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the delays and choices")
    parser.add_argument("--share", type=float, default=1.0, help="share of the points to try, 0 to 1")
    parser.add_argument("--only", default="", help="operations whose name contains this")
    parser.add_argument("--site", choices=("local", "hosts", "kube"), default="local", help="in its lab")
    parser.add_argument("--sizes", default="3,5", help="sizes of the cluster; in a lab 3")
    parser.add_argument("--versions", default="3.4,3.5", help="versions of etcd")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time, on local nodes only")
    parser.add_argument("--minutes", type=float, default=600.0, help="with --jobs: begin none after these")
    parser.add_argument("--json", metavar="FILE", help=KEPT)
    args = parser.parse_args()
    with staging_of(args) as staging:
        return carry_out(args, staging)


@contextlib.contextmanager
def staging_of(args: argparse.Namespace) -> Iterator[Staging]:
    """What makes the clusters; the lab is up meanwhile."""
    if args.site == "local":
        yield staged
        return
    if args.site == "kube":
        from tests.chaos.kube import KubeStaging
        from tests.support.kube import lab_up

        with lab_up() as kube:
            yield KubeStaging(kube)
        return
    from tests.chaos.hosts import HostStaging
    from tests.labs.hosts.lab import ready

    with ready() as lab:
        yield HostStaging(lab, Random(args.seed))


def carry_out(args: argparse.Namespace, staging: Staging) -> int:
    """Run them all, a line each; 1 when one of them found something."""
    began, keep = time.monotonic(), Path(args.json or os.devnull)
    several = args.jobs > 1 and args.site == "local"
    found = _kept(keep) if several else []
    if not several:
        keep.write_text("")
    for outcome in at_a_time(args, tuple(found)) if several else trials(args, staging):
        found.append(outcome)
        with keep.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
        sign = "ok  " if outcome.ok else "FAIL"
        told = outcome.problem or outcome.settled
        if not outcome.ok and outcome.history:
            told += f" [{'; '.join(outcome.history)}]"
        print(
            f"{sign} {outcome.operation}, {outcome.size} x {outcome.version}, {outcome.point}: {told}",
            flush=True,
        )
    print(table(found))
    print(f"seed {args.seed}, {len(found)} trials in {(time.monotonic() - began) / 60:.1f} min")
    return 0 if all(o.ok for o in found) else 1


def _kept(file: Path) -> list[Outcome]:
    """What an earlier run wrote."""
    if not file.is_file():
        return []
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        Outcome(**{**o, "point": Point(**{**o["point"], "fault": Fault(o["point"]["fault"])})}) for o in kept
    ]


def table(found: list[Outcome]) -> str:
    """One line an operation: points, how they were settled, and the three figures that must be 0."""
    head = ("operation", "trials", "kill points", "hit", "done", "finished", "undone", "writes", "lost",
            "stray", "s without quorum", "failed")  # fmt: skip
    rows: list[tuple[object, ...]] = [head]
    for name in dict.fromkeys(o.operation for o in found):
        mine = [o for o in found if o.operation == name]
        rows.append(
            (
                name, len(mine), sum(o.point.fault is not Fault.NONE for o in mine), sum(o.hit for o in mine),
                sum(o.settled == "done" for o in mine), sum(o.settled == "finished" for o in mine),
                sum(o.settled == "undone" for o in mine), sum(o.written for o in mine),
                sum(o.lost for o in mine), sum(o.stray for o in mine),
                round(sum(o.without_quorum for o in mine), 1), sum(not o.ok for o in mine),
            )
        )  # fmt: skip
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(str(v).ljust(w) for v, w in zip(row, widths, strict=True)) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
