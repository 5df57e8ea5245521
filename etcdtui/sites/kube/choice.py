"""Which etcd of a Kubernetes is meant: StatefulSets that run it, and static pods as kubeadm makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.kube.api import Api, ApiError
from etcdtui.sites.kube.container import command_of
from etcdtui.sites.kube.sets import etcd_container, read_set, runs_etcd

SYSTEM = "kube-system"
"""Where static pods of the control plane are."""
SELECTOR = "component=etcd"
"""Label of kubeadm's static pods."""
_MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True)
class Where:
    """Which etcd is meant, as far as the operator said."""

    context: str = ""
    namespace: str = ""
    statefulset: str = ""
    kubeconfig: Path | None = None
    secret: str = ""
    """Name of a Secret with the client certificate, its key and the CA; empty for none."""
    helper_image: str = ""
    """An image with a shell, for work on the volumes of stopped pods; empty where etcd's own has one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One etcd that could be meant."""

    namespace: str
    statefulset: str
    """Empty for static pods."""
    words: str
    """What it is, such as ``StatefulSet, 3 of 3 ready, etcd:v3.5.9``."""

    @property
    def static(self) -> bool:
        """Whether it is static pods."""
        return not self.statefulset

    @property
    def label(self) -> str:
        """``namespace/name``."""
        return f"{clean(self.namespace)}/{clean(self.statefulset) or 'static pods'}"

    @property
    def flags(self) -> str:
        """How the command line names it."""
        how = f"--statefulset {clean(self.statefulset)}" if self.statefulset else "--static-pods"
        return f"-n {clean(self.namespace)} {how}"


class Undecided(SiteError):
    """It is not clear which one is meant, or it takes another kind of site to show it.

    Args:
        candidates: what there is to choose from.
    """

    def __init__(self, message: str, hint: str, candidates: Sequence[Candidate]) -> None:
        super().__init__(message, hint)
        self.candidates = tuple(candidates)

    @property
    def question(self) -> str:
        """What to ask a person."""
        return "several run etcd here: which one is it?" if len(self.candidates) > 1 else "open this one?"


def choose(api: Api, where: Where, of_context: str) -> tuple[str, str]:
    """Namespace and name of the one StatefulSet that is meant.

    Raises:
        Undecided: several could be meant, or only static pods.
        SiteError: there is none.
    """
    namespace = where.namespace or of_context or "default"
    if where.statefulset:
        return namespace, _named(api, namespace, where.statefulset)
    found = candidates(api, namespace)
    if not found and not where.namespace:
        found = _everywhere(api)
    if not found:
        text = f"no StatefulSet in namespace {clean(namespace)} runs etcd"
        raise SiteError(text, "name its namespace with -n, or it with --statefulset")
    if len(found) == 1 and not found[0].static:
        return found[0].namespace, found[0].statefulset
    if len(found) == 1:
        text = f"etcd runs in {found[0].label}: {found[0].words}"
        raise Undecided(text, f"give {found[0].flags}", found)
    several = "; ".join(f"{c.label} ({c.words})" for c in found)
    how = " or ".join(c.flags for c in found[:2])
    raise Undecided(f"several run etcd: {several}", f"choose one, such as {how}", found)


def _named(api: Api, namespace: str, name: str) -> str:
    try:
        api.get(f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}")
    except ApiError as error:
        if error.status != 404:
            raise
        there = ", ".join(clean(c.statefulset) for c in _sets(api, namespace)) or "none that runs etcd"
        text = f"there is no StatefulSet {clean(name)!r} in namespace {clean(namespace)}"
        raise SiteError(text, f"there is {there}") from None
    return name


def candidates(api: Api, namespace: str) -> list[Candidate]:
    """What runs etcd in a namespace, StatefulSets first; in all namespaces for an empty one."""
    found = _sets(api, namespace)
    if namespace in ("", SYSTEM):
        found += _static(api)
    return found


def _sets(api: Api, namespace: str) -> list[Candidate]:
    within = f"/namespaces/{namespace}" if namespace else ""
    items = [s for s in api.get(f"/apis/apps/v1{within}/statefulsets")["items"] if runs_etcd(s)]
    out = []
    for etcd in map(read_set, items):
        image = clean(etcd.image.rpartition("/")[2], 40)
        out.append(
            Candidate(
                etcd.namespace,
                etcd.name,
                f"StatefulSet, {etcd.ready} of {etcd.replicas} ready, {image}",
            )
        )
    return out


def _static(api: Api) -> list[Candidate]:
    try:
        items = api.get(f"/api/v1/namespaces/{SYSTEM}/pods", {"labelSelector": SELECTOR})["items"]
    except ApiError as error:
        if error.status == 403:
            return []
        raise
    names = sorted(clean(pod["metadata"]["name"], 60) for pod in items if is_static(pod))
    return [Candidate(SYSTEM, "", f"static pods, {', '.join(names)}")] if names else []


def is_static(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is the mirror of a kubelet's static pod that runs etcd."""
    container = etcd_container(pod["spec"].get("containers") or [])
    mirrored = _MIRROR in (pod["metadata"].get("annotations") or {})
    return mirrored and container is not None and "etcd" in " ".join(command_of(container))


def _everywhere(api: Api) -> list[Candidate]:
    try:
        return candidates(api, "")
    except ApiError as error:
        if error.status == 403:
            return _static(api)
        raise
