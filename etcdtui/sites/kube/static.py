"""etcd as static pods of kubeadm: seen and maintained here, started and stopped on its hosts alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar
from urllib.parse import urlsplit

from etcdtui.errors import SiteError
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.health import Finding
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean, plural
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.choice import SELECTOR, SYSTEM, Where, is_static
from etcdtui.sites.kube.container import command_of
from etcdtui.sites.kube.execute import by_etcdctl
from etcdtui.sites.kube.link import Link
from etcdtui.sites.kube.picture import Picture
from etcdtui.sites.kube.pods import pod_state
from etcdtui.sites.kube.sets import EtcdSet, etcd_container, read_set
from etcdtui.sites.kube.site import KubeReading

WHY = (
    "static pods: the kubelet of each host runs them from a file there, so the API server can neither start, "
    "stop nor restart them (deleting one deletes its mirror alone)"
)
WAY_OUT = "open the hosts with a profile of kind ssh for that; what etcd itself offers works here too"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StaticSet(EtcdSet):
    """Static pods in the place of a StatefulSet's."""

    names: tuple[str, ...]
    """The pods."""
    urls: Mapping[str, str]
    """Client URL by pod, as its command line advertises it."""
    options: Mapping[str, tuple[str, ...]]
    """By pod: what its own etcdctl needs to be let in, with the certificates that lie in the pod."""

    def pod(self, ordinal: int) -> str:
        """Name of the pod at that place of the list."""
        return self.names[ordinal]

    def ordinal(self, pod: str) -> int | None:
        """The place of a pod in the list; None for another name."""
        return self.names.index(pod) if pod in self.names else None

    def host(self, pod: str) -> str:
        """The address that the pod's URL has."""
        return urlsplit(self.urls[pod]).hostname or ""

    def client_url(self, pod: str, *, tls: bool | None = None) -> str:
        """The client URL that the pod advertises."""
        del tls
        return self.urls[pod]


class StaticPicture(Picture):
    """Static pods at one moment."""

    __slots__ = ()
    kind: ClassVar[str] = "static pods"

    def sentence(self) -> str:
        """``etcd: 3 pods, 3 ready``."""
        return f"{self.etcd.name}: {plural(len(self.pods), 'pod')}, {self._ready()} ready"

    def note(self) -> str:
        """The whole in a few words."""
        return f"{self.etcd.namespace} {self._ready()}/{len(self.pods)} static pods ready"

    def _ready(self) -> int:
        return sum(pod_state(pod, self.etcd.container).ready for pod in self.pods.values())


def read_static(namespace: str, pods: Mapping[str, Json]) -> StaticSet:
    """What the command lines of static pods say. Raises SiteError when there are none."""
    found = {name: pod for name, pod in sorted(pods.items()) if is_static(pod)}
    if not found:
        raise SiteError(f"no static pod in namespace {clean(namespace)} runs etcd")
    spec = {"replicas": len(found), "template": {"spec": next(iter(found.values()))["spec"]}}
    base = read_set({"metadata": {"name": "etcd", "namespace": namespace}, "spec": spec})
    # The command line that was read is that of one pod.
    given = {f.name: getattr(base, f.name) for f in fields(EtcdSet)} | {"peer_urls": ""}
    return StaticSet(
        **given,
        names=tuple(found),
        urls={name: _client_url(pod) for name, pod in found.items()},
        options={name: _own_way_in(pod) for name, pod in found.items()},
    )


def _flag(pod: Json, name: str) -> str:
    """The value of a flag on the command line of a pod's etcd; empty without."""
    words = " ".join(command_of(etcd_container(pod["spec"].get("containers") or []) or {}))
    found = re.search(rf"--{name}[= ](\S+)", words)
    return found[1] if found else ""


def _client_url(pod: Json) -> str:
    url = _flag(pod, "advertise-client-urls").partition(",")[0]
    return url or f"https://{(pod.get('status') or {}).get('podIP') or 'unknown'}:2379"


def _own_way_in(pod: Json) -> tuple[str, ...]:
    """kubeadm's server certificate is one for clients too."""
    flags = (("cacert", "trusted-ca-file"), ("cert", "cert-file"), ("key", "key-file"))
    return tuple(f"--{ours}={path}" for ours, theirs in flags if (path := _flag(pod, theirs)))


class StaticLink(Link):
    """The static pods of one API server, in the place of a StatefulSet."""

    def _which(self, where: Where) -> tuple[str, str]:
        return where.namespace or SYSTEM, "etcd"

    def _labels(self) -> str:
        return SELECTOR

    def read_set(self) -> EtcdSet:
        """The pods as they are now. Raises SiteError."""
        return read_static(self.namespace, self.pods())

    def _read(self, dirty: bool) -> Picture:
        del dirty
        pods = self.pods()
        etcd = read_static(self.namespace, pods)
        return StaticPicture(etcd, {name: pods[name] for name in etcd.names})


class StaticPods(KubeReading):
    """What can be done where the API server cannot start or stop anything: look, and ask etcd itself."""

    reading = rights.STATIC

    def _make_link(self) -> Link:
        return StaticLink(self._where, self._forwards.directory, self._pod_changed, self.chronicle.read)

    def profile_keys(self) -> Mapping[str, object]:
        """That they are static pods, and their namespace."""
        namespace = {"namespace": self._picture.etcd.namespace} if self._picture is not None else {}
        return {**namespace, "static_pods": True}

    def dial(self, url: str) -> EtcdWriter:
        """By port-forward with the profile's certificates; without any by the pod's etcdctl and its own."""
        if self._material() is None and url.startswith("https://"):
            return self._by_itself(self.pod_of(url)[0], url)
        return super().dial(url)

    def _other_way(self, pod: str, url: str) -> EtcdWriter | None:
        return self._by_itself(pod, url) if self._credentials is None else None

    def _by_itself(self, pod: str, url: str) -> EtcdWriter:
        link, etcd = self.link(), self.picture().etcd
        options = etcd.options.get(pod, ()) if isinstance(etcd, StaticSet) else ()
        return by_etcdctl(link.access, link.namespace, pod, etcd.container, url, options)

    def findings(self, snapshot: ClusterSnapshot) -> tuple[Finding, ...]:
        """What cannot be done here, and where it can."""
        del snapshot
        return (Finding("nodes", Severity.OK, f"{WHY}; {WAY_OUT}"),)

    def examine(self, read_only: bool) -> tuple[Finding, ...]:
        """The rights that are used, each granted or not."""
        del read_only
        return super().examine(True)
