"""Bring-ups that cannot become healthy, or are refused: the reason in words, and nothing half applied."""

from __future__ import annotations

import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcdtui.model.bootstrap import Spread, Tls
from etcdtui.ops.plan import Outcome
from etcdtui.ops.runner import Phase, Progress
from etcdtui.sites.kube.manifests import Manifests
from tests.sites.kube.support import as_somebody, cli_on, documented_rules, hurried, prepared
from tests.sites.kube.test_founding import objects, plan_for, session_on
from tests.support.consoles import bring_up
from tests.support.kube import Kube, Place, namespace

pytestmark = [pytest.mark.kube, pytest.mark.timeout(400)]


def quota(place: Place, **hard: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": hard},
    }


def small_limit() -> dict[str, Any]:
    """Admission that lets no container have as much memory as it asks for."""
    limit = {"type": "Container", "max": {"memory": "8Mi"}}
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "few"},
        "spec": {"limits": [limit]},
    }


CASES: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "image": (
        {"image": "localhost/no-such-etcd:v3.5.1"},
        "",
        (": its image cannot be had: ", "localhost/no-such-etcd:v3.5.1"),
    ),
    "claim": (
        {"storage_class": "no-such-class"},
        "",
        ("etcd-0, etcd-1, etcd-2: its claim data-etcd-0 gets no volume: ", '"no-such-class" not found'),
    ),
    "resources": (
        {"memory": "900Gi"},
        "",
        (
            "etcd-0, etcd-1, etcd-2: Pending and cannot be scheduled: ",
            "0/1 nodes are available: 1 Insufficient memory",
        ),
    ),
    "spread": (
        {"spread": Spread.REQUIRED},
        "",
        ("Pending and cannot be scheduled: 0/1 nodes are available", "anti-affinity"),
    ),
    "quota": ({}, "quota", ("no pod: ", "exceeded quota: small", "used: pods=2, limited: pods=2")),
    "admission": (
        {"memory_limit": "64Mi"},
        "limit",
        ("etcd-0: no pod: ", "maximum memory usage per Container is 8Mi"),
    ),
}
"""What the plan says, what stands in the namespace before, what must be said."""


@pytest.mark.usefixtures("in_the_lab")
def test_why_it_does_not_become_healthy_is_told_in_words(kube: Kube, tmp_path: Path) -> None:
    """Each in a namespace of its own, all at the same time: it is the waiting that takes long."""
    with ThreadPoolExecutor(len(CASES)) as pool:
        found = pool.map(lambda case: failure_of(kube, tmp_path / case, case), CASES)
        told = dict(zip(CASES, found, strict=True))
    wrong = {
        case: told[case] for case, (_, _, words) in CASES.items() if not all(w in told[case] for w in words)
    }
    assert not wrong, "\n".join(wrong.values())
    for text in told.values():
        print(text)
    assert all("\n" not in text and len(text) < 900 for text in told.values())


def failure_of(kube: Kube, root: Path, case: str) -> str:
    """What a bring-up says in the end that this stands in the way of, once it was told at all."""
    changes, before, words = CASES[case]
    told = threading.Event()

    def watch(report: Progress) -> None:
        if report.phase is Phase.VERIFY and all(word in report.text for word in words):
            told.set()

    root.mkdir()
    with namespace(kube) as place:
        made = {"quota": quota(place, pods="2"), "limit": small_limit()}
        if before:
            place.apply([made[before]])
        if before == "quota":
            place.wait_quota("small")
        every = {"verbs": ["*"], "resources": ["*"], "apiGroups": ["", "apps", "policy"]}
        file = as_somebody(place, root / "kubeconfig", [every])
        somebody = replace(place, kube=replace(kube, kubeconfig=str(file)))
        boot = replace(plan_for(place, Tls.NONE), **changes)
        with session_on(somebody, root, boot, case) as session:
            first = session.execute(prepared(session, "bootstrap"), progress=watch, cancel=told)
            assert told.is_set(), (case, first.message)
            result = session.execute(hurried(prepared(session, "bootstrap")))
        assert result.outcome is Outcome.FAILED, (case, result.message)
        return result.message


def test_what_is_refused_or_somebody_elses_is_told_and_nothing_is_half_applied(
    place: Place, tmp_path: Path
) -> None:
    """A Service of another manager in the way: which field is whose, what to do, and that it works."""
    boot = plan_for(place, Tls.NONE)
    ours = Manifests(boot, "etcd", place.name).labels
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "etcd-client"},
        "spec": {
            "selector": {"app": "other"},
            "ports": [{"name": "client", "port": 2379, "protocol": "TCP", "targetPort": 2379}],
        },
    }
    place.run("apply", "--server-side", "--field-manager=argocd", "-f", "-", stdin=yaml.safe_dump(service))
    before = objects(place)
    # A label of theirs would stay beside ours: no pod of this cluster would be behind that Service.
    with session_on(place, tmp_path, boot) as session:
        result = bring_up(session)
    assert result.outcome is Outcome.FAILED and objects(place) == before
    assert "Service etcd-client: it is somebody else's and asks pods for app=other" in result.message
    service["spec"] = {**service["spec"], "selector": ours}
    place.run("apply", "--server-side", "--field-manager=argocd", "-f", "-", stdin=yaml.safe_dump(service))
    before = objects(place)
    with session_on(place, tmp_path, boot) as session:
        result = bring_up(session)
    assert result.outcome is Outcome.FAILED and result.steps_done == 0
    print(result.message)
    said = "nothing was applied: Service etcd-client: "
    field = '.spec.ports[port=2379,protocol="TCP"].targetPort'
    assert f"{said}this would change {field}, managed by argocd (say the same" in result.message
    assert objects(place) == before
    # The way out, as it is told.
    etcdtui, kubectl = (
        shlex.split(text) for text in result.message.partition("take it over: ")[2].split("|")
    )
    one = cli_on(place, tmp_path, boot)(*etcdtui[1:])
    place.run(*" ".join(kubectl[1:]).rstrip(")").split(), stdin=one.stdout)
    with session_on(place, tmp_path, boot) as session:
        session.fresh(5)
        assert "nothing was applied" not in session.site.carry_out("check", print)  # type: ignore[attr-defined]
    # A right that is missing: before anything is written too.
    reading, acting = documented_rules()
    few = {"verbs": ["get", "create", "patch"], "resources": ["services", "configmaps"], "apiGroups": [""]}
    file = as_somebody(place, tmp_path / "kubeconfig", [*reading, *acting, few])
    place.run("delete", "service", "etcd-client")
    somebody = replace(place, kube=replace(place.kube, kubeconfig=str(file)))
    with session_on(somebody, tmp_path, boot) as session:
        result = bring_up(session)
    print(result.message)
    assert result.outcome is Outcome.FAILED and objects(place) == []
    assert "PodDisruptionBudget etcd: not permitted" in result.message
