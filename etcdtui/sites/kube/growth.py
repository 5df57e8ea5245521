"""Places for further members of a StatefulSet whose pods have a file each in a ConfigMap."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from etcdtui.errors import NodeError, NotOffered, SiteError
from etcdtui.sites.base import NewNode
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.api import ApiError
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.budgets import KubeBudgets
from etcdtui.sites.kube.picture import Picture

_NAME, _CLUSTER, _STATE = "name", "initial-cluster", "initial-cluster-state"


class KubeGrowth(KubeBudgets):
    """The capability Growable: the next ordinals, their entries in the ConfigMap, and giving them up."""

    def propose_nodes(self, count: int) -> tuple[NewNode, ...]:
        """The next ordinals, with URLs like those of the pods there are.

        Raises:
            SiteError: nodes are stopped, or nothing tells the pods apart but their own scripts.
        """
        picture = self.look()
        etcd = picture.etcd
        self._has_files(picture)
        self.must(rights.PATCH_SET, rights.PATCH_FILES)
        if etcd.size > etcd.replicas:
            raise SiteError(f"{etcd.pod(etcd.replicas)} is stopped: it is the next ordinal", "start it first")
        nodes = []
        for ordinal in range(etcd.size, etcd.size + count):
            pod = etcd.pod(ordinal)
            text = self._file_of(picture, pod, {})
            settings = yaml.safe_load(text)
            peer, client = settings["initial-advertise-peer-urls"], settings["advertise-client-urls"]
            nodes.append(NewNode(pod, peer.partition(",")[0], client.partition(",")[0]))
        return tuple(nodes)

    def describe_prepare(self, node: NewNode) -> str:
        """The patch of the ConfigMap."""
        etcd = self.picture().etcd
        key = etcd.config_file.format(pod=node.name)
        return short_call("PATCH", self._map_path(), f"data.{key}: {_STATE} existing")

    def prepare_node(self, node: NewNode, initial_cluster: Mapping[str, str]) -> str:
        """Write the pod's file into the ConfigMap: that of another pod, with its own name and URLs.

        Raises:
            NodeError: its claim is still there, with the data of the member that it was.
        """
        picture = self.look()
        self._has_files(picture)
        if node.name not in picture.pods:
            self._has_no_data(picture, node.name)
        key = picture.etcd.config_file.format(pod=node.name)
        text = self._file_of(picture, node.name, initial_cluster)
        if picture.config.get(key) == text:
            return f"{node.name}: its file {key} is there already"
        self._write_file(key, text)
        return f"{node.name}: wrote {key} into ConfigMap {picture.etcd.config_map}"

    def describe_retire(self, node: str) -> str:
        """What remains to be done once the pod is gone."""
        etcd = self.picture().etcd
        claims = ", ".join(etcd.claim_names(node)) or "none"
        return f"forget that {etcd.name} had {node}; its file is taken out; its claim stays: {claims}"

    def retire_node(self, node: str) -> str:
        """Lower the replicas where they are still above it, and take its file out; the claim is named.

        Raises:
            NodeError: it is not the last node, or its pod does not go.
        """
        etcd, ordinal = self.link().read_set(), self.ordinal_of(node)
        if ordinal < etcd.size - 1:
            last = etcd.pod(etcd.size - 1)
            raise NodeError(f"{node}: a StatefulSet gives up its highest ordinal first, {last}")
        if ordinal < etcd.size:
            self.scale_to(min(etcd.replicas, ordinal), stopped_from=ordinal)
        picture = self.look()
        key = picture.etcd.config_file.format(pod=node)
        if picture.etcd.config_map and key in picture.config:
            self._write_file(key, None)
        left = [claim for claim in etcd.claim_names(node) if claim in (picture.claims or {})]
        kept = f"; its claim {', '.join(left)} keeps the old member's data, which growing again deletes first"
        return f"{node}: given up" + (kept if left else "")

    def describe_set_aside(self, node: str) -> str:
        """Nothing that can be done: a claim cannot be moved."""
        etcd = self.picture().etcd
        claims = etcd.claim_names(node)
        raise NotOffered(
            f"{node}: a claim cannot be moved aside",
            f"stop the node, then: kubectl -n {etcd.namespace} delete pvc {' '.join(claims)}",
        )

    def set_aside(self, node: str) -> str:
        """As `describe_set_aside`. Raises NotOffered."""
        return self.describe_set_aside(node)

    # -- the files -------------------------------------------------------------------------

    def _has_files(self, picture: Picture) -> None:
        etcd = picture.etcd
        if etcd.scripted:
            raise NotOffered(f"{etcd.name}: its pods add and remove their members by themselves")
        if not etcd.config_map or "{pod}" not in etcd.config_file:
            raise NotOffered(
                f"{etcd.name}: nothing to write a further pod's settings to is known",
                "start etcd with --config-file=DIR/$(POD_NAME).yaml from a ConfigMap",
            )

    def _has_no_data(self, picture: Picture, pod: str) -> None:
        left = [claim for claim in picture.etcd.claim_names(pod) if claim in (picture.claims or {})]
        if left:
            namespace = picture.etcd.namespace
            raise NodeError(
                f"{pod}: its claim {', '.join(left)} holds the data of a removed member",
                f"delete it first: kubectl -n {namespace} delete pvc {' '.join(left)}",
            )

    def _file_of(self, picture: Picture, pod: str, initial_cluster: Mapping[str, str]) -> str:
        """A pod's file, made from that of another one. Raises NodeError when there is none to follow."""
        etcd = picture.etcd
        for other in (etcd.pod(o) for o in picture.ordinals if etcd.pod(o) != pod):
            text = picture.config.get(etcd.config_file.format(pod=other))
            if text is None:
                continue
            try:
                settings = yaml.safe_load(text)
                named = {**settings, _NAME: pod}
            except (yaml.YAMLError, TypeError) as error:
                raise NodeError(f"{other}: its file in ConfigMap {etcd.config_map}: {error}") from None
            return yaml.safe_dump(_renamed(named, other, pod, initial_cluster), sort_keys=False)
        raise NodeError(f"{pod}: ConfigMap {etcd.config_map} has no file of another pod to follow")

    def _write_file(self, key: str, text: str | None) -> None:
        try:
            self.link().api.patch(self._map_path(), {"data": {key: text}})
        except ApiError as error:
            raise SiteError(
                f"ConfigMap {self.picture().etcd.config_map}: {error.message}", error.hint
            ) from None
        self.link().touch()

    def _map_path(self) -> str:
        return f"{self.link().core}/configmaps/{self.picture().etcd.config_map}"


def _renamed(
    settings: Mapping[str, Any], other: str, pod: str, initial_cluster: Mapping[str, str]
) -> dict[str, Any]:
    """The settings with one pod's name put for another's, and the cluster that it joins."""
    name = re.compile(rf"(?<![\w-]){re.escape(other)}(?![\w-])")
    out = json.loads(name.sub(pod, json.dumps({k: v for k, v in settings.items() if k != _CLUSTER})))
    pairs = [f"{member}={url}" for member, urls in initial_cluster.items() for url in urls.split(",")]
    return {**out, _CLUSTER: ",".join(pairs), _STATE: "existing"}
