"""Hosts of which a plan table says what runs there, before it does and when further ones are set up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etcdtui.etcd.api import TlsMaterial
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Runner, Source, Tls
from etcdtui.sites.asking import Asker
from etcdtui.sites.base import NewNode
from etcdtui.sites.founding import Tell
from etcdtui.sites.pki_store import PkiStore
from etcdtui.sites.ssh import installing
from etcdtui.sites.ssh.addresses import member_name
from etcdtui.sites.ssh.hop import spot
from etcdtui.sites.ssh.plan import Plan
from etcdtui.sites.ssh.shell import Done
from etcdtui.sites.ssh.site import SshSite

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host


class SshPlanned(SshSite):
    """A site with a plan table.

    Args:
        boot: what the cluster is to be.
        home: directory here for the cluster's CA and for tarballs that are fetched.
    """

    def __init__(self, plan: Plan, asker: Asker, boot: HostsBootstrap, home: Path) -> None:
        super().__init__(plan, asker)
        self.boot = boot
        self._store = PkiStore(home / "pki" / plan.name, plan.name)
        self._fetched = home / "releases"
        self._members = {spot(member.host).host: member for member in boot.members}
        self._grown: dict[str, None] = {}

    # -- where the members will be -----------------------------------------------------------------

    def seeds(self) -> tuple[str, ...]:
        """The URLs of the plan table, and those that hosts advertise."""
        planned = [settings.client_url(self.boot, member) for member in self.boot.members]
        found = [url for host in list(self._hosts.values()) for url in host.facts.client_urls]
        return tuple(dict.fromkeys([*planned, *found]))

    def _guess(self, host: Host) -> str:
        member = self._members.get(host.name)
        return settings.client_url(self.boot, member) if member else super()._guess(host)

    def carrier(self, url: str) -> Host:
        """The host whose line of the plan table has the URL, else as `SshSite` finds it."""
        parts = urlsplit(url)
        for name, member in self._members.items():
            if (parts.hostname, parts.port) == (member.dialled.strip("[]").lower(), member.client_port):
                return self._host(name)
        return super().carrier(url)

    def material(self, host: Host) -> TlsMaterial | None:
        """The profile's TLS files; else those that the console made."""
        if self._plan.tls is not None or self._plan.host_files is not None:
            return super().material(host)
        if self.boot.tls is Tls.MADE:
            return self._store.client()
        return super().material(host)

    def seals(self, host: Host) -> bool:
        """Also before the member has run."""
        return self.boot.tls is Tls.AUTO or super().seals(host)

    def _place(self, host: Host) -> NewNode:
        """As the plan table has it, for its own hosts."""
        member, boot = self._members.get(host.name), self.boot
        if member is None:
            return super()._place(host)
        urls = settings.peer_url(boot, member), settings.client_url(boot, member)
        return NewNode(host.name, *urls, member=member.name)

    # -- further hosts --------------------------------------------------------------------------------

    def describe_prepare(self, node: NewNode) -> str:
        """What is laid on a host that the plan table does not have, else as `SshSite` says."""
        from etcdtui.sites.ssh import widening

        host = self._host(node.name)
        if not self._is_new(host):
            return super().describe_prepare(node)
        words = widening.describe(self.boot, self._line_for(node), self._sibling(host), self._store)
        return host.shell.describe([], root=self.boot.runner is Runner.SYSTEMD, words=words)

    def prepare_node(self, node: NewNode, initial_cluster: Mapping[str, str]) -> str:
        """A host that the plan table does not have is set up as the bring-up set up the others."""
        from etcdtui.sites.ssh import widening

        host = self._host(node.name)
        if not host.detected or host.spare:
            host.forget()
            host.look(deep=True)
        if not self._is_new(host):
            return super().prepare_node(node, initial_cluster)
        widening.same_release(self.boot, self._sibling(host))
        member, members = self._line_for(node), dict(initial_cluster)
        members[member.name] = members.pop(node.name)
        tarball, run = self._tarball(lambda _: None), self._run_of(host)
        return widening.set_up(host, self.boot, member, self.name, members, self._store, tarball, run)

    def _is_new(self, host: Host) -> bool:
        """Whether it is none of the plan table's and was never set up."""
        from etcdtui.sites.ssh import retire

        return host.name not in self._members and host.spare and not retire.remembers(host)

    def _line_for(self, node: NewNode) -> MemberPlan:
        from etcdtui.sites.ssh import widening

        siblings = self._siblings(self._host(node.name))
        names = {h.name: h.facts.member_name for h in siblings if h.facts.member_name}
        name = node.member or member_name(node.name, names, set(names.values()))
        return widening.line_for(node, name)

    def _tarball(self, tell: Tell) -> tuple[Path, str] | None:
        """The release's file on this machine; None where the hosts fetch it or have it. Raises SiteError."""
        if self.boot.release.source not in (Source.TARBALL, Source.URL):
            return None
        return installing.local_tarball(self.boot, self._fetched, tell)

    def _run_of(self, host: Host) -> Callable[..., Done]:
        """What runs commands with the rights needed: root for a unit, the account itself for a process."""
        return host.shell.sudo if self.boot.runner is Runner.SYSTEMD else host.shell.run
