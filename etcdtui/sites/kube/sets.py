"""What a StatefulSet that runs etcd looks like: a pure reading of its JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from etcdtui.sites.kube.container import (
    POD,
    changes_members,
    command_of,
    environment,
    hook,
    is_scripted,
    options,
    with_pod_name,
)

CLIENT, PEER = 2379, 2380
MANAGED_BY, MANAGER = "app.kubernetes.io/managed-by", "etcdtui"
"""The label that tells whose an object is, and its value on ours: the owner of applied fields, too."""
STOPPED_FROM = "etcdtui/stopped-from"
"""Annotation of a StatefulSet whose nodes were stopped: how many replicas it had."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EtcdSet:
    """One StatefulSet, as far as it matters here."""

    name: str
    namespace: str
    uid: str
    service: str
    """The headless Service that names its pods."""
    selector: Mapping[str, str]
    replicas: int
    """Wanted."""
    ready: int
    updated: int
    stopped_from: int | None
    """How many replicas it had before nodes were stopped; None when none were."""
    container: str
    image: str
    client_port: int
    peer_port: int
    tls: bool
    """Whether its command line says that clients speak TLS."""
    scripted: bool
    """Whether its pods add and remove their own members by scripts."""
    initial_size: int | None
    """From which ordinal on its scripts do so; None when nothing tells."""
    leaves_at_end: bool
    """Whether its preStop hook removes the member of a pod that ends."""
    config_map: str
    """The ConfigMap that holds a file for every pod, empty for none."""
    config_file: str
    """Name of a pod's file in it, with ``{pod}`` for the pod's."""
    claims: tuple[str, ...]
    """Names of its claim templates."""
    grace: int
    """Seconds that a pod has to end."""
    on_delete: bool
    """Whether its pods are only updated when they are deleted."""
    peer_urls: str
    """A pod's peer URLs as its command line has them, ``{pod}`` for its name; empty when it does not tell."""
    drops_claims: bool
    """Whether Kubernetes deletes the claims of pods that are scaled away."""
    revision: str
    """The template as it is now, as Kubernetes names it; empty when it does not tell."""

    @property
    def size(self) -> int:
        """How many nodes it has, those included that were stopped."""
        return max(self.replicas, self.stopped_from or 0)

    @property
    def moves_from(self) -> int | None:
        """From which ordinal on a pod that is deleted changes the member list; None where none does."""
        if not self.scripted:
            return None
        return self.initial_size if self.initial_size is not None or not self.leaves_at_end else 0

    def pod(self, ordinal: int) -> str:
        """Name of the pod with that ordinal."""
        return f"{self.name}-{ordinal}"

    def ordinal(self, pod: str) -> int | None:
        """The ordinal of one of its pods; None for another name."""
        found = re.fullmatch(re.escape(self.name) + r"-(\d+)", pod)
        return int(found[1]) if found else None

    def host(self, pod: str) -> str:
        """The DNS name of a pod inside the cluster."""
        return f"{pod}.{self.service}.{self.namespace}.svc.cluster.local"

    def client_url(self, pod: str, *, tls: bool | None = None) -> str:
        """The client URL a pod is first looked for under."""
        secure = self.tls if tls is None else tls
        return f"{'https' if secure else 'http'}://{self.host(pod)}:{self.client_port}"

    def claim_names(self, pod: str) -> tuple[str, ...]:
        """The claims of a pod."""
        return tuple(f"{template}-{pod}" for template in self.claims)


def read_set(data: Json) -> EtcdSet:
    """A StatefulSet's JSON as our value; one that runs no etcd gives its first container."""
    meta, spec, status = data["metadata"], data["spec"], data.get("status") or {}
    pod = spec["template"]["spec"]
    container = container_of(data)
    ports = _ports(container)
    config_map, config_file = _config_map(pod, container)
    words = " ".join(command_of(container))
    annotation = str((meta.get("annotations") or {}).get(STOPPED_FROM, ""))
    return EtcdSet(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta.get("uid", ""),
        service=spec.get("serviceName") or meta["name"],
        selector=(spec.get("selector") or {}).get("matchLabels") or {},
        replicas=spec.get("replicas", 1),
        ready=status.get("readyReplicas") or 0,
        updated=status.get("updatedReplicas") or 0,
        stopped_from=int(annotation) if annotation.isdecimal() else None,
        container=container.get("name", ""),
        image=container.get("image", ""),
        client_port=ports.get("client", CLIENT),
        peer_port=ports.get("peer", PEER),
        tls=_speaks_tls(words, container),
        scripted=is_scripted(container),
        initial_size=_initial_size(container),
        leaves_at_end=changes_members(hook(container, "preStop")),
        config_map=config_map,
        config_file=config_file,
        claims=tuple(c["metadata"]["name"] for c in spec.get("volumeClaimTemplates") or ()),
        grace=pod.get("terminationGracePeriodSeconds", 30),
        on_delete=(spec.get("updateStrategy") or {}).get("type") == "OnDelete",
        peer_urls=_peer_urls(data, container, ports.get("peer", PEER)),
        drops_claims=(spec.get("persistentVolumeClaimRetentionPolicy") or {}).get("whenScaled") == "Delete",
        revision=status.get("updateRevision") or "",
    )


