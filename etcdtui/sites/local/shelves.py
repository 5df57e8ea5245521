"""Data directories of the local cluster moved aside under a name, and back."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from etcdtui.errors import NodeError, SiteError
from etcdtui.sites.local.cluster import LOCK_WAIT, LocalCluster
from etcdtui.sites.local.files import JsonFile, locked, write_json
from etcdtui.sites.local.node import LocalNode
from etcdtui.sites.local.places import ASIDE, holds_member

_NOTE = "node.json"
"""How the node was to start, beside its data."""
_KEPT = ("initial_cluster", "initial_state", "token", "etcd_version")


class LocalShelves:
    """Shelving: the part of `etcdtui.sites.local.site.LocalSite` that moves data aside and back."""

    directory: Path
    _cluster: LocalCluster

    def _place(self, node: str, shelf: str) -> Path:
        return self.directory / ASIDE / f"{node}-{shelf}"

    def describe_shelve(self, node: str, shelf: str) -> str:
        """The command."""
        return shlex.join(["mv", str(self._cluster.node(node).data_dir), f"{self._place(node, shelf)}/"])

    def shelve(self, node: str, shelf: str) -> str:
        """Move a stopped node's data directory to that shelf; where it is.

        Raises:
            NodeError: it runs, or other data lies there.
            SiteError: it cannot be moved.
        """
        place = self._place(node, shelf)
        with locked(self.directory, LOCK_WAIT):
            spec = self._cluster.refresh()
            local = self._stopped(node)
            moved = place / local.data_dir.name
            try:
                if holds_member(local.data_dir) and moved.exists():
                    raise NodeError(
                        f"{node}: {moved} is there already, and {local.data_dir} holds other data"
                    )
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not (place / _NOTE).exists():
                    note = {key: getattr(local.spec, key) for key in _KEPT}
                    write_json(place / _NOTE, note, durable=True)
                # Before the data goes: an empty node must not found a cluster.
                self._cluster.save(
                    spec.changed(replace(local.spec, initial_state="existing", etcd_version=""))
                )
                if local.data_dir.exists() and not moved.exists():
                    local.data_dir.rename(moved)
            except OSError as error:
                raise SiteError(f"{error.filename}: cannot be moved to {place}: {error.strerror}") from None
        return f"{node}: its data is in {place}" if moved.exists() else f"{node}: has no data directory"

    def describe_unshelve(self, node: str, shelf: str) -> str:
        """The command."""
        local = self._cluster.node(node)
        return shlex.join(["mv", str(self._place(node, shelf) / local.data_dir.name), str(local.data_dir)])

    def unshelve(self, node: str, shelf: str) -> str:
        """Move the data on that shelf back and have the node start as it did; what was done.

        Raises:
            NodeError: it runs, or holds other data.
            SiteError: it cannot be moved, or what the shelf says of the node is damaged.
        """
        place = self._place(node, shelf)
        with locked(self.directory, LOCK_WAIT):
            spec = self._cluster.refresh()
            note = JsonFile(place / _NOTE).read()
            if note is None:
                return f"{node}: nothing of it is in {place}"
            local = self._stopped(node)
            moved = place / local.data_dir.name
            try:
                if moved.exists():
                    if holds_member(local.data_dir):
                        raise NodeError(
                            f"{node}: {local.data_dir} holds the data of a member", "move it aside first"
                        )
                    if local.data_dir.exists():
                        local.data_dir.rmdir()
                    moved.rename(local.data_dir)
                self._cluster.save(spec.changed(replace(local.spec, **_start_of(note, place))))
                (place / _NOTE).unlink()
                place.rmdir()
            except OSError as error:
                raise SiteError(f"{error.filename}: cannot be moved back: {error.strerror}") from None
        return f"{node}: its data is back in {local.data_dir}"

    def _stopped(self, node: str) -> LocalNode:
        local = self._cluster.node(node)
        if found := local.process():
            raise NodeError(f"{node}: pid {found.pid} runs, its data cannot be moved", "stop it first")
        return local


def _start_of(note: dict[str, Any], place: Path) -> dict[str, str]:
    if any(not isinstance(note.get(key), str) for key in _KEPT):
        raise SiteError(f"{place / _NOTE}: damaged", "move the data back by hand")
    return {key: note[key] for key in _KEPT}
