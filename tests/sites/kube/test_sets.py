"""Reading StatefulSets, pods and the drift between them: the lab's manifests, states as servers tell them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from etcdtui.errors import NodeError
from etcdtui.model.cluster import ClusterSnapshot, Member, RunState
from etcdtui.sites.kube.acts import KubeActs
from etcdtui.sites.kube.drift import drift
from etcdtui.sites.kube.picture import Picture, covers
from etcdtui.sites.kube.sets import pod_state, read_set, runs_etcd
from tests.support.kube import MANIFESTS


def manifest(folder: str, **changes: Any) -> dict[str, Any]:
    texts = "\n---\n".join(file.read_text() for file in sorted((MANIFESTS / folder).glob("*.yaml")))
    found = next(o for o in yaml.safe_load_all(texts) if o and o["kind"] == "StatefulSet")
    found["metadata"] = {**found["metadata"], "namespace": "shop", **changes.pop("metadata", {})}
    found["spec"].update(changes)
    return dict(found)


def test_self_managing_set_is_recognised_with_the_ordinal_its_scripts_begin_at() -> None:
    found = read_set(manifest("self-managed"))
    assert (found.scripted, found.initial_size, found.container) == (True, 3, "etcd")
    assert (found.client_port, found.peer_port, found.service) == (2379, 2380, "etcd")
    assert found.host("etcd-3") == "etcd-3.etcd.shop.svc.cluster.local"
    assert found.claim_names("etcd-3") == ("datadir-etcd-3",)
    assert found.config_map == ""


def test_set_with_a_file_for_every_pod_is_recognised() -> None:
    found = read_set(manifest("config-files"))
    assert (found.config_map, found.config_file, found.scripted) == ("etcd-config", "{pod}.yaml", False)


def test_peer_urls_are_those_of_scripts_and_files() -> None:
    scripted = Picture(read_set(manifest("self-managed")), {}).nodes(tls=False)
    assert scripted[1].peer_urls == ("http://etcd-1.etcd.shop.svc.cluster.local:2380",)
    files = {"etcd-1.yaml": "name: etcd-1\ninitial-advertise-peer-urls: https://etcd-1.etcd:2380\n"}
    plain = Picture(read_set(manifest("config-files")), {}, config=files).nodes(tls=False)
    assert plain[1].peer_urls == ("https://etcd-1.etcd:2380",)
    assert [url.partition(":")[0] for url in plain[0].peer_urls] == ["http", "https"]


def test_a_set_whose_claims_go_with_its_replicas_is_not_stopped() -> None:
    policy = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    dropping = read_set(manifest("config-files", persistentVolumeClaimRetentionPolicy=policy))
    with pytest.raises(NodeError, match=r"deletes the claims of pods that are stopped.*whenScaled to Retain"):
        KubeActs.keeps_claims(dropping)
    KubeActs.keeps_claims(read_set(manifest("config-files")))


def test_stopped_nodes_are_remembered_by_the_annotation() -> None:
    found = read_set(
        manifest("config-files", replicas=1, metadata={"annotations": {"etcdtui/stopped-from": "3"}})
    )
    assert (found.replicas, found.size) == (1, 3)
    names = [(n.name, n.run_state) for n in Picture(found, {}).nodes(tls=False)]
    assert names == [(f"etcd-{i}", RunState.STOPPED) for i in range(3)]


def test_only_sets_that_run_etcd_are_candidates() -> None:
    other = manifest("config-files")
    containers = [{"name": "web", "image": "example/nginx:1"}]
    other["spec"]["template"]["spec"]["containers"] = containers
    assert runs_etcd(manifest("config-files"))
    assert not runs_etcd(other)
    containers.append({"name": "db", "image": "registry:5000/a/etcd:v3.6.1"})
    assert runs_etcd(other)


def pod(name: str = "etcd-0", **status: Any) -> dict[str, Any]:
    container = status.pop("container", {"state": {"running": {}}})
    deleted = {"deletionTimestamp": "2024-01-01T00:00:00Z"} if status.pop("deleted", False) else {}
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": "2024-01-01T00:00:00Z", **deleted},
        "spec": {"containers": [{"name": "etcd", "image": "etcd:v3.5.1"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "etcd", "restartCount": 0, **container}],
            **status,
        },
    }


READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("made", "state", "words"),
    [
        (pod(conditions=READY), RunState.RUNNING, "Running, ready"),
        (pod(), RunState.RUNNING, "Running, not ready"),
        (pod(deleted=True), RunState.RUNNING, "terminating (Running)"),
        (
            pod(container={"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}),
            RunState.FAILED,
            "CrashLoopBackOff",
        ),
        (
            pod(container={"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off x:1"}}}),
            RunState.FAILED,
            "ImagePullBackOff: Back-off x:1",
        ),
        (
            pod(container={"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            RunState.FAILED,
            "ended: OOMKilled 137",
        ),
        (
            pod(
                phase="Failed", reason="Evicted", message="The node was low on memory.", containerStatuses=[]
            ),
            RunState.FAILED,
            "Failed Evicted The node was low on memory.",
        ),
        (pod(phase="Pending", containerStatuses=[]), RunState.STARTING, "Pending"),
        (
            pod(
                phase="Pending",
                containerStatuses=[],
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "pod has unbound immediate PersistentVolumeClaims",
                    }
                ],
            ),
            RunState.STARTING,
            "Pending (Unschedulable: pod has unbound immediate PersistentVolumeClaims)",
        ),
    ],
)
def test_pod_states_in_words(made: dict[str, Any], state: RunState, words: str) -> None:
    found = pod_state(made, "etcd")
    assert (found.run_state, found.words) == (state, words)


def member(number: int, name: str = "", pod: str = "") -> Member:
    host = f"{pod or f'etcd-{number}'}.etcd.shop.svc.cluster.local"
    return Member(number + 1, name or f"etcd-{number}", (f"http://{host}:2380",), (f"http://{host}:2379",))


def picture(replicas: int, pods: list[dict[str, Any]], claims: list[str]) -> Picture:
    etcd = read_set(manifest("self-managed", replicas=replicas))
    budget = {"metadata": {"name": "etcd-pdb"}, "spec": {"minAvailable": 2}}
    return Picture(etcd, {p["metadata"]["name"]: p for p in pods}, {claim: {} for claim in claims}, (budget,))


def drifts(picture: Picture, members: list[Member]) -> list[str]:
    shot = ClusterSnapshot("t", members=tuple(members), members_known=True)
    return [finding.message for finding in drift(picture, shot)]


def test_drift_names_each_mismatch_with_its_remedy() -> None:
    pods, claims = [pod(f"etcd-{i}") for i in range(3)], [f"datadir-etcd-{i}" for i in range(3)]
    members = [member(i) for i in range(3)]
    assert drifts(picture(3, pods, claims), members) == ["replicas, pods, claims and members agree"]
    (ghost,) = drifts(picture(3, pods, claims), [*members, member(3)])
    assert "member etcd-3 (4) has no pod" in ghost and "remove the member" in ghost
    (stale,) = drifts(picture(3, pods, [*claims, "datadir-etcd-3"]), members)
    assert "datadir-etcd-3 holds the data of a removed member" in stale and "scaling up deletes it" in stale
    broken = {"restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    looping = pod("etcd-3", container=broken)
    loop, *_ = drifts(picture(4, [*pods, looping], [*claims, "datadir-etcd-3"]), members)
    assert "etcd-3 fails again and again (5 restarts" in loop and "scale to 3" in loop
    stranger, *_ = drifts(picture(4, [*pods, pod("etcd-3")], claims), members)
    assert "pod etcd-3 runs and belongs to no member" in stranger
    assert any("keeps 2 of 5 pods, quorum is 3" in text for text in drifts(picture(5, pods, claims), members))


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (None, "etcd-1 runs without its claim datadir-etcd-1: replace the member"),
        ({"status": {"phase": "Lost"}}, "claim datadir-etcd-1 has lost its volume: replace the member"),
        ({"status": {"phase": "Pending"}}, "claim datadir-etcd-1 waits for a volume"),
        ({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}}, "its data goes with etcd-1's pod"),
    ],
)
def test_a_claim_that_is_not_as_its_pod_needs_it_is_told(claim: dict[str, Any] | None, said: str) -> None:
    pods, names = [pod(f"etcd-{i}") for i in range(3)], ("datadir-etcd-0", "datadir-etcd-2")
    found = picture(3, pods, list(names))
    claims = {**(found.claims or {}), **({"datadir-etcd-1": claim} if claim is not None else {})}
    (text,) = drifts(replace(found, claims=claims), [member(i) for i in range(3)])
    assert said in text


def test_a_pod_that_is_not_made_and_pods_of_an_older_template_are_told() -> None:
    claims, members = [f"datadir-etcd-{i}" for i in range(3)], [member(i) for i in range(3)]
    found, shot = picture(3, [pod("etcd-0"), pod("etcd-1")], claims), ClusterSnapshot("t", members_known=True)
    shot = replace(shot, members=tuple(members))
    (absent,) = [f.message for f in drift(found, shot, {"etcd-2": "exceeded quota: few"})]
    assert absent.startswith("etcd-2 is wanted and has no pod (exceeded quota: few)")
    old, new = pod("etcd-0"), pod("etcd-1")
    old["metadata"]["labels"], new["metadata"]["labels"] = (
        {"controller-revision-hash": f"etcd-{word}"} for word in ("1", "2")
    )
    found = picture(3, [old, new, pod("etcd-2")], claims)
    (outdated,) = drift(replace(found, etcd=replace(found.etcd, revision="etcd-2")), shot)
    assert outdated.message.startswith("etcd-0 runs an older template of StatefulSet etcd")
    assert "rolling-restart" in str(outdated)


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ({"minAvailable": 2}, ""),
        ({"minAvailable": "50%"}, ""),
        ({"maxUnavailable": 1}, ""),
        ({"maxUnavailable": 2}, "keeps 1 of 3 pods, quorum is 2"),
        ({"minAvailable": "30%"}, "keeps 1 of 3 pods, quorum is 2"),
        ({"maxUnavailable": "100%"}, "keeps 0 of 3 pods, quorum is 2"),
    ],
)
def test_a_budget_that_would_let_a_drain_take_the_quorum_is_told(spec: dict[str, Any], kept: str) -> None:
    found = picture(3, [pod(f"etcd-{i}") for i in range(3)], [f"datadir-etcd-{i}" for i in range(3)])
    found = replace(found, budgets=({"metadata": {"name": "etcd-pdb"}, "spec": spec},))
    told = [text for text in drifts(found, [member(i) for i in range(3)]) if "keeps" in text]
    assert [kept in text for text in told] == ([True] if kept else [])


def test_a_budget_is_the_sets_where_its_selector_takes_the_pods() -> None:
    labels = {"app": "etcd", "tier": "data"}

    def takes(**selector: Any) -> bool:
        return covers({"spec": {"selector": selector}}, labels)

    def rule(key: str, operator: str, *values: str) -> list[dict[str, Any]]:
        return [{"key": key, "operator": operator, "values": list(values)}]

    assert takes(matchLabels={"app": "etcd"}) and not takes() and not takes(matchLabels={"app": "web"})
    assert takes(matchExpressions=rule("app", "In", "etcd", "db")) and takes(
        matchExpressions=rule("x", "NotIn", "y")
    )
    assert not takes(matchLabels={"app": "etcd"}, matchExpressions=rule("tier", "NotIn", "data"))
    assert takes(matchExpressions=rule("tier", "Exists")) and not takes(
        matchExpressions=rule("app", "DoesNotExist")
    )
