"""The site of hosts reached over SSH: nodes found and watched there, etcd reached through tunnels."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from etcdtui.errors import EtcdtuiError, NodeError, SiteError
from etcdtui.etcd.api import EtcdWriter, Login
from etcdtui.model.cluster import ClusterSnapshot, Node, RunState
from etcdtui.model.events import Event
from etcdtui.model.health import Finding
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean, plural
from etcdtui.sites.asking import Asker
from etcdtui.sites.ssh.acting import SshActing
from etcdtui.sites.ssh.facts import Stated
from etcdtui.sites.ssh.hop import Hop, spot
from etcdtui.sites.ssh.places import SshPlaces
from etcdtui.sites.ssh.plan import Plan
from etcdtui.sites.ssh.releases import SshReleases
from etcdtui.sites.ssh.restore import SshRestores
from etcdtui.sites.ssh.shelves import SshShelves
from etcdtui.sites.ssh.ways import SshWays

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host
    from etcdtui.sites.ssh.link import Link, Status
    from etcdtui.sites.ssh.reach import Reach

LOOK_WAIT = 1.3
"""Seconds one listing of the nodes waits for the slowest host."""


class SshSite(SshActing, SshPlaces, SshShelves, SshRestores, SshReleases, SshWays):
    """Nodes on hosts. Nothing is dialled before it is needed, and nothing is imported either."""

    kind = "ssh"

    def __init__(self, plan: Plan, asker: Asker) -> None:
        super().__init__()
        self.name = plan.name
        self._plan = plan
        self._asker = asker
        self._login = Login(plan.credentials)
        self._hosts: dict[str, Host] = {}
        self._links: dict[tuple[Hop, ...], Link] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._looking: dict[str, threading.Thread] = {}
        self._nodes: dict[str, Node] = {}
        # Whoever dialled closes it; here is only what to close on the way out.
        self._reaches: weakref.WeakSet[Reach] = weakref.WeakSet()
        self._discovered = float("-inf")
        self._news: list[Event] = []
        self._on_change: Callable[[], None] = lambda: None

    # -- hosts -------------------------------------------------------------------------------------

    def hosts(self) -> dict[str, Host]:
        """The hosts by name, opened on the first call: paramiko is imported here.

        Raises:
            SiteError: the profile or ssh's configuration cannot be used; the site is closed.
        """
        with self._lock:
            if self._closed:
                raise SiteError(f"{self.name}: closed")
            if not self._hosts:
                try:
                    self._open(self._plan.hosts)
                except SiteError:
                    raise
                except EtcdtuiError as error:
                    raise SiteError(error.message, error.hint) from None
            return dict(self._hosts)

    def profile_keys(self) -> Mapping[str, object]:
        """The hosts: those that were given, and those that the member list led to."""
        given = {spot(text).host: text for text in self._plan.hosts}
        return {"hosts": [given.get(name, name) for name in self._hosts] or list(self._plan.hosts)}

    def _open(self, texts: Sequence[str]) -> None:
        from etcdtui.sites.ssh.host import Host
        from etcdtui.sites.ssh.resolve import Resolver
        from etcdtui.sites.ssh.secrets import Secrets
        from etcdtui.sites.ssh.shell import Shell

        plan = self._plan
        resolver = Resolver(plan.ssh)
        secrets = self._secrets = getattr(self, "_secrets", None) or Secrets(self._asker)
        ways = {text: resolver.way(text, plan.jump) for text in texts}
        for text, way in ways.items():
            name = spot(text).host
            link = self._link(way, secrets)
            stated = plan.stated.get(text) or plan.stated.get(name) or plan.stated.get("") or Stated()
            shell = Shell(name, link, secrets, may_sudo=plan.may_sudo)
            self._hosts.setdefault(name, Host(name, link, shell, stated))
        for host in self._hosts.values():
            host.link.open()

    def _link(self, way: tuple[Hop, ...], secrets: object) -> Link:
        from etcdtui.sites.ssh.link import Link
        from etcdtui.sites.ssh.secrets import Secrets

        if way not in self._links:
            via = self._link(way[:-1], secrets) if len(way) > 1 else None
            self._links[way] = Link(way[-1], via, cast(Secrets, secrets), self._link_changed)
        return self._links[way]

    def _host(self, node: str) -> Host:
        found = self.hosts().get(node)
        if found is None:
            raise NodeError(f"{node}: there is no such host", f"there is {', '.join(self._hosts)}")
        return found

    def connect(self, timeout: float) -> str:
        """Connect to all hosts and look at each once; what came of it, in a line.

        Blocks for at most `timeout` seconds, a person's answers not counted.

        Raises:
            SiteError: no host is reached; the message says why for the first.
        """
        from etcdtui.sites.ssh.link import Status

        hosts = self.hosts()
        deadline = time.monotonic() + timeout
        for host in hosts.values():
            with contextlib.suppress(SiteError):
                host.link.transport(max(0.05, deadline - time.monotonic()))
        up = [host for host in hosts.values() if host.link.status is Status.UP]
        if not up:
            first = next(iter(hosts.values()))
            raise SiteError(f"{self.name}: no host is reached: {first.link.why()}")
        self.nodes()
        down = [f"{h.name}: {h.link.why()}" for h in hosts.values() if h not in up]
        jumps = dict.fromkeys(link.hop.label for host in up for link in host.link.chain()[:-1])
        through = f" through {', '.join(jumps)}" if jumps else ""
        return "; ".join([f"{plural(len(up), 'host')} connected{through}", *down, *self.notes])

    # -- Site --------------------------------------------------------------------------------------

    def seeds(self) -> tuple[str, ...]:
        """The client URLs the hosts' etcds advertise; before that is known, the usual port of each host."""
        out: dict[str, None] = {}
        for host in [host for host in self._hosts.values() if not host.spare]:
            out.update(dict.fromkeys(host.facts.client_urls or (self._guess(host),)))
        return tuple(out)

    def dial(self, url: str) -> EtcdWriter:
        """The API of an endpoint, through the host it belongs to."""
        from etcdtui.sites.ssh.reach import Reach

        reach = Reach(url, self)
        with self._lock:
            self._reaches.add(reach)
        return cast(EtcdWriter, reach)

    def close(self) -> None:
        """End every tunnel and connection; does not wait."""
        with self._lock:
            self._closed = True
            reaches, links = list(self._reaches), list(self._links.values())
        for reach in reaches:
            reach.close()
        for link in reversed(links):
            link.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    # -- Telling, Watching -----------------------------------------------------------------------------

    def news(self) -> tuple[Event, ...]:
        """Connections lost and made again, refused ones, and what is done instead of a tunnel."""
        with self._lock:
            news, self._news = self._news, []
        return tuple(news)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back when a connection was made or lost."""
        self._on_change = callback

    def _tell(self, severity: Severity, text: str) -> None:
        with self._lock:
            self._news.append(Event(time.time(), "site", severity, clean(text, 300)))

    def _link_changed(self, link: Link, old: Status, new: Status) -> None:
        from etcdtui.sites.ssh.link import Status

        if new is Status.REFUSED:
            self._tell(Severity.CRITICAL, link.reason)
        elif new is Status.LOST and (link.via is None or link.via.status is Status.UP):
            # Behind a jump host that is lost everything is; one line says it.
            self._tell(Severity.WARNING, link.reason)
        elif new is Status.UP and link.reconnects:
            self._tell(Severity.OK, f"connected to {link.hop.label} again")
        if Status.UP in (old, new):
            self._on_change()

    # -- HasNodes ------------------------------------------------------------------------------------

    def nodes(self) -> tuple[Node, ...]:
        """The nodes as they are now; a host that does not answer in time is one of which nothing is known."""
        hosts = self.hosts()
        if self._plan.discover:
            self._discover()
            hosts = self.hosts()
        began = time.monotonic()
        for host in hosts.values():
            self._start_looking(host)
        out = []
        for host in hosts.values():
            thread = self._looking.get(host.name)
            if thread is not None:
                thread.join(max(0.0, began + LOOK_WAIT - time.monotonic()))
            if not host.spare:
                out.append(self._seen(host, late=thread is not None and thread.is_alive()))
        return tuple(out)

    def note(self) -> str:
        """The hosts that run no member and could."""
        free = [host.name for host in list(self._hosts.values()) if host.spare]
        return f"free: {clean(', '.join(free))}" if free else ""

    def findings(self, snapshot: ClusterSnapshot) -> tuple[Finding, ...]:
        """Where members, units, processes and data do not go together."""
        from etcdtui.sites.ssh.drift import drift

        return drift(self.hosts(), snapshot)

    def _seen(self, host: Host, *, late: bool) -> Node:
        node = self._nodes.get(host.name) or Node(host.name)
        node = node if node.client_urls else replace(node, client_urls=(self._guess(host),))
        if not late:
            return node
        why = host.link.why() or f"no answer from {host.link.hop.label} within {LOOK_WAIT:g} s"
        return replace(node, run_state=RunState.UNKNOWN, detail=why, pid=None)

    def _start_looking(self, host: Host) -> None:
        with self._lock:
            before = self._looking.get(host.name)
            if before is not None and before.is_alive():
                return

            def look() -> None:
                self._nodes[host.name] = host.node()

            thread = threading.Thread(target=look, name=f"etcdtui-look-{host.name}", daemon=True)
            self._looking[host.name] = thread
            thread.start()

    def _discover(self) -> None:
        """Hosts for members that no host serves, at most every ten seconds."""
        now = time.monotonic()
        if now - self._discovered < 10:
            return
        seed = next(iter(self._hosts.values()))
        if not seed.detected:
            return
        self._discovered = now
        known = {host.link.hop.host for host in self._hosts.values()} | set(self._hosts)
        api = self.dial((seed.facts.client_urls or (self._guess(seed),))[0])
        try:
            members = api.member_list(1.0)
        except EtcdtuiError:
            return
        finally:
            api.close()
        first = spot(self._plan.hosts[0])
        for member in members:
            host = next((urlsplit(u).hostname for u in (*member.peer_urls, *member.client_urls)), None)
            if host and host not in known and host not in ("localhost", "127.0.0.1", "::1"):
                text = f"[{host}]" if ":" in host else host
                user = f"{first.user}@" if first.user else ""
                port = f":{first.port}" if first.port else ""
                try:
                    with self._lock:
                        self._open((f"{user}{text}{port}",))
                except EtcdtuiError as error:
                    self.notes += (f"{host}: {error.message}",)
                known.add(host)
