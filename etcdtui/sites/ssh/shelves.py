"""Data directories of hosts moved aside under a name, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

NOTE = "node.json"
"""How the node was to start, beside its data."""
KEPT = ("initial-cluster", "initial-cluster-state", "initial-cluster-token")


class SshShelves:
    """Shelving: the part of `etcdtui.sites.ssh.site.SshSite` that moves data aside and back."""

    def _host(self, node: str) -> Host:
        raise NotImplementedError

    def describe_shelve(self, node: str, shelf: str) -> str:
        """The command."""
        host = self._host(node)
        data = host.facts.data_dir or "its data directory"
        return host.shell.describe([], root=True, words=f"mv {data}/member {data}.shelf-{shelf}/")

    def shelve(self, node: str, shelf: str) -> str:
        """Move a stopped node's data to that shelf; where it is.

        Raises:
            NodeError: it runs, or other data lies there.
        """
        from etcdtui.sites.ssh import disk, prepare, source

        host = self._host(node)
        disk.stopped(host, "moved aside")
        before = source.read(host)
        note = json.dumps({key: before.settings.get(key) for key in KEPT})
        disk.leave_note(host, f"shelf-{shelf}", NOTE, note)
        if before.settings.get("initial-cluster-state") != "existing":
            # Before the data goes: an empty node must not found a cluster.
            prepare.settle(host, before, {"initial-cluster-state": "existing"})
        place = disk.aside(host, f"shelf-{shelf}")
        return f"{node}: its data is in {place}" if place else f"{node}: holds no data"

    def describe_unshelve(self, node: str, shelf: str) -> str:
        """The command."""
        host = self._host(node)
        data = host.facts.data_dir or "its data directory"
        return host.shell.describe([], root=True, words=f"mv {data}.shelf-{shelf}/member {data}/")

    def unshelve(self, node: str, shelf: str) -> str:
        """Move the data on that shelf back and have the node start as it did; what was done.

        Raises:
            NodeError: it runs, or holds other data.
        """
        from etcdtui.sites.ssh import disk, prepare, source

        host = self._host(node)
        if not host.detected:
            host.look()
        place, name = disk.place_of(host, f"shelf-{shelf}"), f"shelf-{shelf}"
        if not (text := host.text(f"{place}/{NOTE}")):
            return f"{node}: nothing of it is in {place}"
        disk.stopped(host, "moved")
        try:
            note = json.loads(text)
            changes = {key: note[key] for key in KEPT}
        except (ValueError, KeyError, TypeError):
            raise NodeError(f"{node}: {place}/{NOTE}: damaged", "move the data back by hand") from None
        disk.back(host, name)
        before = source.read(host)
        if any(before.settings.get(key) != value for key, value in changes.items()):
            prepare.settle(host, before, changes)
        disk.take_note(host, f"{place}/{NOTE}")
        return f"{node}: its data is back in {disk.data_dir(host)}"
