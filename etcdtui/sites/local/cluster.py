"""The nodes of a cluster directory as ``cluster.json`` lists them now, and starting them."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from etcdtui.errors import NodeError, SiteError
from etcdtui.sites.local import logs, process
from etcdtui.sites.local.binaries import Binary, find_etcd, minor, version_key
from etcdtui.sites.local.files import locked
from etcdtui.sites.local.node import LocalNode
from etcdtui.sites.local.spec import CLUSTER_FILE, ClusterSpec, SpecFile, save_spec

LOCK_WAIT = 10.0
"""Seconds to wait for another console that is starting or stopping nodes of the same cluster."""


@dataclass
class Started:
    """What became of an attempt to start nodes."""

    ran_before: frozenset[str] = frozenset()
    """Every node of the cluster that ran before the attempt."""
    adopted: set[str] = field(default_factory=set)
    """Those that turned out to run although nobody had written it down."""
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    errors: dict[str, NodeError] = field(default_factory=dict)
    """By node, why it could not be started."""


class LocalCluster:
    """The nodes in a directory; follows ``cluster.json``, to which others may add nodes.

    Args:
        directory: absolute, without symbolic links: it stands in the members' command lines.
        binary: the etcd to start; the newest one found when None, looked for on the first start.

    Raises:
        SiteError: there is no cluster in the directory, or its files are damaged.
    """

    def __init__(self, directory: Path, binary: Binary | None) -> None:
        self.directory = directory
        self.nodes: dict[str, LocalNode] = {}
        """By name, in their order; replaced as a whole."""
        self._binary = binary
        self._spec_file = SpecFile(directory)
        self.spec = self._read()
        self._take(self.spec)

    def refresh(self) -> ClusterSpec:
        """Read ``cluster.json`` again if it changed; the cluster as it is now.

        Raises:
            SiteError: the file is gone or damaged.
        """
        spec = self._read()
        if spec is not self.spec:
            self._take(spec)
        return spec

    def _read(self) -> ClusterSpec:
        spec = self._spec_file.read()
        if spec is None:
            raise SiteError(f"{self.directory}: there is no {CLUSTER_FILE}", "run etcdtui demo")
        return spec

    def _take(self, spec: ClusterSpec) -> None:
        known = self.nodes
        self.nodes = {
            node.name: known[node.name]
            if node.name in known and known[node.name].spec == node
            else LocalNode(self.directory, node)
            for node in spec.nodes
        }
        self.spec = spec

    def save(self, spec: ClusterSpec) -> None:
        """Write the cluster's new shape and take it over; the caller holds the directory's lock.

        Raises:
            SiteError: it cannot be written.
        """
        save_spec(self.directory, spec)
        self.refresh()

    def node(self, name: str) -> LocalNode:
        """The node of that name.

        Raises:
            NodeError: there is none.
        """
        node = self.nodes.get(name)
        if node is None:
            raise NodeError(f"{name}: there is no such node", f"the nodes are {', '.join(self.nodes)}")
        return node

    def running(self) -> frozenset[str]:
        """Names of the nodes whose etcd runs, frozen ones too."""
        return frozenset(name for name, node in self.nodes.items() if node.process())

    def command(self, name: str) -> list[str]:
        """The command line a start would use, for showing it."""
        if self._binary is None:
            with contextlib.suppress(SiteError):
                self._binary = find_etcd(self.directory)
        path = self._binary.path if self._binary else self.spec.etcd_path or "etcd"
        return self.spec.argv(self.node(name).spec, self.directory, path)

    def start(
        self, node: str | None, closing: Callable[[], bool], note: Callable[[Started], None]
    ) -> Started:
        """Start a node, or (None) all; a node that cannot be started does not stop the others.

        Args:
            closing: asked before each one; when true, nothing more is started.
            note: told after each one, while the directory is still locked.

        Raises:
            SiteError: no etcd, one too old for the data, or the directory cannot be used.
        """
        with locked(self.directory, LOCK_WAIT):
            self.refresh()
            names = self._launchable() if node is None else (node,)
            result = Started(ran_before=self.running())
            note(result)
            absent = [name for name in names if name not in result.ran_before]
            binary = self._usable_binary() if absent else None
            for name in absent:
                if closing():
                    raise SiteError(f"{self.spec.name}: is being closed, nothing is started any more")
                assert binary is not None  # noqa: S101  # one was looked for above
                self._start_one(name, binary, result)
                note(result)
        return result

    def _launchable(self) -> tuple[str, ...]:
        """All nodes but those prepared to join: without data etcd ends there unless its membership stands."""
        return tuple(
            name
            for name, node in self.nodes.items()
            if node.spec.initial_state == "new" or (node.data_dir / "member").is_dir()
        )

    def _start_one(self, name: str, binary: Binary, result: Started) -> None:
        node = self.node(name)
        argv = self.spec.argv(node.spec, self.directory, binary.path)
        try:
            child = node.start(argv, binary.version)
        except NodeError as error:
            result.errors[name] = error
            return
        if child is None:
            result.adopted.add(name)
        else:
            result.children[name] = child

    def ended_early(self, started: Started, within: float) -> dict[str, NodeError]:
        """Wait up to `within` seconds, for all together, and tell of those that ended meanwhile."""
        deadline = time.monotonic() + within
        errors = {}
        for name, child in started.children.items():
            try:
                code = child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
            node = self.node(name)
            run = node.run()
            why = logs.why_ended(node.log, run.log_offset if run else 0)
            words = f"{process.code_in_words(code)}: {why}" if why else process.code_in_words(code)
            errors[name] = NodeError(f"{name}: etcd {words}", f"its log is {node.log}")
        return errors

    def _usable_binary(self) -> Binary:
        """The etcd to start, noted in ``cluster.json``; under the directory's lock.

        Only major and minor are compared, as etcd does when it refuses to start on newer data
        (``server/etcdserver/api/membership/downgrade.go``, mustDetectDowngrade).
        """
        binary = self._binary = self._binary or find_etcd(self.directory)
        spec = self.spec
        if spec.etcd_version and minor(binary.version) < minor(spec.etcd_version):
            raise SiteError(
                f"{self.directory}: its data was written by etcd {spec.etcd_version}, "
                f"and the newest etcd found is {binary.version} ({binary.path})",
                f"put etcd {spec.etcd_version} on PATH, or move {self.directory} aside for a new cluster",
            )
        version = max(spec.etcd_version or "0", binary.version, key=version_key)
        if (spec.etcd_path, spec.etcd_version) != (binary.path, version):
            self.save(replace(spec, etcd_path=binary.path, etcd_version=version))
        return binary
