"""StatefulSets whose pods add and remove their own members: one replica more or less, and what they leave."""

from __future__ import annotations

import time

from etcdtui.errors import NodeError, NotOffered, SiteError
from etcdtui.sites.base import NewNode
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.api import ApiError
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.growth import KubeGrowth

GONE = 60.0
"""Seconds until a deleted claim must be gone: it stays while a pod uses it, and controllers may be busy."""
PAUSE = 0.3


class KubeScripts(KubeGrowth):
    """The capabilities SelfManaging and Discarding."""

    def manages_members(self) -> bool:
        """Whether the pods have scripts that change the member list."""
        return self.picture().etcd.scripted

    def joins_by_itself(self, node: str) -> bool:
        """Whether a pod's scripts change the member list for it."""
        etcd, ordinal = self.picture().etcd, self.ordinal_of(node)
        return etcd.scripted and (etcd.initial_size is None or ordinal >= etcd.initial_size)

    def next_nodes(self, count: int) -> tuple[NewNode, ...]:
        """The next ordinals. Raises SiteError where one would start a cluster of its own."""
        etcd = self.look().etcd
        if etcd.size > etcd.replicas:
            raise SiteError(f"{etcd.pod(etcd.replicas)} is stopped: it is the next ordinal", "start it first")
        names = [etcd.pod(ordinal) for ordinal in range(etcd.size, etcd.size + count)]
        for name in names:
            if not self.joins_by_itself(name):
                text = f"{name}: below ordinal {etcd.initial_size} its script starts a cluster of its own"
                raise NotOffered(text)
        scheme = "https" if etcd.tls else "http"
        return tuple(
            NewNode(n, f"{scheme}://{etcd.host(n)}:{etcd.peer_port}", etcd.client_url(n)) for n in names
        )

    def describe_size(self, nodes: int) -> str:
        """The patch of the StatefulSet."""
        return self._describe_replicas(nodes)

    def set_size(self, nodes: int) -> str:
        """Raise or lower the replicas by one.

        Raises:
            SiteError: somebody else has scaled meanwhile, so that it would be more than one.
        """
        etcd = self.link().read_set()
        if etcd.replicas == nodes:
            return f"{etcd.name}: {nodes} replicas are wanted already"
        if abs(etcd.replicas - nodes) != 1:
            raise SiteError(
                f"{etcd.name}: {etcd.replicas} replicas are wanted now, {nodes} is not one more or less",
                "somebody else scales it: look again",
            )
        self.scale_to(nodes, stopped_from=None)
        return f"{etcd.name}: replicas {'raised' if nodes > etcd.replicas else 'lowered'} to {nodes}"

    # -- claims ----------------------------------------------------------------------------

    def describe_discard(self, node: str) -> str:
        """The deletion of the claims that a pod which is gone has left; empty when there are none."""
        paths = [self._claim_path(claim) for claim in self._left_by(node)]
        if paths:
            self.must(rights.DELETE_CLAIM)
        return "; ".join(short_call("DELETE", path) for path in paths)

    def discard_data(self, node: str) -> str:
        """Delete a pod's claims, and wait until they are gone.

        Raises:
            NodeError: the pod is there or wanted, or a claim does not go.
            SiteError: the claims cannot be listed, so that nobody knows what it has left.
        """
        link = self.link()
        ordinal, etcd = self.ordinal_of(node), link.read_set()
        if ordinal < etcd.size or node in link.pods():
            raise NodeError(f"{node}: its data is in use: the StatefulSet has that pod")
        link.touch()
        if self.look().claims is None:
            raise SiteError(f"{node}: its claims cannot be listed", "ask for that right, or try again")
        claims = self._left_by(node)
        for claim in claims:
            try:
                link.api.delete(self._claim_path(claim))
            except ApiError as error:
                if error.status != 404:
                    raise NodeError(f"{node}: claim {claim}: {error.message}", error.hint) from None
        self._await_no_claims(node, claims)
        return f"{node}: deleted claim {', '.join(claims)}" if claims else f"{node}: has left no claim"

    def _await_no_claims(self, node: str, claims: list[str]) -> None:
        deadline = time.monotonic() + GONE
        link = self.link()
        while True:
            link.touch()
            there = self.look().claims
            left = [claim for claim in claims if there is None or claim in there]
            if not left:
                return
            if time.monotonic() > deadline:
                raise NodeError(f"{node}: claim {', '.join(left)} is still there after {GONE:g} s")
            time.sleep(PAUSE)

    def _left_by(self, node: str) -> list[str]:
        picture = self.picture()
        if node in picture.pods:
            return []
        return [claim for claim in picture.etcd.claim_names(node) if claim in (picture.claims or {})]

    def _claim_path(self, claim: str) -> str:
        return f"{self.link().core}/persistentvolumeclaims/{claim}"
