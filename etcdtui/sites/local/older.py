"""What a node's data allows: never an etcd of an older minor version than the cluster's version."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

from etcdtui.sites.local.binaries import minor
from etcdtui.sites.local.ports import port_of
from etcdtui.sites.local.spec import ClusterSpec, NodeSpec

_ASK = 1.0
"""Seconds a member may take to tell the cluster's version."""


def newer_data(spec: ClusterSpec, node: NodeSpec, version: str, directory: Path) -> str:
    """The version that wrote a node's data, if etcd `version` does not start on it; empty if it does.

    etcd compares its own major and minor with the cluster version in the data and panics
    (``server/etcdserver/version/downgrade.go``, MustDetectDowngrade). The cluster version is the lowest
    of all members' until the last one is upgraded, and an enabled downgrade lowers it.
    """
    written = written_by(spec, node, directory)
    if not written or minor(version) >= minor(written):
        return ""
    others = [other for other in spec.nodes if other.name != node.name]
    if any(n.etcd_version and minor(n.etcd_version) <= minor(version) for n in others):
        return ""
    said = next((said for other in others if (said := cluster_version(other.client_url))), "")
    return "" if said and minor(said) <= minor(version) else written


def written_by(spec: ClusterSpec, node: NodeSpec, directory: Path) -> str:
    """The version that wrote a node's data last, empty when it has none."""
    if node.etcd_version:
        return node.etcd_version
    return spec.etcd_version if (directory / node.data_dir).exists() else ""


def cluster_version(client_url: str) -> str:
    """``etcdcluster`` of GET /version, empty when that member does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(client_url), timeout=_ASK)
    try:
        connection.request("GET", "/version")
        said = json.load(connection.getresponse())
        return str(said.get("etcdcluster", "")) if isinstance(said, dict) else ""
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
