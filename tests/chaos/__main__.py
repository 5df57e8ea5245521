"""``python -m tests.chaos``: every operation, every point, with a seed; prints the table."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.chaos.operations import OPERATIONS
from tests.chaos.stage import staged
from tests.chaos.trial import Fault, Outcome, Point, Staging, attempt, points


def main() -> int:
    """Run the trials that the arguments choose; 1 when one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the delays and choices")
    parser.add_argument("--share", type=float, default=1.0, help="share of the points to try, 0 to 1")
    parser.add_argument("--only", default="", help="operations whose name contains this")
    parser.add_argument("--site", choices=("local", "hosts"), default="local", help="hosts: in their lab")
    parser.add_argument("--sizes", default="3,5", help="sizes of the cluster; on hosts 3")
    parser.add_argument("--versions", default="3.4,3.5", help="versions of etcd")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time, on local nodes only")
    parser.add_argument("--json", metavar="FILE", help="write every outcome there too")
    args = parser.parse_args()
    with staging_of(args) as staging:
        return carry_out(args, staging)


@contextlib.contextmanager
def staging_of(args: argparse.Namespace) -> Iterator[Staging]:
    """What makes the clusters; the lab of hosts is up meanwhile."""
    if args.site == "local":
        yield staged
        return
    from tests.chaos.hosts import HostStaging
    from tests.labs.hosts.lab import ready

    with ready() as lab:
        yield HostStaging(lab, Random(args.seed))


def carry_out(args: argparse.Namespace, staging: Staging) -> int:
    """Run them all, a line each; 1 when one of them found something."""
    began, found = time.monotonic(), []
    several = args.jobs > 1 and args.site == "local"
    for outcome in at_a_time(args) if several else trials(args, staging):
        found.append(outcome)
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
    if args.json:
        Path(args.json).write_text(json.dumps([asdict(o) for o in found], indent=1))
    return 0 if all(o.ok for o in found) else 1


Group = tuple[str, int, str]
"""Name of an operation, size of the cluster, version of etcd."""


def groups(args: argparse.Namespace) -> Iterator[Group]:
    """What the arguments choose."""
    on_hosts = args.site == "hosts"
    sizes = {3} if on_hosts else {int(word) for word in args.sizes.split(",")}
    versions = set(args.versions.split(","))
    for operation in OPERATIONS:
        if args.only not in operation.name or (on_hosts and not operation.hosts):
            continue
        for size in sorted(sizes & set(operation.sizes)):
            for version in sorted(versions & set(operation.versions)):
                yield operation.name, size, version


def trials(args: argparse.Namespace, staging: Staging) -> Iterator[Outcome]:
    """An undisturbed run of each operation, then its points, one after the other."""
    for group in groups(args):
        yield from _one(group, args, staging)


def at_a_time(args: argparse.Namespace) -> Iterator[Outcome]:
    """The same on local nodes, several groups at a time, each in a process of its own."""
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_all_of, group, args) for group in groups(args)]):
            yield from done.result()


def _all_of(group: Group, args: argparse.Namespace) -> list[Outcome]:
    return list(_one(group, args, staged))


def _one(group: Group, args: argparse.Namespace, staging: Staging) -> Iterator[Outcome]:
    name, size, version = group
    operation = next(each for each in OPERATIONS if each.name == name)
    random = Random(f"{args.seed} {name} {size} {version}")

    def tried(point: Point) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="etcdtui-chaos-") as root:
            return attempt(Path(root), operation, size, version, point, random, staging)

    first = tried(Point())
    yield first
    for point in points(first.durations, random, machines=args.site == "hosts"):
        if random.random() < args.share:
            yield tried(point)


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
