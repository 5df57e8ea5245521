"""The objects of a new cluster in Kubernetes, as JSON; pure, the same for the console and for git."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from etcdtui.model.bootstrap import (
    CLIENT_PORT,
    METRICS_PORT,
    PEER_PORT,
    KubeBootstrap,
    Spread,
    Tls,
)
from etcdtui.model.bootstrap_checks import version_of
from etcdtui.model.etcd_settings import KUBE_TLS, as_yaml, pod_settings
from etcdtui.model.quorum import quorum_of
from etcdtui.model.versions import Version
from etcdtui.sites.kube.sets import MANAGED_BY, MANAGER

Json = dict[str, Any]

GRACE = 30
"""Seconds a pod has to end: handing leadership over takes one or two."""
_PROBED = {4: (3, 4, 29), 5: (3, 5, 11)}
"""By minor version: the first release that has ``/livez`` and ``/readyz``."""


class Manifests:
    """All objects of one cluster.

    Args:
        plan: what it is to be.
        name: of the StatefulSet and its headless Service; the others' begin with it.
        policy: API version of PodDisruptionBudgets that the server has.
    """

    def __init__(self, plan: KubeBootstrap, name: str, namespace: str, policy: str = "policy/v1") -> None:
        self.plan = plan
        self.name = name
        self.namespace = namespace
        self.policy = policy

    @property
    def labels(self) -> dict[str, str]:
        """What tells its pods from others."""
        return {"app.kubernetes.io/name": "etcd", "app.kubernetes.io/instance": self.name}

    @property
    def pods(self) -> tuple[str, ...]:
        """The names of the pods."""
        return tuple(f"{self.name}-{ordinal}" for ordinal in range(self.plan.members))

    @property
    def domain(self) -> str:
        """DNS name of the headless Service."""
        return f"{self.name}.{self.namespace}.svc.{self.plan.cluster_domain}"

    @property
    def secrets(self) -> tuple[str, str]:
        """The Secrets for clients and for peers; empty without TLS."""
        if self.plan.tls is Tls.GIVEN:
            return self.plan.secrets
        return (f"{self.name}-server", f"{self.name}-peer") if self.plan.tls is Tls.MADE else ("", "")

    def all(self, *, founded: bool = False) -> tuple[Json, ...]:
        """Every object but the Secrets, in the order in which they are applied."""
        return (
            self.budget(),
            self.headless_service(),
            self.client_service(),
            self.config_map(founded=founded),
            self.stateful_set(),
        )

    # -- the small ones ------------------------------------------------------------------------

    def object(self, version: str, kind: str, name: str, **fields: Any) -> Json:
        """One object of the cluster, with its labels."""
        labels = {**self.labels, MANAGED_BY: MANAGER}
        meta = {"name": name, "namespace": self.namespace, "labels": labels}
        return {"apiVersion": version, "kind": kind, "metadata": meta, **fields}

    def budget(self) -> Json:
        """The PodDisruptionBudget: a quorum stays, whoever drains nodes."""
        spec = {"minAvailable": quorum_of(self.plan.members), "selector": {"matchLabels": self.labels}}
        return self.object(self.policy, "PodDisruptionBudget", self.name, spec=spec)

    def headless_service(self) -> Json:
        """Names for the pods, before they are ready too: they must find each other to become it."""
        spec = {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": self.labels,
            "ports": [_port("client", CLIENT_PORT), _port("peer", PEER_PORT)],
        }
        return self.object("v1", "Service", self.name, spec=spec)

    def client_service(self) -> Json:
        """One name for clients, of the pods that are ready."""
        spec = {"selector": self.labels, "ports": [_port("client", CLIENT_PORT)]}
        return self.object("v1", "Service", f"{self.name}-client", spec=spec)

    def config_map(self, *, founded: bool) -> Json:
        """A configuration file a pod.

        Args:
            founded: see `etcdtui.model.etcd_settings.host_settings`.
        """
        data = {f"{pod}.yaml": self.file(pod, self.pods, founded=founded) for pod in self.pods}
        return self.object("v1", "ConfigMap", f"{self.name}-config", data=data)

    def file(self, pod: str, pods: Sequence[str], *, founded: bool) -> str:
        """The configuration file of one pod."""
        cluster = f"{self.namespace}/{self.name}"
        return as_yaml(pod_settings(self.plan, pod, pods, self.domain, cluster, founded=founded))

    # -- the StatefulSet -----------------------------------------------------------------------

    def stateful_set(self) -> Json:
        """The pods: etcd itself and nothing else, so that an image without a shell will do."""
        plan = self.plan
        spec: Json = {
            "replicas": plan.members,
            "serviceName": self.name,
            # One after the other they would wait for ever: none is ready before a quorum runs.
            "podManagementPolicy": "Parallel",
            # A rollout of Kubernetes' own does not look at etcd's health; the console's does.
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": self.labels},
            "template": {"metadata": {"labels": self.labels}, "spec": self._pod()},
        }
        if plan.storage:
            spec["volumeClaimTemplates"] = [self._claim()]
        return self.object("apps/v1", "StatefulSet", self.name, spec=spec)

    def _claim(self) -> Json:
        spec: Json = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": self.plan.storage}},
        }
        if self.plan.storage_class:
            spec["storageClassName"] = self.plan.storage_class
        return {"metadata": {"name": "data"}, "spec": spec}

    def _pod(self) -> Json:
        run_as = self.plan.run_as
        volumes: list[Json] = [{"name": "config", "configMap": {"name": f"{self.name}-config"}}]
        for kind, secret in zip(("server", "peer"), self.secrets, strict=True):
            if secret:
                # Readable by the pod's group, which etcd belongs to.
                volumes.append(
                    {"name": f"tls-{kind}", "secret": {"secretName": secret, "defaultMode": 0o440}}
                )
        if not self.plan.storage:
            volumes.append({"name": "data", "emptyDir": {}})
        out: Json = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE,
            "securityContext": {
                "runAsUser": run_as,
                "runAsGroup": run_as,
                "fsGroup": run_as,
                "runAsNonRoot": run_as != 0,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self._container()],
            "volumes": volumes,
        }
        if affinity := self._affinity():
            out["affinity"] = affinity
        return out

    def _affinity(self) -> Json:
        term = {"labelSelector": {"matchLabels": self.labels}, "topologyKey": "kubernetes.io/hostname"}
        rule: list[Json]
        match self.plan.spread:
            case Spread.REQUIRED:
                key, rule = "required", [term]
            case Spread.PREFERRED:
                key, rule = "preferred", [{"weight": 100, "podAffinityTerm": term}]
            case Spread.NONE:
                return {}
        return {"podAntiAffinity": {f"{key}DuringSchedulingIgnoredDuringExecution": rule}}

    def _container(self) -> Json:
        mounts = [
            {"name": "data", "mountPath": "/var/lib/etcd"},
            {"name": "config", "mountPath": "/etc/etcd"},
        ]
        mounts += [
            {"name": f"tls-{kind}", "mountPath": f"{KUBE_TLS}/{kind}"}
            for kind, secret in zip(("server", "peer"), self.secrets, strict=True)
            if secret
        ]
        ports = (("client", CLIENT_PORT), ("peer", PEER_PORT), ("metrics", METRICS_PORT))
        return {
            "name": "etcd",
            "image": self.plan.image,
            "imagePullPolicy": "IfNotPresent",
            # Kubernetes itself expands $(POD_NAME).
            "command": ["etcd", "--config-file=/etc/etcd/$(POD_NAME).yaml"],
            "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports],
            **probes(version_of(self.plan) or (3, 5, 0)),
            "resources": self._resources(),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": mounts,
        }

    def _resources(self) -> Json:
        asked = {"cpu": self.plan.cpu, "memory": self.plan.memory}
        out: Json = {"requests": {key: value for key, value in asked.items() if value}}
        if self.plan.memory_limit:
            out["limits"] = {"memory": self.plan.memory_limit}
        return out


def probes(version: Version) -> Json:
    """The probes, by what that etcd answers.

    A pod is not ready while its member knows no leader; it is killed only when etcd itself is stuck,
    never because the others are away.
    """
    first = _PROBED.get(version[1], (3, 6, 0))
    if version >= first:
        alive, ready = _http("/livez"), _http("/readyz")
    elif version >= (3, 5, 0):
        alive, ready = _http("/health?exclude=NOSPACE&serializable=true"), _http("/health")
    else:
        # Its /health is a read by all: without a quorum it would end every pod.
        alive, ready = {"tcpSocket": {"port": "metrics"}}, _http("/health")
    return {
        "startupProbe": {**alive, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 60},
        "livenessProbe": {**alive, "periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {**ready, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3},
    }


def _http(path: str) -> Json:
    return {"httpGet": {"path": path, "port": "metrics", "scheme": "HTTP"}}


def _port(name: str, number: int) -> Json:
    # Server-side apply tells ports apart by their protocol too.
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
