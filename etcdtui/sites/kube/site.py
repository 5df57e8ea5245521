"""The site of a StatefulSet: reached by port-forwards, followed by a watch; other modules add the rest."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from etcdtui.errors import SiteError, UsageError
from etcdtui.etcd.api import EtcdWriter, TlsMaterial
from etcdtui.model.cluster import ClusterSnapshot, Node, RunState
from etcdtui.model.events import Event
from etcdtui.model.health import Finding
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.access import open_access
from etcdtui.sites.kube.api import Api, ApiError
from etcdtui.sites.kube.drift import drift
from etcdtui.sites.kube.forward import Forward
from etcdtui.sites.kube.logs import KubeLogs
from etcdtui.sites.kube.picture import Picture
from etcdtui.sites.kube.restores import KubeRestores
from etcdtui.sites.kube.tunnel import tunnelled
from etcdtui.sites.local.logs import best_line
from etcdtui.sites.urls import is_tls, target

LAST_WORDS = 60
"""Lines of a log in which the reason of an end is looked for."""
CONNECT = 5.0
"""Seconds that making the ways to all pods may take, unless told otherwise."""


class KubeReading(KubeLogs):
    """What is read of pods, whoever makes them; see `KubeBase` for the arguments."""

    reading: Sequence[rights.Right] = rights.READING
    """The rights that reading takes."""
    failures: dict[str, tuple[str, str]]
    """By node: the run that failed last, and what its log says of that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failures = {}

    def connect(self, timeout: float = CONNECT) -> str:
        """Reach the API server, find the pods and make the ways to them.

        Args:
            timeout: seconds that making the ways may take; those that take longer are made when needed.

        Returns:
            What was found, in a line.

        Raises:
            SiteError: see `etcdtui.sites.kube.link.Link`.
        """
        link = self.link()
        picture = self.look()
        running = [name for name in self._names(picture.ordinals) if name in picture.pods]
        threads = [
            threading.Thread(target=self._way_to(name).prepare, name=f"way-{name}", daemon=True)
            for name in running
        ]
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.start()
        # What the first reading needs is imported meanwhile.
        import etcdtui.etcd.rpc  # noqa: F401

        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return f"{picture.kind} {link.namespace}/{picture.sentence()}, context {link.access.context}"

    def connect_and_ask(self) -> str:
        """`connect`, and ask for our rights meanwhile: those that are missing become news."""
        link = self.link()

        def ask() -> None:
            for lacking in rights.missing(link.api, link.namespace, self._rights_to_read()):
                self.chronicle.tell(Severity.WARNING, f"may not {lacking}")

        threading.Thread(target=ask, name="etcdtui-rights", daemon=True).start()
        return self.connect()

    def _rights_to_read(self) -> tuple[rights.Right, ...]:
        return (*self.reading, *rights.certificate("" if self._tls else self._where.secret))

    def examine(self, read_only: bool) -> tuple[Finding, ...]:
        """The rights that are used, each granted or not, also where they do not suffice to look."""
        reading = self._rights_to_read()
        try:
            link = self.link()
        except ApiError as error:
            if error.status != 403:
                raise
        else:
            return rights.examine(link.api, link.namespace, read_only, reading)
        where = self._where
        access = open_access(where.context, where.kubeconfig, keys=self._forwards.directory)
        with contextlib.closing(Api(access)) as api:
            return rights.examine(api, where.namespace or access.namespace or "default", read_only, reading)

    def _way_to(self, pod: str, port: int = 0) -> Forward:
        link = self.link()
        return self._forwards.to(link.access, link.namespace, pod, port or self.picture().etcd.client_port)

    def seeds(self) -> tuple[str, ...]:
        """The client URLs of the pods; none before the StatefulSet was read."""
        picture = self._picture
        if picture is None:
            return ()
        return tuple(picture.etcd.client_url(p, tls=self._secure()) for p in self._names(picture.ordinals))

    def profile_keys(self) -> Mapping[str, object]:
        """Namespace and StatefulSet, as they were found."""
        if self._picture is None:
            return {}
        return {"namespace": self._picture.etcd.namespace, "statefulset": self._picture.etcd.name}

    def _names(self, ordinals: tuple[int, ...]) -> list[str]:
        etcd = self.picture().etcd
        return [etcd.pod(ordinal) for ordinal in ordinals]

    def _secure(self) -> bool:
        lacking = self._link is not None and bool(self._link.lacking)
        return self._material() is not None or lacking or self.picture().etcd.tls

    def _material(self) -> TlsMaterial | None:
        return self._tls or (self._link.tls if self._link is not None else None)

    def dial(self, url: str) -> EtcdWriter:
        """The API of a member, through a port-forward to the pod that its URL names.

        In TLS the pod's own name is checked, the one in the URL, unless the profile names another.

        Raises:
            SiteError: the URL is no endpoint or names no pod, or nothing is known of the pods yet.
        """
        from etcdtui.etcd.rpc import dial

        if self._link is None or self._picture is None:
            raise SiteError(f"{self.name}: the pods are not known yet")
        pod, port = self.pod_of(url)
        if self._link.lacking and self._material() is None and is_tls(url):
            raise SiteError(self._link.lacking, "ask for that right, or give the certificate as files")
        try:
            asked = target(url, self._material() if is_tls(url) else None, self._login)
        except UsageError as error:
            raise SiteError(error.message) from None
        forward = self._way_to(pod, port)
        inner = dial(replace(asked, address=f"unix:{forward.address}"))
        return tunnelled(inner, forward, self._other_way(pod, url), self.way_trouble)

    def _other_way(self, pod: str, url: str) -> EtcdWriter | None:
        """The endpoint by the pod's own etcdctl; None where that has no certificate or password to show."""
        if is_tls(url) or self._credentials is not None:
            return None
        from etcdtui.sites.kube.execute import by_etcdctl

        link = self.link()
        return by_etcdctl(link.access, link.namespace, pod, self.picture().etcd.container, url)

    def nodes(self) -> tuple[Node, ...]:
        """The pods, and those that the StatefulSet had before they were stopped.

        Raises:
            SiteError: the API server is not reached or the StatefulSet is gone.
        """
        before, picture = self._picture, self.look()
        if picture is before and self._nodes:
            return self._nodes
        nodes = picture.nodes(tls=self._secure())
        if any(node.name not in picture.pods for node in nodes):
            # Elsewhere they are news that can wait; here they may tell why.
            self.chronicle.read(self.link())
        self._nodes = tuple(self._explained(node, picture) for node in nodes)
        return self._nodes

    def _explained(self, node: Node, picture: Picture) -> Node:
        """A node whose pod is not there or whose etcd fails, with the reason that is told."""
        if node.name not in picture.pods:
            wanted = node.name in map(picture.etcd.pod, range(picture.etcd.replicas))
            why = self.chronicle.not_made(node.name) if wanted else ""
            return replace(node, detail=f"{node.detail}: {why}") if why else node
        if node.run_state is not RunState.FAILED:
            self.failures.pop(node.name, None)
            why = self._unbound(node, picture) if node.run_state is RunState.STARTING else ""
            return replace(node, detail=f"{why} · {node.detail}") if why else node
        why = self._why_failed(node)
        return replace(node, detail=f"{why} · {node.detail}") if why else node

    def _unbound(self, node: Node, picture: Picture) -> str:
        """Why the claim of a pod that waits is not bound; empty where it is, or nobody has said so."""
        for name in picture.etcd.claim_names(node.name):
            phase = ((picture.claims or {}).get(name, {}).get("status") or {}).get("phase")
            if phase == "Pending" and (why := self.chronicle.unbound(name)):
                return f"its claim {name} gets no volume: {why}"
        return ""

    def _why_failed(self, node: Node) -> str:
        """The line of the log that tells best why etcd ended, read once for each run."""
        run, why = self.failures.get(node.name, ("", ""))
        if run != node.run:
            try:
                why = clean(best_line(self.log_tail(node.name, LAST_WORDS)), 200)
            except SiteError:
                why = ""
            self.failures[node.name] = (node.run, why)
        return why

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back whenever a pod came, went or changed."""
        self._callbacks.append(callback)

    def news(self) -> tuple[Event, ...]:
        """What Kubernetes told of the set and its pods since the last time."""
        return self.chronicle.take()

    def note(self) -> str:
        """Pods ready and wanted, and the disruptions that are allowed."""
        return self._picture.note() if self._picture is not None else ""


class KubeSite(KubeRestores, KubeReading):
    """etcd that runs as the pods of a StatefulSet."""

    def findings(self, snapshot: ClusterSnapshot) -> tuple[Finding, ...]:
        """Where replicas, pods, claims and members do not agree."""
        picture = self._picture
        if picture is None:
            return ()
        absent = [name for name in self._names(picture.ordinals) if name not in picture.pods]
        reasons = {node: why for node, (_, why) in self.failures.items()}
        reasons |= {name: self.chronicle.not_made(name) for name in absent}
        return drift(picture, snapshot, reasons, now=time.time())

    def examine(self, read_only: bool) -> tuple[Finding, ...]:
        """The rights that are used, each granted or not; whether volumes can be worked on."""
        found = super().examine(read_only)
        return found if read_only or self._link is None else (*found, *self.restoring())
