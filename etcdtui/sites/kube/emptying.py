"""A pod with a new, empty volume in the place of a broken one: its claim and itself deleted and made anew."""

from __future__ import annotations

import time
from collections.abc import Mapping

from etcdtui.errors import NodeError, NotOffered
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.acts import MARGIN
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.releases import KubeReleases
from etcdtui.sites.kube.sets import EtcdSet

MADE = 40.0
"""Seconds beyond a pod's grace period until it must be there anew with a new claim."""
LOOK = 0.5
"""Seconds between two looks at what is being made."""


class KubeEmptying(KubeReleases):
    """The capability Emptying."""

    def data_marks(self, node: str) -> dict[str, str]:
        """The UIDs of a pod's claims, or its own where it has none."""
        picture = self.picture()
        claims = picture.claims or {}
        names = [name for name in picture.etcd.claim_names(node) if name in claims]
        if picture.etcd.claims:
            return {name: claims[name]["metadata"]["uid"] for name in names}
        pod = picture.pods.get(node)
        return {node: pod["metadata"]["uid"]} if pod is not None else {}

    def describe_empty(self, node: str) -> str:
        """The deletion of the claims and of the pod. Raises NotOffered where its scripts would go wrong."""
        etcd = self.picture().etcd
        self._may_be_emptied(etcd, node)
        self.must(rights.DELETE_CLAIM, rights.DELETE_POD, rights.PATCH_FILES)
        paths = [self._claim_path(claim) for claim in etcd.claim_names(node)]
        return "; ".join(short_call("DELETE", path) for path in (*paths, self._pod_path(node)))

    def empty_node(self, node: str, marks: Mapping[str, str]) -> str:
        """Delete the claims that bear these marks and the pod, and wait until the StatefulSet has made both.

        Raises:
            NodeError: the pod is not wanted, or it is not made anew in time.
        """
        link = self.link()
        etcd = link.read_set()
        self._may_be_emptied(etcd, node)
        there = self._claims_now()
        old = {name: uid for name, uid in marks.items() if there.get(name) == uid}
        pod = link.pods().get(node)
        before = pod["metadata"]["uid"] if pod is not None else ""
        if (etcd.claims and marks and not old) or (not etcd.claims and marks.get(node) != before):
            return f"{node}: its volume is a new one already"
        for name, uid in old.items():
            self._delete_one(f"{node}: claim {name}", self._claim_path(name), uid)
        if pod is not None:
            self._delete(node)
        self._await_made(etcd, node, before, old)
        what = f"claim {', '.join(old)} and pod" if old else "pod"
        return f"{node}: {what} deleted and made anew"

    def _may_be_emptied(self, etcd: EtcdSet, node: str) -> None:
        ordinal = self.ordinal_of(node)
        if etcd.scripted:
            raise NotOffered(
                f"{node}: its own scripts decide how it joins",
                f"scale to {max(ordinal, 1)}, and up again: that gives it a new volume",
            )
        if ordinal >= etcd.replicas:
            raise NodeError(f"{node}: the StatefulSet does not want it", "start it first, or scale")

    def _claims_now(self) -> dict[str, str]:
        path = f"{self.link().core}/persistentvolumeclaims"
        items = self.link().api.get(path)["items"]
        return {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in items}

    def _await_made(self, etcd: EtcdSet, node: str, before: str, old: Mapping[str, str]) -> None:
        deadline = time.monotonic() + etcd.grace + MARGIN + MADE
        while True:
            there, pod = self._claims_now(), self.link().pods().get(node)
            uid = pod["metadata"]["uid"] if pod is not None else before
            left = [name for name in old if there.get(name) in (None, old[name])]
            if uid != before and not left:
                self.link().touch()
                return
            if time.monotonic() > deadline:
                raise NodeError(f"{node}: it is not there anew with a new volume", "look at its events")
            if uid != before and all(name not in there for name in left):
                # It was made while the old claim was still going, and waits for one that nobody makes.
                self._delete(node)
                before = uid
            time.sleep(LOOK)