def _peer_urls(data: Json, container: Json, port: int) -> str:
    given = next((text for text in options(container, "initial-advertise-peer-urls") if "://" in text), "")
    if given and ("$" in given or POD not in given):
        # A script puts it together of what it alone knows; its scheme can be read.
        service = data["spec"].get("serviceName") or data["metadata"]["name"]
        host = f"{POD}.{service}.{data['metadata']['namespace']}.svc.cluster.local"
        return f"{given.partition('://')[0]}://{host}:{port}"
    return given


def runs_etcd(data: Json) -> bool:
    """Whether a StatefulSet's containers run etcd, or expose its ports."""
    containers = data["spec"]["template"]["spec"].get("containers") or []
    return etcd_container(containers) is not None


def container_of(data: Json) -> Json:
    """The container of a StatefulSet's template that runs etcd; its first one where none does."""
    containers = data["spec"]["template"]["spec"].get("containers") or [{}]
    return etcd_container(containers) or dict(containers[0])


def etcd_container(containers: list[Json]) -> Json | None:
    """The one of a pod's containers that runs etcd; None when none does."""
    tests: tuple[Callable[[Json], bool], ...] = (
        lambda c: {CLIENT, PEER} <= _numbers(c),
        lambda c: _program(c) == "etcd" or _image_name(c) == "etcd",
        lambda c: CLIENT in _numbers(c),
    )
    return next((c for test in tests for c in containers if test(c)), None)


def _numbers(container: Json) -> set[int]:
    return {port.get("containerPort", 0) for port in container.get("ports") or ()}


def _program(container: Json) -> str:
    words = command_of(container)
    return PurePosixPath(words[0]).name if words else ""


def _image_name(container: Json) -> str:
    return str(container.get("image", "")).rpartition("/")[2].partition("@")[0].partition(":")[0]


def _ports(container: Json) -> dict[str, int]:
    """Client and peer port by the names they often have, else by their numbers."""
    found: dict[str, int] = {}
    for port in container.get("ports") or ():
        number, name = port.get("containerPort", 0), str(port.get("name", ""))
        if number == CLIENT or "client" in name:
            found.setdefault("client", number)
        elif number == PEER or "peer" in name or "server" in name:
            found.setdefault("peer", number)
    return found


def _speaks_tls(words: str, container: Json) -> bool:
    own = environment(container)
    urls = f"{own.get('ETCD_ADVERTISE_CLIENT_URLS', '')} {own.get('ETCD_LISTEN_CLIENT_URLS', '')}"
    flags = re.findall(r"--(?:advertise|listen)-client-urls[= ]+(\S+)", words)
    return "https://" in urls or any("https://" in flag for flag in flags)


def _initial_size(container: Json) -> int | None:
    text = environment(container).get("INITIAL_CLUSTER_SIZE", "")
    return int(text) if text.isdecimal() else None


def _config_map(pod: Json, container: Json) -> tuple[str, str]:
    """The ConfigMap behind ``--config-file`` and the name of a pod's file in it; empty without."""
    found = re.search(r"--config-file[= ]+(\S+)", " ".join(command_of(container)))
    if found is None:
        return "", ""
    path = PurePosixPath(found[1])
    name = with_pod_name(path.name, container)
    volumes = {v["name"]: v for v in pod.get("volumes") or ()}
    for mount in container.get("volumeMounts") or ():
        volume = volumes.get(mount.get("name"), {})
        if PurePosixPath(mount.get("mountPath", "")) == path.parent and volume.get("configMap"):
            return str(volume["configMap"].get("name", "")), name
    return "", ""
