"""Everything a profile says of a site of hosts, as its site takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from etcdtui.etcd.api import Credentials, TlsMaterial
from etcdtui.sites.ssh.facts import Stated
from etcdtui.sites.ssh.hop import Settings
from etcdtui.sites.ssh.tls import HostFiles


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
