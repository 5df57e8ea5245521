"""Stopping, starting, restarting and killing pods, by what a StatefulSet allows."""

from __future__ import annotations

import json
import time
from typing import Any

from etcdtui.errors import NodeError, SiteError
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.api import ApiError
from etcdtui.sites.kube.base import KubeBase, short_call
from etcdtui.sites.kube.picture import Picture
from etcdtui.sites.kube.sets import STOPPED_FROM, EtcdSet

MARGIN = 90.0
"""Seconds that a pod may be listed still when its grace is over: a busy kubelet takes more than a minute."""
TRIES = 5
"""How often a patch is sent while the controller writes the status of the set in between."""
UNHOOK = (
    "take the preStop hook out of its template first: removeMemberOnContainerTermination in Bitnami's chart"
)
"""The way out where every pod removes its member when it ends."""
LOOK = 0.2
"""Seconds between two looks while a pod is to go."""


class KubeActs(KubeBase):
    """The capabilities Startable, Restartable, Killable, Collective and LastFirst."""

    # -- start -----------------------------------------------------------------------------

    def describe_start(self, node: str) -> str:
        """The patch of the StatefulSet. Raises NodeError where another node must be started first."""
        etcd, ordinal = self.picture().etcd, self.ordinal_of(node)
        if ordinal < etcd.replicas - 1:
            return f"nothing: StatefulSet {etcd.name} wants {node} already and makes it by itself"
        replicas = self._start_at(etcd, ordinal)
        return self._describe_replicas(replicas, etcd.size)

    def start_node(self, node: str) -> str:
        """Raise the replicas so that the node is wanted again; what was done, in words.

        Raises:
            NodeError: a node with a lower ordinal must be started first.
        """
        etcd, ordinal = self.link().read_set(), self.ordinal_of(node)
        if ordinal < etcd.replicas:
            return f"{node}: is wanted already"
        replicas = self._start_at(etcd, ordinal)
        self.scale_to(replicas, stopped_from=etcd.size if replicas < etcd.size else None)
        return f"{node}: replicas raised from {etcd.replicas} to {replicas}"

    def _start_at(self, etcd: EtcdSet, ordinal: int) -> int:
        if ordinal > etcd.replicas:
            first = etcd.pod(etcd.replicas)
            raise NodeError(
                f"{etcd.pod(ordinal)}: a StatefulSet starts its pods in their order", f"start {first} first"
            )
        return ordinal + 1

    # -- stop ------------------------------------------------------------------------------

    def why_not_stop(self, node: str) -> str:
        """Why a node cannot be stopped, and what can be done instead; empty when it can."""
        try:
            self._may_stop(self.picture().etcd, node)
        except NodeError as error:
            return str(error)
        return ""

    def leaving_order(self) -> tuple[str, ...]:
        """The nodes, the highest ordinal first."""
        picture = self.picture()
        return tuple(picture.etcd.pod(ordinal) for ordinal in reversed(picture.ordinals))

    def describe_stop(self, node: str) -> str:
        """The patch of the StatefulSet."""
        return self._describe_replicas(self.ordinal_of(node), self.picture().etcd.size)

    def stop_node(self, node: str, timeout: float) -> str:
        """Lower the replicas by one, the member staying in the list, and wait until the pod is gone.

        Raises:
            NodeError: it is not the last node, or its pod is still there after `timeout` seconds.
        """
        etcd, ordinal = self.link().read_set(), self.ordinal_of(node)
        if ordinal < etcd.replicas:
            self._may_stop(etcd, node)
            self.scale_to(ordinal, stopped_from=etcd.size)
        # etcd ends at once; the kubelet may take the whole grace period to say that the pod is gone.
        self.await_gone(node, max(timeout, etcd.grace + MARGIN))
        return f"{node}: stopped, replicas are {ordinal} of {etcd.size}"

    def _may_stop(self, etcd: EtcdSet, node: str) -> None:
        ordinal = self.ordinal_of(node)
        last = etcd.pod(etcd.replicas - 1)
        if ordinal < etcd.replicas - 1:
            raise NodeError(
                f"{node}: Kubernetes stops the highest ordinal first, and that is {last}",
                f"stop {last}, or restart {node}",
            )
        self.keeps_claims(etcd)
        self._keeps_its_member(etcd, node, "stopping")

    @staticmethod
    def keeps_claims(etcd: EtcdSet) -> None:
        """Raise NodeError where stopping a pod would delete its data."""
        if etcd.drops_claims:
            raise NodeError(
                f"{etcd.name}: its persistentVolumeClaimRetentionPolicy deletes the claims of pods that are "
                "stopped, with all data",
                "set its whenScaled to Retain first",
            )

    def _keeps_its_member(self, etcd: EtcdSet, node: str, doing: str) -> None:
        """Raise NodeError where the pod's own scripts would remove its member."""
        ordinal, first = self.ordinal_of(node), etcd.moves_from
        if first is not None and ordinal >= first:
            since = f", as from ordinal {first} on" if first else ""
            way = f"scale to {ordinal}, which takes it out in good order" if first else UNHOOK
            raise NodeError(f"{node}: its preStop script removes its member{since}: no {doing}", way)

    def await_gone(self, node: str, timeout: float) -> None:
        """Wait until a pod is gone. Raises NodeError when it is still there after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while node in self.link().pods():
            if time.monotonic() > deadline:
                raise NodeError(f"{node}: its pod is still there after {timeout:g} s", "look at its events")
            time.sleep(LOOK)

    # -- restart and kill ------------------------------------------------------------------

    def describe_restart(self, node: str) -> str:
        """The deletion of the pod. Raises NodeError where its scripts would remove its member."""
        self._keeps_its_member(self.picture().etcd, node, "restarting")
        self.must(rights.DELETE_POD)
        return short_call("DELETE", self._pod_path(node)) + "; the StatefulSet makes it anew"

    def restart_node(self, node: str) -> str:
        """Delete the pod, with its grace period; the StatefulSet makes it anew.

        Raises:
            NodeError: there is no such pod, or its scripts would remove its member.
        """
        self._keeps_its_member(self.link().read_set(), node, "restarting")
        self._delete(node)
        return f"{node}: pod deleted"

    def describe_kill(self, node: str) -> str:
        """The deletion without grace."""
        self._keeps_its_member(self.picture().etcd, node, "killing")
        self.must(rights.DELETE_POD)
        return short_call("DELETE", self._pod_path(node), '{"gracePeriodSeconds": 0}')

    def kill_node(self, node: str) -> str:
        """Delete the pod without grace: the kubelet ends etcd within two seconds, nobody waits for it.

        Raises:
            NodeError: as of `restart_node`.
        """
        self._keeps_its_member(self.link().read_set(), node, "killing")
        self._delete(node, gracePeriodSeconds=0)
        return f"{node}: pod deleted without grace"

    def _delete(self, node: str, **options: Any) -> None:
        pod = self.link().pods().get(node)
        if pod is None:
            raise NodeError(f"{node}: there is no such pod")
        self._delete_one(node, self._pod_path(node), pod["metadata"]["uid"], **options)

    def _delete_one(self, what: str, path: str, uid: str, **options: Any) -> None:
        """Bound to this very object: the one that takes its place must not be deleted by a repetition."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}, **options}
        try:
            self.link().api.delete(path, body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise NodeError(f"{what}: {error.message}", error.hint) from None

    def _pod_path(self, node: str) -> str:
        return f"{self.link().core}/pods/{node}"

    # -- all of them -----------------------------------------------------------------------

    def describe_stop_all(self) -> str:
        """The patch of the StatefulSet. Raises SiteError where scripts would remove members."""
        self._may_stop_all(self.picture())
        return self._describe_replicas(0, self.picture().etcd.size)

    def stop_all(self) -> str:
        """Lower the replicas to 0; the number there was is kept in an annotation."""
        self._may_stop_all(self.look())
        etcd = self.link().read_set()
        if etcd.replicas == 0:
            return f"{etcd.name}: replicas are 0 already"
        self.scale_to(0, stopped_from=etcd.size)
        return f"{etcd.name}: replicas lowered from {etcd.replicas} to 0"

    def _may_stop_all(self, picture: Picture) -> None:
        etcd = picture.etcd
        self.keeps_claims(etcd)
        first = etcd.moves_from
        if first is not None and etcd.replicas > first:
            raise SiteError(
                f"{etcd.name}: its scripts would remove the members from ordinal {first} on",
                f"scale to {first} first" if first else UNHOOK,
            )

    def describe_start_all(self) -> str:
        """The patch of the StatefulSet."""
        return self._describe_replicas(self.picture().etcd.size)

    def start_all(self) -> str:
        """Raise the replicas to what they were."""
        etcd = self.link().read_set()
        if etcd.replicas >= etcd.size:
            return f"{etcd.name}: {etcd.replicas} replicas are wanted already"
        self.scale_to(etcd.size, stopped_from=None)
        return f"{etcd.name}: replicas raised from {etcd.replicas} to {etcd.size}"

    # -- the patch -------------------------------------------------------------------------

    def scale_to(self, replicas: int, *, stopped_from: int | None) -> None:
        """Set the replicas, and how many there were while nodes are stopped.

        The patch carries the resource version that was read: somebody else's change of the set meanwhile
        makes it fail instead of being overwritten. Its controller, which only writes down how far it has
        come, does not. Raises SiteError.
        """
        link = self.link()
        body = self._patch(replicas, stopped_from)
        read = link.api.get(link.set_path)["metadata"]
        for left in reversed(range(TRIES)):
            body["metadata"]["resourceVersion"] = read["resourceVersion"]
            try:
                link.api.patch(link.set_path, body)
                break
            except ApiError as error:
                if error.status != 409 or not left:
                    raise
                now = link.api.get(link.set_path)["metadata"]
                # The generation counts changes of what is wanted, not of the status.
                if now["generation"] != read["generation"]:
                    raise
                read = now
        link.touch()

    @staticmethod
    def _patch(replicas: int, stopped_from: int | None) -> dict[str, Any]:
        kept = str(stopped_from) if stopped_from is not None and stopped_from > replicas else None
        return {"metadata": {"annotations": {STOPPED_FROM: kept}}, "spec": {"replicas": replicas}}

    def _describe_replicas(self, replicas: int, stopped_from: int | None = None) -> str:
        self.must(rights.PATCH_SET)
        body = self._patch(replicas, stopped_from)
        if not stopped_from:
            body.pop("metadata")
        return short_call("PATCH", self.link().set_path, json.dumps(body))
