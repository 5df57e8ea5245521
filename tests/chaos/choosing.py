"""Which trials the arguments choose, one after the other or several at a time."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.chaos.operations import OPERATIONS, Operation
from tests.chaos.stage import staged
from tests.chaos.trial import Outcome, Point, Staging, attempt, points

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

    return {"local": True, "hosts": operation.hosts, "kube": operation.name in OFFERED}[site]


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
    for point in points(first.durations, random, machines=args.site != "local"):
        if random.random() < args.share:
            yield tried(point)
