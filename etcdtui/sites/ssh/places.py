"""Further hosts for members: proposed, prepared as their siblings are, given up; data is only moved aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from etcdtui.errors import EtcdtuiError, SiteError
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.text import plural
from etcdtui.sites.base import NewNode
from etcdtui.sites.ssh.facts import Runs

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

JOINING = "initial-cluster-state"


class SshPlaces:
    """Growable: the part of `etcdtui.sites.ssh.site.SshSite` that sets hosts up for members."""

    name: str

    def hosts(self) -> dict[str, Host]:
        """The hosts by name."""
        raise NotImplementedError

    def _host(self, node: str) -> Host:
        raise NotImplementedError

    def dial(self, url: str) -> EtcdWriter:
        """The API of an endpoint."""
        raise NotImplementedError

    def _siblings(self, other: Host) -> list[Host]:
        """The hosts that run members, those first that run etcd as most of them do."""
        found = [h for h in self.hosts().values() if h is not other and h.facts.peer_urls and not h.spare]
        kinds = Counter(host.facts.runs for host in found)
        return sorted(found, key=lambda host: -kinds[host.facts.runs])

    def _sibling(self, other: Host) -> Host:
        """The host after whose pattern another can be set up. Raises SiteError."""
        for host in self._siblings(other):
            if host.facts.runs is Runs.STATIC_POD and not _runs_pods(other, host.facts.manifest):
                continue
            if host.facts.runs is not Runs.UNKNOWN and host.facts.client_urls:
                return host
        raise SiteError(
            f"{self.name}: no host runs a member after whose pattern {other.name} could be set up"
        )

    # -- proposing -----------------------------------------------------------------------------------

    def spares(self) -> tuple[Host, ...]:
        """The hosts that run no member and are set up for none."""
        return tuple(host for host in self.hosts().values() if host.spare and host.detected)

    def propose_nodes(self, count: int) -> tuple[NewNode, ...]:
        """The profile's hosts that run no member yet, with URLs like those of the others.

        Raises:
            SiteError: there are not so many, or nothing tells their addresses.
        """
        free = self.free_nodes()
        if len(free) < count:
            there = f"{plural(len(free), 'host')} of the profile without a member"
            unseen = [f"; {h.name}: {h.link.why()}" for h in self.hosts().values() if not h.detected]
            raise SiteError(
                f"{self.name}: {there}, {count} needed{''.join(unseen)}",
                "enter further hosts into `hosts`, or give --peer-urls of an etcd that you start yourself",
            )
        return free[:count]

    def free_nodes(self) -> tuple[NewNode, ...]:
        """The profile's hosts that run no member yet. Raises SiteError where that cannot be told."""
        members = self._member_urls()
        if not members:
            raise SiteError(f"{self.name}: no member answers, so which hosts are free cannot be told")
        self._see_into()
        places = [self._place(host) for host in (*self.spares(), *self._emptied())]
        # A member that is only down keeps its place.
        return tuple(place for place in places if place.peer_url not in members)

    def _see_into(self) -> None:
        """Look as root at the hosts of which only root can tell whether they hold a member's data."""
        for host in self.hosts().values():
            try:
                seen = host.spare or host.facts.peer_urls or host.shell.can_be_root_silently()
                if not seen and host.shell.unlock():
                    host.look(deep=True)
            except SiteError:
                continue

    def _emptied(self) -> tuple[Host, ...]:
        """The hosts set up for a member whose data was moved away."""
        from etcdtui.sites.ssh import disk

        out: list[Host] = []
        for host in self.hosts().values():
            try:
                if host.spare or not host.facts.client_urls or not host.facts.peer_urls:
                    continue
                disk.stopped(host, "used")
                if not disk.holds_member(host):
                    out.append(host)
            except SiteError:
                continue
        return tuple(out)

    def _member_urls(self) -> frozenset[str]:
        """The peer URLs of all members, as the first one that answers has them; empty when none does."""
        for host in self.hosts().values():
            for url in host.facts.client_urls[:1]:
                api = self.dial(url)
                try:
                    return frozenset(url for m in api.member_list(2.0) for url in m.peer_urls)
                except EtcdtuiError:
                    continue
                finally:
                    api.close()
        return frozenset()

    def _place(self, host: Host) -> NewNode:
        if not host.spare:
            return NewNode(host.name, host.facts.peer_urls[0], host.facts.client_urls[0])
        from etcdtui.sites.ssh.addresses import address_like, with_host

        siblings = [h for h in self._siblings(host) if h.facts.client_urls]
        if not siblings:
            raise SiteError(f"{self.name}: no host is known to run a member, so none tells the addresses")
        sibling = siblings[0]
        peer, client = sibling.facts.peer_urls[0], sibling.facts.client_urls[0]
        return NewNode(
            host.name,
            with_host(peer, address_like(host, sibling, peer)),
            with_host(client, address_like(host, sibling, client)),
        )

    # -- preparing -----------------------------------------------------------------------------------

    def describe_prepare(self, node: NewNode) -> str:
        """Which files are written, after whose pattern."""
        from etcdtui.sites.ssh import retire

        host = self._host(node.name)
        after = "its etcd as it was"
        if host.spare and not retire.remembers(host):
            sibling = self._sibling(host)
            after = f"a {sibling.facts.runs} as on {sibling.name}"
        after += f", named {node.member}" if node.member else ""
        words = f"set up {after}: peer {node.peer_url}, client {node.client_url}, {JOINING} existing"
        return host.shell.describe([], root=True, words=words)

    def prepare_node(self, node: NewNode, initial_cluster: Mapping[str, str]) -> str:
        """Write what etcd needs there to join, in the way it is run there or on its siblings.

        Raises:
            NodeError: its data directory holds a member's data, it runs, or something is missing there.
        """
        from etcdtui.sites.ssh import prepare, retire

        host = self._host(node.name)
        if not host.detected or host.spare:
            host.forget()
            host.look(deep=True)
        if not host.spare or retire.take_back(host):
            return prepare.again(host, node, initial_cluster)
        sibling = self._sibling(host)
        names = {h.name: h.facts.member_name for h in self._siblings(host) if h.facts.member_name}
        return prepare.after(host, sibling, node, initial_cluster, names)

    # -- giving up -----------------------------------------------------------------------------------

    def describe_retire(self, node: str) -> str:
        """What is moved where."""
        from etcdtui.sites.ssh import retire

        host = self._host(node)
        return host.shell.describe([], root=True, words=retire.describe_retire(host))

    def retire_node(self, node: str) -> str:
        """Give a stopped node up: its data and what starts it are moved aside, it starts at boot no more.

        Raises:
            NodeError: it runs.
        """
        from etcdtui.sites.ssh import retire

        host = self._host(node)
        if host.spare:
            return f"{node}: is set up for no member any more"
        return retire.retire(host)

    def describe_set_aside(self, node: str) -> str:
        """The command."""
        host = self._host(node)
        data = host.facts.data_dir or "its data directory"
        return host.shell.describe([], root=True, words=f"mv {data}/member {data}.aside-<time>/")

    def set_aside(self, node: str) -> str:
        """Move a stopped node's data aside; where it went. Raises NodeError when it runs."""
        from etcdtui.sites.ssh import disk

        host = self._host(node)
        disk.stopped(host, "moved aside")
        place = disk.aside(host, f"aside-{disk.stamp()}")
        return f"{node}: its data is in {place}" if place else f"{node}: holds no data"


def _runs_pods(host: Host, manifest: str) -> bool:
    """Whether a host has a folder for the manifests of static pods."""
    return host.shell.elevated(["sh", "-c", '[ -d "$(dirname "$1")" ]', "sh", manifest]).code == 0
