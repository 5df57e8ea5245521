"""Where replicas, pods, claims and members do not agree: each mismatch in words, with its one safe remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from etcdtui.model.cluster import ClusterSnapshot, Member, RunState
from etcdtui.model.health import Finding, Severity
from etcdtui.model.text import clean, duration
from etcdtui.sites.kube.budgets import is_ours, kept_by
from etcdtui.sites.kube.picture import Picture, moment_of
from etcdtui.sites.kube.pods import hindrance, pod_state

CHECK = "drift"
LOOPING = 3
"""Restarts after which a container that has failed again is said to loop."""
PATIENCE = 60.0
"""Seconds over its grace in which a busy kubelet may still say that a pod has ended."""
LOST = ("has already been bootstrapped", "Was the raft log corrupted, truncated, or lost?")
"""What etcd says in the end where the data of a member is gone; the second where it joined a cluster."""
REMOVED = "permanently removed from the cluster"
"""... where it is that of a member which was removed."""
FULL = "no space left on device"
IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
SETTINGS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
"""Why a container waits, in Kubernetes' words."""


def drift(
    picture: Picture,
    snapshot: ClusterSnapshot,
    reasons: Mapping[str, str] = MappingProxyType({}),
    *,
    now: float = 0.0,
) -> tuple[Finding, ...]:
    """The mismatches, the most dangerous first; one line that says so when there is none.

    Args:
        reasons: by pod, what the log of one that fails says of that, or why one is not made.
        now: Unix seconds.
    """
    found = [*_ghosts(picture, snapshot), *_strangers(picture, snapshot), *_loops(picture, reasons)]
    found += [*_stuck(picture, now), *_claims(picture), *_missing(picture, reasons)]
    found += [*_stale_claims(picture, snapshot)]
    found += [*_stopped(picture, snapshot), *_outdated(picture), *_budgets(picture)]
    return tuple(found) or (Finding(CHECK, Severity.OK, "replicas, pods, claims and members agree"),)


def _warning(message: str, remedy: str = "") -> Finding:
    return Finding(CHECK, Severity.WARNING, message, remedy)


def pod_of(picture: Picture, member: Member) -> str:
    """The pod a member belongs to, by its name or the host of its URLs; empty for none of the set's."""
    urls = (*member.peer_urls, *member.client_urls)
    hosts = (url.partition("://")[2].partition(":")[0].partition(".")[0] for url in urls)
    return next((word for word in (member.name, *hosts) if picture.etcd.ordinal(word) is not None), "")


def _ghosts(picture: Picture, snapshot: ClusterSnapshot) -> Iterator[Finding]:
    """Members whose pod is not wanted any more, and those that never started."""
    if not snapshot.members_known:
        return
    for member in snapshot.members:
        pod = pod_of(picture, member)
        ordinal = picture.etcd.ordinal(pod) if pod else None
        label = f"member {clean(member.label)} ({member.hex_id})"
        if ordinal is not None and ordinal >= picture.etcd.size and pod not in picture.pods:
            yield _warning(f"{label} has no pod, and the StatefulSet wants none: remove the member", "scale")
        elif not member.started and pod and pod in picture.pods:
            yield _warning(f"{label} was added and has not started in {pod}: look at its log")
        elif not member.started and ordinal is None:
            yield _warning(f"{label} was added and belongs to no pod: remove the member", "scale")


def _strangers(picture: Picture, snapshot: ClusterSnapshot) -> Iterator[Finding]:
    """Pods that run without a member."""
    if not snapshot.members_known:
        return
    taken = {pod_of(picture, member) for member in snapshot.members}
    for name, pod in picture.pods.items():
        if name in taken or pod["metadata"].get("deletionTimestamp"):
            continue
        if pod_state(pod, picture.etcd.container).run_state is RunState.RUNNING:
            yield _warning(f"pod {name} runs and belongs to no member: scale below it", "scale")


def _loops(picture: Picture, reasons: Mapping[str, str]) -> Iterator[Finding]:
    for name, pod in picture.pods.items():
        state = pod_state(pod, picture.etcd.container)
        if state.run_state is RunState.FAILED and state.restarts >= LOOPING:
            ordinal, size = picture.etcd.ordinal(name), picture.etcd.initial_size
            why = reasons.get(name) or clean(state.words, 80)
            text = f"{name} fails again and again ({state.restarts} restarts, {why})"
            if picture.etcd.scripted and size is not None and ordinal is not None and ordinal >= size:
                yield _warning(f"{text}: scale to {ordinal}, which mends what its scripts left", "scale")
            else:
                yield _mended(picture, name, text, why)


def _mended(picture: Picture, name: str, text: str, why: str) -> Finding:
    """The remedy that etcd's own last words ask for."""
    ordinal = picture.etcd.ordinal(name)
    if any(words in why for words in LOST):
        return _warning(f"{text}: replace the member", "replace-member")
    if REMOVED in why and ordinal == picture.etcd.replicas - 1:
        return _warning(f"{text}: scale to {ordinal} and up again, which gives it a new volume", "scale")
    if FULL in why:
        return _warning(f"{text}: give its claim more room")
    return _warning(f"{text}: look at its log")


