"""Reading three pods of a real Kubernetes: ours against kubectl with etcdctl and bare gRPC; a pod's death."""

from __future__ import annotations

import statistics
import subprocess
import threading
import time
from pathlib import Path

from bench.reading import OurPoll, RawFanOut, interleaved, pair_ratio
from bench.result import Row, at_most, bound, faster
from etcdtui.runtime.session import Session
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.site import KubeSite
from tests.labs.kube import settings
from tests.support.kube import Kube, Place, namespace

ROUNDS = 20
DEATHS = 5


def run() -> list[Row]:
    """No rows where the lab does not run."""
    lab = Kube(str(settings.from_environment().kubeconfig), "kube-lab", lab=True)
    try:
        lab.run("get", "nodes", timeout=10)
    except (RuntimeError, OSError, subprocess.TimeoutExpired):
        return []
    with namespace(lab) as place:
        place.config_files(3)
        place.wait_ready(3)
        return [*_reading(place), _death(place)]


def _site(place: Place) -> KubeSite:
    site = KubeSite("bench", Where(place.kube.context, place.name, "etcd", Path(place.kube.kubeconfig)))
    site.connect()
    return site


def _reading(place: Place) -> list[Row]:
    site = _site(place)
    ours = OurPoll(site)
    raw = RawFanOut([site.dial(url).target.address for url in site.seeds()])
    pods = [f"etcd-{n}" for n in range(3)]

    def kubectl() -> None:
        for pod in pods:
            place.run("exec", pod, "--", "etcdctl", "endpoint", "status")

    try:
        ours.settle(3)
        raw.tick()
        mine, bare, ctl = interleaved([ours.tick, raw.tick, kubectl], ROUNDS)
    finally:
        ours.close()
        raw.close()
        site.close()
    mid = statistics.median
    rows = [
        faster("status of 3 pods, against kubectl exec etcdctl", mid(mine), mid(ctl), "ms", 20),
        at_most("status of 3 pods, against bare gRPC over the forward", mid(mine), mid(bare), "ms", 1.3),
    ]
    last, ratio = rows[1], pair_ratio(mine, bare)
    rows[1] = Row(last.name, last.ours, last.peer, last.unit, ratio, last.goal, ratio <= 1.3)
    return rows


def _death(place: Place) -> Row:
    """From the API server's answer to a forced deletion until the console's row says so."""
    session = Session(_site(place), profile="bench", timeout=3.0)
    gone = threading.Event()
    session.subscribe(
        lambda shot: (
            gone.set() if (row := shot.find("etcd-2")) is not None and not row.reading.answered else None
        )
    )
    session.start()
    took = []
    try:
        for _ in range(DEATHS):
            place.wait_ready(3)
            while len(session.fresh(5).answers) < 3:
                time.sleep(0.1)
            time.sleep(1)
            gone.clear()
            place.run("delete", "pod", "etcd-2", "--grace-period=0", "--force", "--wait=false")
            began = time.perf_counter()
            if not gone.wait(15):
                raise TimeoutError("the console did not see the pod go")
            took.append(max(0.0, (time.perf_counter() - began) * 1000))
    finally:
        session.close()
    return bound("a pod's death to its row", statistics.median(took), "ms", 1000)
