"""What a local cluster is made of, as ``cluster.json`` keeps it, and the command line of each node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.sites.local.files import JsonFile, write_json

CLUSTER_FILE = "cluster.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node; its files are named relative to the cluster's directory, which may be moved."""

    name: str
    client_url: str
    peer_url: str
    data_dir: str
    log_file: str
    initial_cluster: str
    """``--initial-cluster`` as of the node's own bootstrap: later nodes have a longer one."""
    initial_state: str = "new"
    """``new`` for the nodes of the static bootstrap, ``existing`` for those that join later."""
    token: str = ""
    """``--initial-cluster-token`` if it is another than the cluster's, as after a restore."""
    etcd_path: str = ""
    """The etcd it is started with; empty for the cluster's."""
    etcd_version: str = ""
    """The version that ran on its data last; empty when only the cluster's is known, or it has no data."""


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """The whole cluster; extended by replacing it with one that has more nodes."""

    name: str
    token: str
    nodes: tuple[NodeSpec, ...]
    etcd_path: str = ""
    """The binary that was used last."""
    etcd_version: str = ""
    """The highest version that ever ran on these data directories."""
    options: tuple[str, ...] = ()
    """Further flags of every node, such as ``--heartbeat-interval=50``."""

    def node(self, name: str) -> NodeSpec | None:
        """The node of that name."""
        return next((node for node in self.nodes if node.name == name), None)

    def changed(self, node: NodeSpec) -> ClusterSpec:
        """The cluster with a node put in the place of the one of its name, or added at the end."""
        if self.node(node.name) is None:
            return replace(self, nodes=(*self.nodes, node))
        return replace(self, nodes=tuple(node if old.name == node.name else old for old in self.nodes))

    def argv(self, node: NodeSpec, directory: Path, binary: str) -> list[str]:
        """The command line that starts `node`."""
        return [
            binary, "--name", node.name, "--data-dir", str(directory / node.data_dir),
            "--listen-client-urls", node.client_url, "--advertise-client-urls", node.client_url,
            "--listen-peer-urls", node.peer_url, "--initial-advertise-peer-urls", node.peer_url,
            "--initial-cluster", node.initial_cluster, "--initial-cluster-token", node.token or self.token,
            "--initial-cluster-state", node.initial_state, *self.options,
        ]  # fmt: skip


def bootstrap_spec(name: str, token: str, ports: list[int], options: tuple[str, ...] = ()) -> ClusterSpec:
    """A new cluster with a static bootstrap: nodes n1, n2, ... with two loopback ports each."""
    nodes = [
        NodeSpec(
            name=f"n{i + 1}",
            client_url=f"http://127.0.0.1:{ports[2 * i]}",
            peer_url=f"http://127.0.0.1:{ports[2 * i + 1]}",
            data_dir=f"n{i + 1}",
            log_file=f"n{i + 1}.log",
            initial_cluster="",
        )
        for i in range(len(ports) // 2)
    ]
    initial = ",".join(f"{node.name}={node.peer_url}" for node in nodes)
    return ClusterSpec(
        name, token, tuple(replace(n, initial_cluster=initial) for n in nodes), options=options
    )


def initial_cluster_flag(members: Mapping[str, str]) -> str:
    """``--initial-cluster``; a member with several peer URLs, joined by commas, is named before each."""
    return ",".join(f"{name}={url}" for name, urls in sorted(members.items()) for url in urls.split(","))


def save_spec(directory: Path, spec: ClusterSpec) -> None:
    """Write ``cluster.json``; the caller holds the directory's lock.

    What a node does not need is left out, so that an older etcdtui reads the file as long as it can.

    Raises:
        SiteError: it cannot be written.
    """
    raw = {"format": FORMAT, **asdict(spec)}
    raw["nodes"] = [{key: value for key, value in node.items() if value != ""} for node in raw["nodes"]]
    write_json(directory / CLUSTER_FILE, raw, durable=True)


class SpecFile:
    """``cluster.json``, parsed again only when somebody replaced it."""

    def __init__(self, directory: Path) -> None:
        self._file = JsonFile(directory / CLUSTER_FILE)
        self._parsed: tuple[dict[str, Any] | None, ClusterSpec | None] = (None, None)

    def read(self) -> ClusterSpec | None:
        """The cluster, None when there is no file.

        Raises:
            SiteError: the file is damaged or was written by a newer etcdtui.
        """
        raw = self._file.read()
        seen, spec = self._parsed
        if raw is None:
            return None
        if raw is seen:
            return spec
        spec = _parse(raw, self._file.path)
        self._parsed = (raw, spec)
        return spec


def _parse(raw: Mapping[str, Any], path: Path) -> ClusterSpec:
    if raw.get("format") != FORMAT:
        raise SiteError(
            f"{path}: format {raw.get('format')!r} is not {FORMAT}, the one this etcdtui knows",
            f"upgrade etcdtui, or move {path.parent} aside",
        )
    try:
        fields = {key: value for key, value in raw.items() if key != "format"}
        fields["nodes"] = tuple(NodeSpec(**node) for node in raw["nodes"])
        fields["options"] = tuple(raw["options"])
        return ClusterSpec(**fields)
    except (KeyError, TypeError) as error:
        raise SiteError(f"{path}: damaged: {error}", f"move {path.parent} aside") from None