def _stuck(picture: Picture, now: float) -> Iterator[Finding]:
    """Pods that Kubernetes cannot start, or cannot end."""
    for name, pod in picture.pods.items():
        state = pod_state(pod, picture.etcd.container)
        reason, words = hindrance(pod, picture.etcd.container), clean(state.words, 160)
        if (ends := moment_of(pod["metadata"].get("deletionTimestamp"))) is not None:
            if now - ends > PATIENCE:
                where = clean(pod["spec"].get("nodeName") or "its machine", 80)
                text = f"{name} should have ended {duration(now - ends)} ago, and {where} does not end it"
                yield _warning(f"{text}: once that machine is off for certain, kill the pod", "kill-node")
        elif reason == "Unschedulable":
            yield _warning(f"{name} has no place, {words}: free or add what it asks for")
        elif reason in IMAGE:
            yield _warning(f"{name} does not start, {words}: name an image that its machine can pull")
        elif reason in SETTINGS:
            yield _warning(f"{name} does not start, {words}: correct that in the StatefulSet's template")


def _missing(picture: Picture, reasons: Mapping[str, str]) -> Iterator[Finding]:
    """Replicas without a pod."""
    for name in map(picture.etcd.pod, range(picture.etcd.replicas)):
        if name not in picture.pods:
            why = f" ({reasons[name]})" if reasons.get(name) else ""
            yield _warning(
                f"{name} is wanted and has no pod{why}: Kubernetes makes it once nothing forbids it"
            )


def _claims(picture: Picture) -> Iterator[Finding]:
    """Pods whose claim is not there, goes, waits or has lost its volume."""
    if picture.claims is None:
        return
    for pod in picture.pods:
        for claim in picture.etcd.claim_names(pod):
            found = picture.claims.get(claim)
            phase = ((found or {}).get("status") or {}).get("phase", "")
            if found is None:
                yield _warning(f"{pod} runs without its claim {claim}: replace the member", "replace-member")
            elif found.get("metadata", {}).get("deletionTimestamp"):
                text = f"claim {claim} is being deleted, and its data goes with {pod}'s pod"
                yield _warning(f"{text}: replace the member while the others are well", "replace-member")
            elif phase == "Lost":
                yield _warning(f"claim {claim} has lost its volume: replace the member", "replace-member")
            elif phase == "Pending":
                yield _warning(f"claim {claim} waits for a volume: look at its events and StorageClass")


def _outdated(picture: Picture) -> Iterator[Finding]:
    """Pods of an older template: nothing renews them by itself where they are updated on deletion."""
    revision = picture.etcd.revision
    shown = {name: _label(pod, "controller-revision-hash") for name, pod in picture.pods.items()}
    old = sorted(name for name, its in shown.items() if revision and its and its != revision)
    if old:
        run = "runs" if len(old) == 1 else "run"
        text = f"{', '.join(old)} {run} an older template of StatefulSet {picture.etcd.name}"
        yield _warning(
            f"{text}: a rolling restart renews what it does not renew by itself", "rolling-restart"
        )


def _label(pod: Mapping[str, Any], name: str) -> str:
    return str((pod["metadata"].get("labels") or {}).get(name, ""))


def _stale_claims(picture: Picture, snapshot: ClusterSnapshot) -> Iterator[Finding]:
    """Claims of nodes that are no members any more: their data would come back as a removed member."""
    if picture.claims is None or not snapshot.members_known:
        return
    taken = {pod_of(picture, member) for member in snapshot.members}
    for template in picture.etcd.claims:
        for claim in picture.claims:
            pod = claim.removeprefix(f"{template}-")
            if pod == claim or picture.etcd.ordinal(pod) is None:
                continue
            if pod not in taken and pod not in picture.pods and not _is_stopped(picture, pod):
                yield _warning(
                    f"claim {claim} holds the data of a removed member: scaling up deletes it first"
                )


def _is_stopped(picture: Picture, pod: str) -> bool:
    ordinal = picture.etcd.ordinal(pod)
    return ordinal is not None and picture.etcd.replicas <= ordinal < picture.etcd.size


def _stopped(picture: Picture, snapshot: ClusterSnapshot) -> Iterator[Finding]:
    etcd = picture.etcd
    taken = {pod_of(picture, member) for member in snapshot.members}
    for ordinal in range(etcd.replicas, etcd.size):
        name = etcd.pod(ordinal)
        if snapshot.members_known and name not in taken:
            yield _warning(
                f"{name} is stopped, its member removed: scale to {ordinal} to give it up", "scale"
            )
        else:
            yield _warning(f"{name} is stopped: start it to bring it back", "start-all")


def _budgets(picture: Picture) -> Iterator[Finding]:
    """A disruption budget that lets a drain take the quorum."""
    size = picture.etcd.size
    if picture.budgets is None or size < 3:
        return
    if not picture.budgets:
        yield _warning("no PodDisruptionBudget covers the pods: a drain may take the quorum")
        return
    for budget in picture.budgets:
        name, kept = budget["metadata"]["name"], kept_by(budget.get("spec") or {}, size)
        if kept < size // 2 + 1:
            text = f"PodDisruptionBudget {name} keeps {kept} of {size} pods, quorum is {size // 2 + 1}"
            yield _warning(f"{text}: set minAvailable to {size // 2 + 1}", "scale" if is_ours(budget) else "")
