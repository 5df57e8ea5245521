"""Which trials the arguments choose, one after the other or several at a time."""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.chaos.operations import OPERATIONS, Operation
from tests.chaos.trial import Outcome, Point, Staging, attempt, points

CLONE_NEWNET = 0x40000000
"""Of ``unshare(2)``."""
UNDISTURBED = str(Point())
Group = tuple[str, int, str]
"""Name of an operation, size of the cluster, version of etcd."""


def groups(args: argparse.Namespace) -> Iterator[Group]:
    """What the arguments choose."""
    sizes = {int(word) for word in args.sizes.split(",")} if args.site == "local" else {3}
    versions = set(args.versions.split(","))
    for operation in OPERATIONS:
        if args.only not in operation.name or not fits(operation, args.site):
            continue
        for size in sorted(sizes & set(operation.sizes)):
            for version in sorted(versions & set(operation.versions)):
                yield operation.name, size, version


def fits(operation: Operation, site: str) -> bool:
    """Whether an operation can be carried out there."""
    from tests.chaos.kube import OFFERED

    return {"local": operation.local, "hosts": operation.hosts, "kube": operation.name in OFFERED}[site]


def trials(args: argparse.Namespace, staging: Staging) -> Iterator[Outcome]:
    """An undisturbed run of each operation, then its points, one after the other."""
    for group in groups(args):
        yield from _one(group, args, staging)


def at_a_time(args: argparse.Namespace, known: Sequence[Outcome]) -> Iterator[Outcome]:
    """The same on local nodes, several trials at a time, each in a process of its own.

    First every operation undisturbed, then the points of all of them in an order that the seed mixes:
    when the minutes are over, what was tried is a fair sample of the whole.

    Args:
        known: what came of an earlier run with the same arguments, which is not tried again.
    """
    ends = time.monotonic() + args.minutes * 60
    mixer = Random(args.seed)
    before = {(_group(o), str(o.point)): o for o in known}
    with ProcessPoolExecutor(args.jobs, get_context("spawn"), _apart) as pool:
        chosen = list(groups(args))
        durations = {g: before[g, UNDISTURBED].durations for g in chosen if (g, UNDISTURBED) in before}
        firsts = [pool.submit(_tried, g, Point(), args.seed) for g in chosen if g not in durations]
        for done in as_completed(firsts):
            durations[_group(done.result())] = done.result().durations
            yield done.result()
        todo = [
            (group, point)
            for group in chosen
            for point in points(durations[group], _random(args.seed, group, "points"))
            if mixer.random() < args.share
        ]
        mixer.shuffle(todo)
        todo = [(group, point) for group, point in todo if (group, str(point)) not in before]
        print(f"{len(todo)} points to try", flush=True)
        running: set[Future[Outcome]] = set()
        while running or (todo and time.monotonic() < ends):
            while todo and len(running) < args.jobs and time.monotonic() < ends:
                running.add(pool.submit(_tried, *todo.pop(), args.seed))
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for each in ended:
                yield each.result()
        if todo:
            print(f"the time is over: {len(todo)} points were not tried", flush=True)


def _group(outcome: Outcome) -> Group:
    return outcome.operation, outcome.size, outcome.version


def _random(seed: int, group: Group, what: str) -> Random:
    return Random(f"{seed} {' '.join(map(str, group))} {what}")


def _tried(group: Group, point: Point, seed: int) -> Outcome:
    name, size, version = group
    operation = next(each for each in OPERATIONS if each.name == name)
    with tempfile.TemporaryDirectory(prefix="etcdtui-chaos-") as root:
        try:
            return attempt(Path(root), operation, size, version, point, _random(seed, group, str(point)))
        except Exception as error:  # noqa: BLE001  # the others go on, and this one counts as failed
            return Outcome(name, size, version, point, problem=f"the trial broke: {error!r}")


def _apart() -> None:
    """A loopback of its own for a worker, where root may make one: a stopped node's port stays its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "unshare") and libc.unshare(CLONE_NEWNET) == 0:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _one(group: Group, args: argparse.Namespace, staging: Staging) -> Iterator[Outcome]:
    name, size, version = group
    operation = next(each for each in OPERATIONS if each.name == name)
    random = Random(f"{args.seed} {name} {size} {version}")

    def tried(point: Point) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="etcdtui-chaos-") as root:
            return attempt(Path(root), operation, size, version, point, random, staging)

    first = tried(Point())
    yield first
    for point in points(first.durations, random, machines=args.site != "local"):
        if random.random() < args.share:
            yield tried(point)
