"""Reading StatefulSets, pods and the drift between them: the lab's manifests, states as servers tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml

from etcdtui.errors import NodeError, SiteError
from etcdtui.model.cluster import ClusterSnapshot, Member, RunState
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.acts import KubeActs
from etcdtui.sites.kube.api import ApiError
from etcdtui.sites.kube.applying import refusal_of
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.chronicle import Chronicle
from etcdtui.sites.kube.drift import drift
from etcdtui.sites.kube.picture import Picture, covers
from etcdtui.sites.kube.pods import pod_state
from etcdtui.sites.kube.sets import EtcdSet, read_set, runs_etcd
from etcdtui.sites.kube.site import KubeSite
from tests.sites.kube.support import documented_rules
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


def test_a_pod_whose_hook_removes_its_member_is_neither_restarted_nor_stopped() -> None:
    """Without a size from which on it does so, as in Bitnami's charts, every one does."""
    found = manifest("self-managed")
    assert read_set(found).moves_from == 3
    container = found["spec"]["template"]["spec"]["containers"][0]
    container["env"] = []
    assert read_set(found).moves_from == 0
    container["command"], hook = ["/opt/bitnami/scripts/etcd/run.sh"], container.pop("lifecycle")
    assert (read_set(found).scripted, read_set(found).moves_from) == (False, None)
    hook["preStop"]["exec"]["command"] = ["/opt/bitnami/scripts/etcd/prestop.sh"]
    container["lifecycle"] = hook
    site = KubeSite("test", Where())
    site._picture = Picture(read_set(found), {"etcd-0": pod()})
    assert "its preStop script removes its member: no stopping" in site.why_not_stop("etcd-2")
    way = "take the preStop hook out of its template first"
    with pytest.raises(SiteError, match=way):
        site.describe_restart("etcd-0")
    with pytest.raises(SiteError, match=way):
        site.describe_stop_all()
    site.close()


def test_claims_that_cannot_be_listed_are_not_taken_for_deleted() -> None:
    """No API server: what the link has read is set before."""
    site = KubeSite("test", Where())
    unread = Picture(read_set(manifest("config-files", replicas=1)), {})
    site._picture, site._link = unread, _Read(unread)  # type: ignore[assignment]
    with pytest.raises(SiteError, match="etcd-1: its claims cannot be listed"):
        site.discard_data("etcd-1")
    site._picture, site._link = None, None
    site.close()


