"""``python -m tests.labs.kube.cycles``: 3 -> 5 -> 3 on pods that manage themselves, by us or by kubectl."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.cli.command import Cli
from tests.labs.kube import settings
from tests.support.kube import Kube, Place, namespace, wait_until

SMALL, LARGE = 3, 5
PATIENCE = 150.0
"""Seconds that a scaling by kubectl has to become what was asked for."""
SETTLING = 60.0
"""Seconds beyond that for the members: these pods are called ready before they have joined."""


def main() -> int:
    """Count how each cycle ends; 1 when one of ours was not clean."""
    parser = argparse.ArgumentParser(prog="python -m tests.labs.kube.cycles", description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--plain", action="store_true", help="with kubectl scale, as many operators do")
    args = parser.parse_args()
    lab = Kube(str(settings.from_environment().kubeconfig), "kube-lab", lab=True)
    how = by_kubectl if args.plain else by_etcdtui
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as root:
        cli = Cli(Path(root), {"KUBECONFIG": lab.kubeconfig})
        done = 0
        while done < args.cycles:
            # One cluster for as many cycles as stay clean: a fault must not be counted twice.
            with namespace(lab) as place:
                place.self_managed(SMALL)
                place.wait_ready(SMALL, 120)
                while done < args.cycles:
                    began = time.monotonic()
                    ended = how(place, cli)
                    done += 1
                    counted[ended.partition(":")[0]] += 1
                    print(f"{done:3} {time.monotonic() - began:6.1f} s  {ended}", flush=True)
                    if ended != "clean":
                        break
    print(f"{counted['clean']} of {args.cycles} clean" + "".join(
        f", {number} {kind}" for kind, number in counted.items() if kind != "clean"
    ))  # fmt: skip
    return 0 if counted["clean"] == args.cycles or args.plain else 1


def by_etcdtui(place: Place, cli: Cli) -> str:
    """``etcdtui scale 5`` and ``etcdtui scale 3``; how that ended."""
    name = ("--context", place.kube.context, "-n", place.name, "--statefulset", "etcd")
    for wanted in (LARGE, SMALL):
        done = subprocess.run(
            [sys.executable, "-m", "etcdtui", "scale", str(wanted), *name, "--yes"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=cli.environ(),
            check=False,
        )
        if done.returncode == 3:
            return f"refused: {done.stderr.strip()}"
        if done.returncode:
            return f"failed: {done.stderr.strip()}"
        if wrong := unclean(place, wanted):
            return f"stray: after scale {wanted}: {wrong}"
    return "clean"


def by_kubectl(place: Place, cli: Cli) -> str:
    """``kubectl scale``, each time until all pods are ready and no other is there; how that ended."""
    del cli
    for wanted in (LARGE, SMALL):
        place.run("scale", "statefulset", "etcd", f"--replicas={wanted}")
        try:
            wait_until(
                lambda n=wanted: len(place.ready()) == n == len(place.pods()),  # type: ignore[misc]
                f"{wanted} pods ready",
                PATIENCE,
                1.0,
            )
            wait_until(lambda n=wanted: not unclean(place, n), "members settled", SETTLING, 2.0)  # type: ignore[misc]
        except TimeoutError:
            return f"stray: after scale {wanted}: {unclean(place, wanted)}, {len(place.ready())} pods ready"
    return "clean"


def unclean(place: Place, wanted: int) -> str:
    """What members and pods are not as they should be; empty when all is well."""
    names = sorted(f"etcd-{n}" for n in range(wanted))
    members = sorted(member.get("name") or f"unstarted {member['ID']:x}" for member in place.members())
    pods = sorted(place.pods())
    if members != names:
        return f"members are {', '.join(members)}"
    return "" if pods == names else f"pods are {', '.join(pods)}"


if __name__ == "__main__":
    sys.exit(main())
