"""Data directories of the local cluster made from a snapshot file."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from etcdtui.errors import NodeError, SiteError
from etcdtui.model.text import clean
from etcdtui.sites.local.binaries import Binary, beside, minor
from etcdtui.sites.local.cluster import LOCK_WAIT, LocalCluster
from etcdtui.sites.local.files import locked
from etcdtui.sites.local.places import holds_member
from etcdtui.sites.local.spec import NodeSpec, initial_cluster_flag

_PATIENCE = 600.0
"""Seconds a restore may take; it copies and hashes the whole file."""


class LocalRestores:
    """The part of `etcdtui.sites.local.site.LocalSite` that gives a node data from a snapshot."""

    directory: Path
    _cluster: LocalCluster

    def describe_restore(self, node: str, snapshot: str) -> str:
        """The command of `restore_node`, without the members that the plan gives it."""
        local = self._cluster.node(node)
        argv = _tool(self._cluster.binary_for(node))
        argv += ["snapshot", "restore", snapshot, "--name", node, "--data-dir", str(local.data_dir)]
        return shlex.join([*argv, "--initial-advertise-peer-urls", local.spec.peer_url])

    def restore_node(
        self, node: str, snapshot: str, initial_cluster: Mapping[str, str], token: str, *, bump: int = 0
    ) -> str:
        """``snapshot restore`` into a directory of its own, then renamed into place; what was done.

        The node is started with the new token and members from then on. Done again with the same
        token, it says so and leaves the data alone.

        Raises:
            NodeError: it runs, holds the data of a member, or the tool refuses; its own words say why.
            SiteError: the release brings no tool for it, or the files cannot be written.
        """
        with locked(self.directory, LOCK_WAIT):
            spec = self._cluster.refresh()
            local = self._cluster.node(node)
            if found := local.process():
                raise NodeError(
                    f"{node}: pid {found.pid} runs, nothing can be restored there", "stop it first"
                )
            if holds_member(local.data_dir):
                if (local.spec.token or spec.token) == token:
                    return f"{node}: was restored before"
                raise NodeError(f"{node}: {local.data_dir} holds the data of a member", "move it aside first")
            binary = self._cluster.binary_for(node)
            new = replace(
                local.spec,
                token=token,
                initial_cluster=initial_cluster_flag(initial_cluster),
                initial_state="existing",
                etcd_version=binary.version,
            )
            # The token first: data under it proves afterwards that this very restore was completed.
            self._cluster.save(spec.changed(new))
            tool = self._restore(new, local.data_dir, snapshot, binary, bump)
        return f"{node}: restored from {snapshot} with {tool}"

    def _restore(self, node: NodeSpec, data_dir: Path, snapshot: str, binary: Binary, bump: int) -> str:
        command = _tool(binary)
        for left in self.directory.glob(f".restore-{node.name}-*"):
            # Of a restore that was killed; the lock is ours, so nobody works in it.
            shutil.rmtree(left, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(prefix=f".restore-{node.name}-", dir=self.directory) as work:
                place = Path(work) / "data"
                argv = [
                    *command, "snapshot", "restore", snapshot, "--name", node.name,
                    "--initial-cluster", node.initial_cluster, "--initial-cluster-token", node.token,
                    "--initial-advertise-peer-urls", node.peer_url, "--data-dir", str(place),
                ]  # fmt: skip
                if bump and _knows(command, "--bump-revision"):
                    argv += ["--bump-revision", str(bump), "--mark-compacted"]
                _run(node.name, argv)
                if data_dir.is_dir():
                    data_dir.rmdir()
                place.rename(data_dir)
        except OSError as error:
            raise SiteError(f"{node.name}: {error.filename}: {error.strerror}") from None
        return f"{Path(command[0]).name} {binary.version}"


def _tool(binary: Binary) -> list[str]:
    """``etcdutl`` of the same release from 3.5 on, before that ``etcdctl``.

    Raises:
        SiteError: it is not beside its etcd.
    """
    name = "etcdutl" if minor(binary.version) >= (3, 5) else "etcdctl"
    tool = beside(binary, name)
    if tool is None:
        raise SiteError(
            f"{Path(binary.path).with_name(name)}: there is no {name} beside etcd {binary.version}"
        )
    return [str(tool)]


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ETCD_", "ETCDCTL_"))}
    return {**kept, "ETCDCTL_API": "3"}


def _knows(command: list[str], flag: str) -> bool:
    asked = [*command, "snapshot", "restore", "--help"]
    done = subprocess.run(
        asked, capture_output=True, text=True, errors="replace", check=False, timeout=10, env=_environment()
    )
    return flag in done.stdout


def _run(node: str, argv: list[str]) -> None:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", check=False, timeout=_PATIENCE,
            env=_environment(), stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NodeError(f"{node}: {argv[0]} has not restored it within {_PATIENCE:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        # The reason stands last; before it come log lines.
        raise NodeError(
            f"{node}: {Path(argv[0]).name}: {clean(said[-1] if said else 'no reason given', 200)}"
        )