class _Read:
    """A link that has read this."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def read_set(self) -> EtcdSet:
        return self._picture.etcd

    def pods(self) -> Mapping[str, Any]:
        return self._picture.pods

    def touch(self) -> None:
        """Nothing is read again."""

    def look(self) -> Picture:
        return self._picture


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


WAITING: dict[str, str] = {}
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
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
            "its image cannot be had: ImagePullBackOff: Back-off x:1",
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
            "Pending and cannot be scheduled: pod has unbound immediate PersistentVolumeClaims",
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


@pytest.mark.parametrize(
    ("made", "why", "said"),
    [
        (WAITING | {"reason": "ImagePullBackOff", "message": "Back-off x:1"}, "", "name an image"),
        (
            WAITING | {"reason": "CreateContainerConfigError", "message": "no Secret"},
            "",
            "in the StatefulSet",
        ),
        (
            WAITING | {"reason": "CrashLoopBackOff"},
            "member 2 has already been bootstrapped",
            "replace the member (replace-member)",
        ),
        (
            WAITING | {"reason": "CrashLoopBackOff"},
            "tocommit(23) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?",
            "replace the member (replace-member)",
        ),
        (WAITING | {"reason": "CrashLoopBackOff"}, "write: no space left on device", "more room"),
        (
            WAITING | {"reason": "CrashLoopBackOff"},
            "the member has been permanently removed from the cluster",
            "scale to 2 and up again",
        ),
    ],
)
def test_what_keeps_a_pod_from_starting_has_its_remedy(made: dict[str, str], why: str, said: str) -> None:
    claims, members = [f"datadir-etcd-{i}" for i in range(3)], [member(i) for i in range(3)]
    restarts = 3 if why else 0
    broken = pod("etcd-2", container={"restartCount": restarts, "state": {"waiting": made}})
    found = picture(3, [pod("etcd-0"), pod("etcd-1"), broken], claims)
    shot = ClusterSnapshot("t", members=tuple(members), members_known=True)
    (finding,) = drift(found, shot, {"etcd-2": why})
    remedy = f" ({finding.remedy})" if finding.remedy else ""
    assert finding.message.startswith("etcd-2 ") and said in finding.message + remedy, finding


def test_a_pod_without_a_place_and_one_that_does_not_end_are_told() -> None:
    claims, members = [f"datadir-etcd-{i}" for i in range(3)], [member(i) for i in range(3)]
    homeless = pod("etcd-1", phase="Pending", containerStatuses=[], conditions=[UNSCHEDULED])
    found = picture(3, [pod("etcd-0"), homeless, pod("etcd-2", deleted=True)], claims)
    shot = ClusterSnapshot("t", members=tuple(members), members_known=True)
    ended = 1704067200.0
    (only,) = drift(found, shot, now=ended + 30)
    assert only.message.startswith("etcd-1 has no place, Pending ")
    _, hung = drift(found, shot, now=ended + 600)
    assert hung.message.startswith("etcd-2 should have ended 10m00s ago") and hung.remedy == "kill-node"


def test_a_pod_in_a_columns_few_words() -> None:
    crashing = {"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    crashing |= {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    pods = [
        pod(conditions=READY),
        pod("etcd-1"),
        pod("etcd-2", deleted=True, conditions=READY),
        pod("etcd-3", phase="Pending", containerStatuses=[], conditions=[UNSCHEDULED]),
        pod("etcd-4", container=crashing),
    ]
    bound = {"datadir-etcd-4": {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}}
    found = replace(picture(5, pods, []), claims=bound)
    nodes = found.nodes(tls=False)
    briefs = ["ready", "not ready", "terminating", "Unschedulable", "CrashLoopBackOff ↻3"]
    assert [node.brief for node in nodes] == briefs
    cells = dict(nodes[4].cells)
    assert (cells["restarts"], cells["claim"]) == ("3 (OOMKilled 137)", "datadir-etcd-4 1Gi")
    assert found.note() == "shop/etcd 0/5 ready, 0 updated, PDB allows 0"


def test_events_are_those_of_the_set_and_what_belongs_to_it() -> None:
    found = picture(3, [pod()], [])
    ours = [
        ("Pod", "etcd-0"),
        ("Pod", "etcd-4"),
        ("StatefulSet", "etcd"),
        ("PodDisruptionBudget", "etcd-pdb"),
    ]
    ours += [("PersistentVolumeClaim", "datadir-etcd-1")]
    others = [
        ("Pod", "etcd-backup-7"),
        ("Pod", "my-etcd-0"),
        ("StatefulSet", "my-etcd"),
        ("Deployment", "etcd"),
    ]
    others += [("PersistentVolumeClaim", "old-etcd-1"), ("PersistentVolumeClaim", "datadir-my-etcd-1")]
    assert [found.owns(*one) for one in (*ours, *others)] == [True] * len(ours) + [False] * len(others)


def test_why_a_pod_was_not_made_counts_until_it_was() -> None:
    found, chronicle = picture(3, [pod()], []), Chronicle()

    def told(uid: str, reason: str, message: str, minute: int, name: str = "etcd") -> str:
        about = {"kind": "StatefulSet", "name": name}
        item = {"metadata": {"uid": uid}, "involvedObject": about, "reason": reason, "message": message}
        chronicle.take_in({**item, "lastTimestamp": f"2024-01-01T00:0{minute}:00Z"}, found)
        return chronicle.not_made("etcd-2")

    failed = "create Pod etcd-2 in StatefulSet etcd failed error: exceeded quota: few"
    assert told("a", "FailedCreate", failed, 1, "my-etcd") == ""
    assert told("b", "FailedCreate", failed, 1) == "exceeded quota: few"
    made = "create Pod etcd-2 in StatefulSet etcd successful"
    assert told("c", "SuccessfulCreate", made, 2) == ""
    assert (
        told("d", "FailedCreate", failed.replace("quota: few", "quota: other"), 3) == "exceeded quota: other"
    )


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


@pytest.mark.parametrize(
    ("kind", "manager", "way"),
    [
        ("StatefulSet", "etcdtui", "etcdtui itself has changed that"),
        ("StatefulSet", "kubectl-edit", "say the same in the profile, or have it changed there"),
        ("Service", "argocd", "to take it over: etcdtui render prod --only service/etcd | kubectl apply"),
    ],
)
def test_a_conflict_names_object_field_manager_and_the_way_out(kind: str, manager: str, way: str) -> None:
    causes = ((".spec.replicas", f'conflict with "{manager}" using apps/v1'),)
    error = ApiError("Apply failed with 1 conflict", "", 409, causes)
    told = refusal_of({"kind": kind, "metadata": {"name": "etcd"}}, error, "prod")
    assert told.message == f"{kind} etcd: this would change .spec.replicas, managed by {manager}"
    assert way in told.hint and ("force" in told.hint) is (kind == "Service")


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


def test_the_documented_roles_hold_the_rights_that_are_used_and_no_others() -> None:
    def said(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
        return {
            (verb, group, resource)
            for rule in rules
            for verb in rule["verbs"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }

    def used(*lists: Sequence[rights.Right]) -> set[tuple[str, str, str]]:
        return {(right.verb, right.group, right.resource) for each in lists for right in each}

    reading, acting = documented_rules()
    files = {("get", "", "configmaps")}
    assert said(reading) == used(rights.READING) | files
    assert said(acting) == used(rights.ACTING, rights.RESTORING) - files
