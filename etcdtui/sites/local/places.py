"""Places for further members on this machine: proposed, prepared, given up; data is only moved aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count as numbers
from pathlib import Path

from etcdtui.errors import NodeError, SiteError
from etcdtui.sites.base import NewNode
from etcdtui.sites.local.cluster import LOCK_WAIT, LocalCluster
from etcdtui.sites.local.files import locked
from etcdtui.sites.local.node import LocalNode
from etcdtui.sites.local.ports import free_ports, port_of
from etcdtui.sites.local.spec import CLUSTER_FILE, ClusterSpec, NodeSpec, initial_cluster_flag

ASIDE = "aside"
"""Directory within the cluster's that takes the data directories which are no longer used."""


class LocalPlaces:
    """Growable: the part of `etcdtui.sites.local.site.LocalSite` that adds nodes and gives them up."""

    directory: Path
    _cluster: LocalCluster
    _adopted: frozenset[str]
    _proposed_ports: frozenset[int] = frozenset()

    def propose_nodes(self, count: int) -> tuple[NewNode, ...]:
        """Names and URLs for so many further nodes, free now; nothing is written.

        The ports of one proposal are not proposed again, whether it was used or not.

        Raises:
            SiteError: the cluster's files are damaged, or there are not so many free ports.
            UsageError: ``ETCDTUI_PORTS`` is no range of ports.
        """
        spec = self._cluster.refresh()
        used = {port_of(url) for node in spec.nodes for url in (node.client_url, node.peer_url)}
        taken = used | self._proposed_ports
        free = [port for port in free_ports(2 * count + len(taken)) if port not in taken][: 2 * count]
        if len(free) < 2 * count:
            raise SiteError(f"{spec.name}: this machine has no {2 * count} free ports for {count} nodes")
        self._proposed_ports |= frozenset(free)
        names = (name for n in numbers(1) if self._free_name(spec, name := f"n{n}"))
        return tuple(
            NewNode(name, f"http://127.0.0.1:{free[2 * i + 1]}", f"http://127.0.0.1:{free[2 * i]}")
            for i, name in zip(range(count), names, strict=False)
        )

    def _free_name(self, spec: ClusterSpec, name: str) -> bool:
        if spec.node(name) is not None:
            return False
        # Data that no listed node owns belongs to somebody: it is neither used nor moved.
        return not any((self.directory / f"{name}{ending}").exists() for ending in ("", ".log"))

    def describe_prepare(self, node: NewNode) -> str:
        """What `prepare_node` writes."""
        return (
            f"add {node.name} to {self.directory / CLUSTER_FILE}: client {node.client_url}, "
            f"peer {node.peer_url}, --initial-cluster-state existing"
        )

    def prepare_node(self, node: NewNode, initial_cluster: Mapping[str, str]) -> str:
        """List the node in ``cluster.json`` as one that joins an existing cluster; what was done.

        Raises:
            NodeError: its data directory holds a member's data, or it runs.
            SiteError: ``cluster.json`` cannot be written.
        """
        with locked(self.directory, LOCK_WAIT):
            spec = self._cluster.refresh()
            old = spec.node(node.name)
            new = self._joining(spec, node, initial_cluster)
            if (
                old is not None
                and replace(new, etcd_path=old.etcd_path, etcd_version=old.etcd_version) == old
            ):
                if self._cluster.node(node.name).process():
                    return f"{node.name}: was prepared before and runs already"
                new = replace(new, etcd_path=old.etcd_path)
            if old is not None:
                self._refuse_running(self._cluster.node(node.name), "prepared for another membership")
            data_dir = self.directory / new.data_dir
            if holds_member(data_dir):
                raise NodeError(f"{node.name}: {data_dir} holds the data of a member", "move it aside first")
            self._cluster.save(spec.changed(new))
            self._adopted -= {node.name}
        return f"{node.name}: prepared to join as {node.peer_url}"

    def _joining(self, spec: ClusterSpec, node: NewNode, initial_cluster: Mapping[str, str]) -> NodeSpec:
        # All run the same etcd, unless an upgrade is under way: then the one that most run.
        paths = [known.etcd_path for known in spec.nodes if known.name != node.name]
        old = spec.node(node.name)
        return NodeSpec(
            name=node.name,
            client_url=node.client_url,
            peer_url=node.peer_url,
            data_dir=old.data_dir if old else node.name,
            log_file=old.log_file if old else f"{node.name}.log",
            initial_cluster=initial_cluster_flag(initial_cluster),
            initial_state="existing",
            etcd_path=max(paths, key=paths.count, default=""),
        )

    def describe_retire(self, node: str) -> str:
        """What `retire_node` does."""
        local = self._cluster.node(node)
        return (
            f"mv {local.data_dir} {local.log} {self.directory / ASIDE}/{node}-<time>; "
            f"remove {node} from {self.directory / CLUSTER_FILE}"
        )

    def retire_node(self, node: str) -> str:
        """Give a stopped node up: its data and log are moved aside, then it is listed no more.

        Raises:
            NodeError: it runs, or it is the last node.
            SiteError: the files cannot be moved or written.
        """
        with locked(self.directory, LOCK_WAIT):
            spec = self._cluster.refresh()
            if spec.node(node) is None:
                return f"{node}: is not listed any more"
            if len(spec.nodes) == 1:
                raise NodeError(f"{node}: is the last node of {spec.name}", f"move {self.directory} aside")
            local = self._cluster.node(node)
            self._refuse_running(local, "given up")
            place = self._move_aside(node, local.data_dir, local.log, local.run_file)
            self._cluster.save(replace(spec, nodes=tuple(n for n in spec.nodes if n.name != node)))
        return f"{node}: given up" + (f"; its data and log are in {place}" if place else "; it had no data")

    def describe_set_aside(self, node: str) -> str:
        """What `set_aside` does."""
        return f"mv {self._cluster.node(node).data_dir} {self.directory / ASIDE}/{node}-<time>"

    def set_aside(self, node: str) -> str:
        """Move a stopped node's data directory aside; where it went.

        Raises:
            NodeError: it runs, or there is no such node.
            SiteError: it cannot be moved.
        """
        with locked(self.directory, LOCK_WAIT):
            spec = self._cluster.refresh()
            local = self._cluster.node(node)
            self._refuse_running(local, "moved aside")
            place = self._move_aside(node, local.data_dir)
            if local.spec.etcd_version:
                self._cluster.save(spec.changed(replace(local.spec, etcd_version="")))
        return f"{node}: its data is in {place}" if place else f"{node}: has no data directory"

    def _refuse_running(self, local: LocalNode, what: str) -> None:
        if found := local.process():
            raise NodeError(f"{local.name}: pid {found.pid} runs, it cannot be {what}", "stop it first")

    def _move_aside(self, node: str, *files: Path) -> Path | None:
        there = [path for path in files if path.exists()]
        if not there:
            return None
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        place = self.directory / ASIDE / f"{node}-{stamp}"
        try:
            place.mkdir(mode=0o700, parents=True)
            for path in there:
                path.rename(place / path.name)
        except OSError as error:
            raise SiteError(f"{error.filename}: cannot be moved to {place}: {error.strerror}") from None
        return place


def holds_member(data_dir: Path) -> bool:
    """Whether a data directory holds a member: etcd keeps it in ``member/`` below."""
    inside = data_dir / "member"
    try:
        return inside.is_dir() and any(inside.iterdir())
    except OSError as error:
        raise SiteError(f"{inside}: cannot be read: {error.strerror}") from None
