"""The site of hosts reached over SSH: nodes found and watched there, etcd reached through tunnels."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from etcdtui.errors import EtcdtuiError, NodeError, SiteError
from etcdtui.etcd.api import Credentials, EtcdWriter, TlsMaterial
from etcdtui.model.cluster import Node, RunState
from etcdtui.model.text import plural
from etcdtui.sites.asking import Asker
from etcdtui.sites.ssh.facts import Stated
from etcdtui.sites.ssh.hop import Hop, Settings, spot
from etcdtui.sites.ssh.tls import HostFiles, material_of
from etcdtui.sites.ssh.tunnel import make_directory

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host
    from etcdtui.sites.ssh.link import Link
    from etcdtui.sites.ssh.reach import Reach

LOOK_WAIT = 1.3
"""Seconds one listing of the nodes waits for the slowest host."""
CLIENT_PORT = 2379


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a profile says of such a site."""

    name: str
    hosts: tuple[str, ...]
    jump: tuple[str, ...] = ()
    ssh: Settings = field(default_factory=Settings)
    stated: Mapping[str, Stated] = field(default_factory=dict)
    """By host, as in `hosts`; the entry of the empty name counts for all others."""
    may_sudo: bool = True
    by_etcdctl: bool = False
    """Whether etcd is asked with the hosts' etcdctl even where tunnels are allowed."""
    tls: TlsMaterial | None = None
    host_files: HostFiles | None = None
    credentials: Credentials | None = None
    discover: bool = False
    """Whether further hosts are taken from the member list."""


class SshSite:
    """Nodes on hosts. Nothing is dialled before it is needed, and nothing is imported either."""

    kind = "ssh"

    def __init__(self, plan: Plan, asker: Asker) -> None:
        self.name = plan.name
        self._plan = plan
        self._asker = asker
        self._hosts: dict[str, Host] = {}
        self._links: dict[tuple[Hop, ...], Link] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._directory: Path | None = None
        self._numbers = count()
        self._looking: dict[str, threading.Thread] = {}
        self._nodes: dict[str, Node] = {}
        self._forbidden: set[str] = set()
        self._materials: dict[str, TlsMaterial | None] = {}
        self._material_lock = threading.Lock()
        # Whoever dialled closes it; here is only what to close on the way out.
        self._reaches: weakref.WeakSet[Reach] = weakref.WeakSet()
        self._discovered = float("-inf")
        self.notes: tuple[str, ...] = ()

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
            self._links[way] = Link(way[-1], via, cast(Secrets, secrets))
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
        for host in list(self._hosts.values()):
            out.update(dict.fromkeys(host.facts.client_urls or (self._guess(host),)))
        return tuple(out)

    def _guess(self, host: Host) -> str:
        scheme = "https" if self._plan.tls or self._plan.host_files else "http"
        name = host.link.hop.host
        return f"{scheme}://[{name}]:{CLIENT_PORT}" if ":" in name else f"{scheme}://{name}:{CLIENT_PORT}"

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

    # -- what an endpoint asks (reach.Ways) -----------------------------------------------------------

    def carrier(self, url: str) -> Host:
        """The host that serves a URL, else one that its name or address tells, else the first that is up."""
        from etcdtui.sites.ssh.link import Status

        hosts = self.hosts()
        name = (urlsplit(url).hostname or "").lower()
        for host in hosts.values():
            if url in host.facts.client_urls:
                return host
        for host in hosts.values():
            if name in (host.link.hop.host.lower(), host.name.lower()):
                if not host.detected and url == self._guess(host) and self._plan.tls is None:
                    self._wait_for(host)
                return host
        up = [host for host in hosts.values() if host.link.status is Status.UP]
        return up[0] if up else next(iter(hosts.values()))

    def _wait_for(self, host: Host) -> None:
        """An address that is only guessed is not dialled before it is known how etcd serves there."""
        host.link.transport(1.0)
        self._start_looking(host)
        thread = self._looking.get(host.name)
        if thread is not None:
            thread.join(1.0)
        if not host.detected:
            raise SiteError(f"looking how etcd runs on {host.name}")
        if host.facts.client_urls and self._guess(host) not in host.facts.client_urls:
            raise SiteError(f"etcd of {host.name} serves at {', '.join(host.facts.client_urls)}")

    def material(self, host: Host) -> TlsMaterial | None:
        """The TLS files of the profile, or those on the host."""
        if self._plan.tls is not None:
            return self._plan.tls
        with self._material_lock:
            if host.name not in self._materials:
                self._materials[host.name] = material_of(host, self._plan.host_files)
            return self._materials[host.name]

    def credentials(self) -> Credentials | None:
        """The etcd user."""
        return self._plan.credentials

    def socket_path(self) -> Path:
        """A path within a directory that only this user may enter."""
        with self._lock:
            if self._directory is None:
                self._directory = make_directory()
            return self._directory / f"{next(self._numbers)}.sock"

    def uses_etcdctl(self, host: Host) -> bool:
        """Whether asked to, or because sshd forwards nothing."""
        return self._plan.by_etcdctl or host.name in self._forbidden

    def forbidden(self, host: Host, why: str) -> None:
        """From now on the host's etcdctl is used."""
        with self._lock:
            if host.name not in self._forbidden:
                self._forbidden.add(host.name)
                self.notes += (f"{why}: its etcdctl is used instead",)

    def by_etcdctl(self, url: str, host: Host) -> EtcdWriter:
        """The endpoint by way of the host's etcdctl."""
        from etcdtui.sites.ssh.ctl_way import endpoint

        return endpoint(url, host, self._plan.host_files, self._plan.credentials)

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
            out.append(self._seen(host, late=thread is not None and thread.is_alive()))
        return tuple(out)

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

    # -- Startable, Killable, Logged -------------------------------------------------------------------

    def describe_start(self, node: str) -> str:
        """The exact command."""
        return self._describe(node, "start")

    def describe_stop(self, node: str) -> str:
        """The exact command."""
        return self._describe(node, "stop")

    def describe_kill(self, node: str) -> str:
        """The exact command."""
        return self._describe(node, "kill")

    def _describe(self, node: str, verb: str) -> str:
        from etcdtui.sites.ssh.control import describe_command

        pid = self._nodes[node].pid if node in self._nodes else None
        return describe_command(self._host(node), verb, pid)

    def start_node(self, node: str) -> str:
        """Start etcd there; see `etcdtui.sites.ssh.control.start`."""
        from etcdtui.sites.ssh import control

        return control.start(self._host(node))

    def stop_node(self, node: str, timeout: float) -> str:
        """Stop etcd there with SIGTERM and wait until it is gone."""
        from etcdtui.sites.ssh import control

        return control.stop(self._host(node), timeout)

    def kill_node(self, node: str) -> str:
        """Kill etcd there with SIGKILL."""
        from etcdtui.sites.ssh import control

        return control.kill(self._host(node))

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines of its log; untrusted text."""
        from etcdtui.sites.ssh import logs

        return logs.tail(self._host(node), lines)

    def log_follow(self, node: str, stop: Callable[[], bool]) -> Iterator[str]:
        """New lines of its log; untrusted text."""
        from etcdtui.sites.ssh import logs

        return logs.follow(self._host(node), stop)
