"""A StatefulSet brought up in a real Kubernetes, TLS included: cut off after every step, it goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcdtui.config import KubeProfile
from etcdtui.model.bootstrap import KubeBootstrap, Spread, Tls
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_site
from tests.sites.kube.support import READING, cli_on, specs
from tests.support.consoles import bring_up
from tests.support.kube import PUBLIC_IMAGE, Place, wait_until

pytestmark = [pytest.mark.kube, pytest.mark.timeout(500)]


def plan_for(place: Place, tls: Tls = Tls.MADE, image: str = "") -> KubeBootstrap:
    """Three members; the lab's volumes belong to root, and it has one node."""
    own = "localhost/etcd-distroless:v3.5.1" if place.kube.lab else PUBLIC_IMAGE
    return KubeBootstrap(
        tls=tls,
        image=image or own,
        storage="1Gi",
        spread=Spread.PREFERRED,
        run_as=0 if place.kube.lab else 1000,
        cpu="10m",
        memory="32Mi",
        settings={"heartbeat-interval": 100, "election-timeout": 1000},
    )


@contextlib.contextmanager
def session_on(
    place: Place, root: Path, plan: KubeBootstrap, name: str = "new", **more: Any
) -> Iterator[Session]:
    profile = KubeProfile(
        name=name,
        context=place.kube.context,
        namespace=place.name,
        kubeconfig=Path(place.kube.kubeconfig) if place.kube.kubeconfig else None,
        bootstrap=plan,
        **more,
    )
    session = Session(
        open_site(profile),
        profile=name,
        refresh=0.5,
        timeout=READING,
        audit=AuditLog(root / "audit.jsonl"),
        store=PlanStore(root / "plans"),
    )
    session.start()
    try:
        yield session
    finally:
        session.close()


@pytest.mark.usefixtures("data_home")
def test_brought_up_however_often_it_is_cut_off(place: Place, tmp_path: Path) -> None:
    plan = plan_for(place)
    with session_on(place, tmp_path, plan) as session:
        steps = len(session.prepare("bootstrap").steps)
    for done in range(1, steps):
        with session_on(place, tmp_path, plan) as session:
            result = bring_up(session, stop_after=done)
            assert result.outcome is Outcome.CANCELLED, result.message
    with session_on(place, tmp_path, plan) as session:
        result = bring_up(session)
        assert result.outcome is Outcome.DONE, result.message
        names = {member.name for member in session.fresh(5).members}
        assert names == {"etcd-0", "etcd-1", "etcd-2"}
        files = place.get("configmap", "etcd-config")["data"]
        states = [yaml.safe_load(text)["initial-cluster-state"] for text in files.values()]
        assert states == ["existing"] * 3
        pods = {name: pod["metadata"]["uid"] for name, pod in place.pods().items()}
        # The plans that were cut off are not left behind: this one was their end.
        assert session.unfinished() == ()
        # Once more: nothing is changed, no pod is another.
        result = bring_up(session)
        assert result.outcome is Outcome.DONE, result.message
        assert {name: pod["metadata"]["uid"] for name, pod in place.pods().items()} == pods
        before = place.get("statefulset", "etcd")["metadata"]["generation"]
        assert before == 1


KINDS = "pdb,service,configmap,secret,statefulset,pod"


def objects(place: Place) -> list[str]:
    found = place.get(KINDS)["items"]
    return sorted(
        f"{o['kind']} {o['metadata']['name']}" for o in found if o["metadata"]["name"].startswith("etcd")
    )


@pytest.mark.usefixtures("data_home")
def test_undone_by_the_next_console_wherever_it_stopped(place: Place, tmp_path: Path) -> None:
    """What the bring-up has made is deleted; a Service that was there before stays, and so do the claims."""
    plan = plan_for(place)
    port = {"name": "client", "port": 2379, "targetPort": "client", "protocol": "TCP"}
    labels = {"app.kubernetes.io/name": "etcd", "app.kubernetes.io/instance": "etcd"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "etcd-client"},
        "spec": {"selector": labels, "ports": [port]},
    }
    place.apply([service])
    before = objects(place)
    for done in (2, 3, 4):
        with session_on(place, tmp_path, plan) as session:
            result = bring_up(session, stop_after=done)
            assert result.outcome is Outcome.CANCELLED, result.message
            made = objects(place)
        with session_on(place, tmp_path, plan) as session:
            session.fresh(5)
            (left,) = session.unfinished()
            result = session.execute(session.settle(left.id, "undo"), override="new")
            assert result.outcome is Outcome.DONE, result.message
            assert session.unfinished() == ()
        assert objects(place) == before != made
    claims = place.get("pvc")["items"]
    assert [claim["metadata"]["name"] for claim in claims] == [f"data-etcd-{n}" for n in range(3)]


def test_a_claim_of_an_earlier_cluster_is_not_taken(place: Place, tmp_path: Path) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-etcd-1"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    place.apply([claim])
    with session_on(place, tmp_path, plan_for(place, Tls.NONE)) as session:
        result = bring_up(session)
    assert result.outcome is Outcome.FAILED
    assert f"kubectl -n {place.name} delete pvc data-etcd-1" in result.message
    assert place.get("statefulsets")["items"] == []


def test_from_the_command_line(place: Place, tmp_path: Path) -> None:
    """``bootstrap --dry-run`` says every step and does nothing; ``--yes`` ends with a healthy cluster."""
    plan = plan_for(place, Tls.NONE)
    cli = cli_on(place, tmp_path, plan)
    done = cli("bootstrap", "new", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "apply the StatefulSet" in done.stdout
    assert place.get("all")["items"] == []
    began = time.monotonic()
    done = cli("bootstrap", "new", "--yes")
    print(f"healthy and settled after {time.monotonic() - began:.1f} s")
    assert done.returncode == 0, done.stderr
    assert cli("status", "new", "--timeout", "10s").returncode == 0
    # What git would apply is what stands there already.
    rendered = cli("render", "new", "--founded").stdout.replace("policy/v1", place_policy(place))
    before = specs(place)
    place.run("apply", "--server-side", "--field-manager=etcdtui", "-f", "-", stdin=rendered)
    assert specs(place) == before and len(before) == 5

    # Torn down only when the cluster's name is typed; its claims stay unless told otherwise.
    done = cli("destroy", "new", "--yes")
    assert (done.returncode, "type the cluster's name, new" in done.stderr) == (3, True)
    assert len(place.pods()) == 3
    done = cli("destroy", "new", "--yes", "--override", "new")
    assert done.returncode == 0, done.stderr
    assert place.get("all")["items"] == []
    assert len(place.get("pvc")["items"]) == 3
    done = cli("bootstrap", "new", "--yes")
    assert "3 claims of an earlier cluster" in done.stderr
    done = cli("destroy", "new", "--data", "delete", "--yes", "--override", "new")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: place.get("pvc")["items"] == [], "claims gone", 60)


def place_policy(place: Place) -> str:
    return "policy/v1" if place.kube.served("policy/v1") else "policy/v1beta1"
