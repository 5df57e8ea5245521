"""Predictions of etcd's refusals, each compared with what a real etcd says to the same change."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from etcdtui.model import reconfig
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.reconfig import Prediction
from etcdtui.runtime.poller import Poller
from etcdtui.sites.endpoints import EndpointsSite
from tests.runtime.watch import Watch
from tests.support.etcd import EtcdCluster, free_ports, running

VERSIONS = ["3.5", "3.4"]


def look(cluster: EtcdCluster, enough: Callable[[ClusterSnapshot], bool]) -> ClusterSnapshot:
    """A fresh snapshot that satisfies something."""
    poller = Poller(EndpointsSite("test", cluster.urls), Watch(), refresh=0.2, timeout=1.0)
    poller.start()
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            shot = poller.fresh(5)
            if shot.members_known and shot.leader_id is not None and enough(shot):
                return shot
        raise TimeoutError("the cluster was not seen in the wanted state")
    finally:
        poller.close()


def ask(cluster: EtcdCluster, version: str, *args: str) -> str:
    """etcd's refusal to one etcdctl call, empty when it agreed."""
    alive = [p.client_url for p in cluster.procs if p.alive()]
    try:
        cluster.etcdctl(*args, endpoints=alive, version=version)
    except subprocess.CalledProcessError as error:
        return str(error.stderr)
    return ""


def agree(said: str, predicted: Prediction) -> None:
    assert bool(said) == predicted.refused, (said, predicted)
    # etcdctl leaves out the prefix or keeps it, by version.
    assert predicted.message.removeprefix("etcdserver: ").lower() in said.lower()


def new_url() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.mark.parametrize("version", VERSIONS)
def test_one_of_three_down(tmp_path: Path, version: str) -> None:
    with running(tmp_path, 3, version) as cluster:
        leader = cluster.leader()
        victim = next(p for p in cluster.procs if p is not leader)
        victim.kill()
        shot = look(cluster, lambda s: len(s.answers) == 2 and all(m.started for m in s.members))
        dead = next(m.id for m in shot.members if m.name == victim.name)
        url = new_url()
        predicted = reconfig.predict_add(shot, learner=True, peer_urls=[url])
        agree(ask(cluster, version, "member", "add", "n4", "--learner", f"--peer-urls={url}"), predicted)
        assert predicted.refused
        agree(ask(cluster, version, "member", "remove", f"{dead:x}"), reconfig.predict_remove(shot, dead))


@pytest.mark.parametrize("version", VERSIONS)
def test_learners_and_peer_urls(tmp_path: Path, version: str) -> None:
    with running(tmp_path, 1, version) as cluster:
        shot = look(cluster, lambda s: len(s.answers) == 1)
        taken = shot.members[0].peer_urls[0]
        answer = reconfig.predict_add(shot, learner=True, peer_urls=[taken])
        agree(ask(cluster, version, "member", "add", "n2", "--learner", f"--peer-urls={taken}"), answer)
        url = new_url()
        answer = reconfig.predict_add(shot, learner=True, peer_urls=[url])
        agree(ask(cluster, version, "member", "add", "n2", "--learner", f"--peer-urls={url}"), answer)
        shot = look(cluster, lambda s: len(s.members) == 2)
        learner = next(m.id for m in shot.members if m.is_learner)
        voter = next(m.id for m in shot.members if not m.is_learner)
        url = new_url()
        answer = reconfig.predict_add(shot, learner=True, peer_urls=[url])
        agree(ask(cluster, version, "member", "add", "n3", "--learner", f"--peer-urls={url}"), answer)
        assert answer.refused
        for member in (learner, voter, 0xBAD):
            answer = reconfig.predict_promote(shot, member)
            agree(ask(cluster, version, "member", "promote", f"{member:x}"), answer)
            assert answer.refused
        agree(
            ask(cluster, version, "move-leader", f"{learner:x}"), reconfig.predict_move_leader(shot, learner)
        )
        agree(
            ask(cluster, version, "member", "remove", f"{learner:x}"), reconfig.predict_remove(shot, learner)
        )


def test_the_newer_rule_tolerates_one_down_of_four_and_five() -> None:
    for version, lenient in (
        ("3.5.1", False),
        ("3.5.30", True),
        ("3.6.0", False),
        ("3.6.11", True),
        ("3.7.0", True),
    ):
        assert reconfig.tolerates_one_down(version) is lenient
