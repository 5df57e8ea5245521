"""Which way an endpoint is reached: through which host, with which TLS files, by tunnel or by etcdctl."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etcdtui.errors import SiteError
from etcdtui.etcd.api import EtcdWriter, Login, TlsMaterial
from etcdtui.model.severity import Severity
from etcdtui.sites.login import LoggedIn
from etcdtui.sites.sockets import make_directory
from etcdtui.sites.ssh.plan import Plan
from etcdtui.sites.ssh.tls import HostFiles, files_of, material_of

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

CLIENT_PORT = 2379


class SshWays(LoggedIn):
    """`etcdtui.sites.ssh.reach.Ways`: the part of `etcdtui.sites.ssh.site.SshSite` that endpoints ask."""

    _plan: Plan
    _lock: threading.RLock
    _looking: dict[str, threading.Thread]

    def __init__(self) -> None:
        self._directory: Path | None = None
        self._numbers = count()
        self._forbidden: set[str] = set()
        self._materials: dict[tuple[str, HostFiles | None], TlsMaterial | None] = {}
        self._material_lock = threading.Lock()
        self.notes: tuple[str, ...] = ()

    def hosts(self) -> dict[str, Host]:
        """The hosts by name."""
        raise NotImplementedError

    def _start_looking(self, host: Host) -> None:
        raise NotImplementedError

    def _tell(self, severity: Severity, text: str) -> None:
        raise NotImplementedError

    def _guess(self, host: Host) -> str:
        """The usual client URL of a host."""
        scheme = "https" if self._plan.tls or self._plan.host_files else "http"
        name = host.link.hop.host
        return f"{scheme}://[{name}]:{CLIENT_PORT}" if ":" in name else f"{scheme}://{name}:{CLIENT_PORT}"

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
        files = files_of(host, self._plan.host_files)
        with self._material_lock:
            if (host.name, files) not in self._materials:
                self._materials[host.name, files] = material_of(host, files)
            return self._materials[host.name, files]

    def login(self) -> Login:
        """The etcd user, who may become another."""
        return self._login

    def socket_path(self) -> Path:
        """A path within a directory that only this user may enter."""
        with self._lock:
            if self._directory is None:
                self._directory = make_directory()
            return self._directory / f"{next(self._numbers)}.sock"

    def uses_etcdctl(self, host: Host) -> bool:
        """Whether asked to, or because sshd forwards nothing."""
        return self._plan.by_etcdctl or host.name in self._forbidden

    def seals(self, host: Host) -> bool:
        """Where etcd runs with ``--auto-tls``, and the profile does not say how it is checked."""
        own = host.facts.settings.get("auto-tls")
        stated = self._plan.tls is not None or self._plan.host_files is not None
        return not stated and own is not None and own.lower() in ("", "true")

    def forbidden(self, host: Host, why: str) -> None:
        """From now on the host's etcdctl is used."""
        with self._lock:
            if host.name not in self._forbidden:
                self._forbidden.add(host.name)
                self.notes += (f"{why}: its etcdctl is used instead",)
                self._tell(Severity.WARNING, self.notes[-1])

    def by_etcdctl(self, url: str, host: Host) -> EtcdWriter:
        """The endpoint by way of the host's etcdctl."""
        from etcdtui.sites.ssh.ctl_way import UNCHECKED, endpoint

        if self.seals(host):
            return endpoint(url, host, HostFiles(), self._login, UNCHECKED)
        return endpoint(url, host, self._plan.host_files, self._login)
