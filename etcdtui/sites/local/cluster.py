"""The nodes of a cluster directory as ``cluster.json`` lists them now, and starting them."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from etcdtui.errors import NodeError, SiteError
from etcdtui.sites.local import logs, process
from etcdtui.sites.local.binaries import Binary, find_etcd, known_etcd, version_key
from etcdtui.sites.local.files import locked
from etcdtui.sites.local.node import LocalNode
from etcdtui.sites.local.older import newer_data, written_by
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
        offered: paths of further etcd programs that a node may be switched to.

    Raises:
        SiteError: there is no cluster in the directory, or its files are damaged.
    """

    def __init__(self, directory: Path, binary: Binary | None, offered: Sequence[str] = ()) -> None:
        self.directory = directory
        self.offered = (*offered, *((binary.path,) if binary else ()))
        self.nodes: dict[str, LocalNode] = {}
        """By name, in their order; replaced as a whole."""
        self._given = self._binary = binary
        self._versions: dict[str, str] = {}
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
        own = self.node(name).spec
        path = own.etcd_path or self.spec.etcd_path or "etcd"
        with contextlib.suppress(SiteError):
            path = self.binary_for(name).path
        return self.spec.argv(own, self.directory, path)

    def start(
        self,
        node: str | None,
        closing: Callable[[], bool],
        note: Callable[[Started], None],
        flags: Sequence[str] = (),
    ) -> Started:
        """Start a node, or (None) all; a node that cannot be started does not stop the others.

        Args:
            closing: asked before each one; when true, nothing more is started.
            note: told after each one, while the directory is still locked.
            flags: further flags for this one start.

        Raises:
            SiteError: no etcd, one too old for the data, or the directory cannot be used.
        """
        with locked(self.directory, LOCK_WAIT):
            self.refresh()
            names = self._launchable() if node is None else (node,)
            result = Started(ran_before=self.running())
            note(result)
            absent = [name for name in names if name not in result.ran_before]
            allowed = self._allowed(absent, result)
            if allowed:
                self._note_versions(allowed)
            for name, binary in allowed.items():
                if closing():
                    raise SiteError(f"{self.spec.name}: is being closed, nothing is started any more")
                self._start_one(name, binary, flags, result)
                note(result)
        return result

    def _launchable(self) -> tuple[str, ...]:
        """All nodes but those prepared to join: without data etcd ends there unless its membership stands."""
        return tuple(
            name
            for name, node in self.nodes.items()
            if node.spec.initial_state == "new" or (node.data_dir / "member").is_dir()
        )

    def _start_one(self, name: str, binary: Binary, flags: Sequence[str], result: Started) -> None:
        node = self.node(name)
        argv = [*self.spec.argv(node.spec, self.directory, binary.path), *flags]
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

    def next_version(self, name: str) -> str:
        """The version a start of that node would run, as far as it is known without a search."""
        spec = self.node(name).spec
        if not spec.etcd_path:
            return spec.etcd_version or self.spec.etcd_version
        if spec.etcd_path not in self._versions:
            with contextlib.suppress(SiteError):
                self._versions[spec.etcd_path] = known_etcd(spec.etcd_path, self.directory).version
        return self._versions.get(spec.etcd_path, "")

    def binary_for(self, name: str) -> Binary:
        """The etcd a start of that node would use: its own, the one asked for, or the newest found.

        Beside nodes that run, the cluster's last one is kept: a restart is no upgrade.

        Raises:
            SiteError: there is none.
        """
        own = self.node(name).spec.etcd_path
        if own:
            return known_etcd(own, self.directory)
        if self._given is None and self.spec.etcd_path and self.running():
            with contextlib.suppress(SiteError):
                return known_etcd(self.spec.etcd_path, self.directory)
        self._binary = self._binary or find_etcd(self.directory)
        return self._binary

    def _allowed(self, names: Sequence[str], result: Started) -> dict[str, Binary]:
        """The etcd of each of these nodes, those without a usable one noted as errors.

        Raises:
            SiteError: no etcd at all, or the newest one is too old for the data.
        """
        allowed: dict[str, Binary] = {}
        for name in names:
            spec = self.node(name).spec
            try:
                binary = self.binary_for(name)
            except SiteError as error:
                if not spec.etcd_path:
                    raise
                result.errors[name] = NodeError(f"{name}: {error.message}", error.hint)
                continue
            written = newer_data(self.spec, spec, binary.version, self.directory)
            if written and spec.etcd_path:
                text = f"{name}: its data was written by etcd {written}, and it is to run {binary.version}"
                result.errors[name] = NodeError(text, f"switch it to etcd {written}")
            elif written:
                raise SiteError(
                    f"{self.directory}: its data was written by etcd {written}, "
                    f"and the newest etcd found is {binary.version} ({binary.path})",
                    f"put etcd {written} on PATH, or move {self.directory} aside for a new cluster",
                )
            else:
                allowed[name] = binary
        return allowed

    def _note_versions(self, allowed: Mapping[str, Binary]) -> None:
        """Write down which etcd is about to run on which data; under the directory's lock."""
        spec = self.spec
        nodes = tuple(
            replace(
                node,
                etcd_version=allowed[node.name].version
                if node.name in allowed
                else written_by(spec, node, self.directory),
            )
            for node in spec.nodes
        )
        versions = [spec.etcd_version or "0", *(binary.version for binary in allowed.values())]
        shared = [b.path for name, b in allowed.items() if not self.node(name).spec.etcd_path]
        new = replace(
            spec,
            nodes=nodes,
            etcd_path=shared[0] if shared else spec.etcd_path,
            etcd_version=max(versions, key=version_key),
        )
        if new != spec:
            self.save(new)
