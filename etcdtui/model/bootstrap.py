"""What a cluster that does not exist yet is to be: its plan table and all that is said of it; values only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CLIENT_PORT, PEER_PORT, METRICS_PORT = 2379, 2380, 2381

Setting = str | int | bool
"""A setting of etcd's own, as its configuration file takes it."""


class Discovery(StrEnum):
    """How the members find each other the first time."""

    STATIC = "static"
    """Every member is told of all the others."""
    SRV = "srv"
    """They look for each other in DNS SRV records."""
    SERVICE = "service"
    """They meet at another etcd, the discovery service."""


class Tls(StrEnum):
    """Where the certificates come from."""

    NONE = "none"
    GIVEN = "given"
    """The operator brings them."""
    MADE = "made"
    """A CA of the cluster's own and a pair a member, made by the console."""
    AUTO = "auto"
    """etcd makes them for itself and checks nobody's: for a trial."""


class Runner(StrEnum):
    """What runs etcd on a host."""

    SYSTEMD = "systemd"
    PROCESS = "process"
    """A plain process with a pid file, as in the classic guide."""


class Source(StrEnum):
    """Where a host's etcd comes from."""

    THERE = "there"
    """It is installed already."""
    TARBALL = "tarball"
    """A file on the machine of the console."""
    URL = "url"
    """The machine of the console fetches it."""
    HOST_URL = "host_url"
    """Every host fetches it by itself."""


class Spread(StrEnum):
    """Whether two pods may be on one Kubernetes node."""

    REQUIRED = "required"
    """Never."""
    PREFERRED = "preferred"
    """Only where there is no other."""
    NONE = "none"
    """It does not matter."""


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """A line of the plan table: a member that is to be."""

    host: str
    """The host as the profile names it."""
    name: str
    address: str = ""
    """What peers and clients dial: an address or a DNS name; empty for the host's name."""
    client_port: int = CLIENT_PORT
    peer_port: int = PEER_PORT

    @property
    def dialled(self) -> str:
        """The address in URLs, brackets around IPv6."""
        text = self.address or bare_host(self.host)
        return f"[{text}]" if ":" in text else text


@dataclass(frozen=True, slots=True)
class Meeting:
    """How the members find each other the first time, and what that needs."""

    by: Discovery = Discovery.STATIC
    domain: str = ""
    """For `Discovery.SRV`: where the records are."""
    url: str = ""
    """For `Discovery.SERVICE` of etcd before 3.7: the URL that the old service gave."""
    endpoints: tuple[str, ...] = ()
    """For `Discovery.SERVICE` of etcd 3.6 and newer: client URLs of the etcd to meet at."""
    token: str = ""
    """With `endpoints`: which cluster is meant there; empty for the cluster's own token."""


@dataclass(frozen=True, slots=True)
class GivenTls:
    """Certificates that the operator brings: paths here, ``{name}`` in them for a member's name."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    peer_ca: str = ""
    """Empty: the same as for clients; so are the next two."""
    peer_cert: str = ""
    peer_key: str = ""


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """The etcd that the hosts are to run."""

    version: str = ""
    """Such as ``3.5.21``; empty: whatever is there."""
    source: Source = Source.THERE
    where: str = ""
    """Path or URL of the tarball; for `Source.THERE` the program, empty for the one on the PATH."""
    sha256: str = ""
    """Of the tarball."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """What is said of any new cluster."""

    token: str = ""
    """``--initial-cluster-token``; empty for one made of the profile's name and the plan table."""
    tls: Tls = Tls.NONE
    auth: bool = False
    """Whether user and password are asked for from the beginning."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """Further settings of etcd, for every member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsBootstrap(Bootstrap):
    """A new cluster on hosts."""

    members: tuple[MemberPlan, ...] = ()
    meeting: Meeting = Meeting()
    given: GivenTls = GivenTls()
    release: ReleasePlan = ReleasePlan()
    runner: Runner = Runner.SYSTEMD
    unit: str = "etcd.service"
    """May hold ``{name}``, as the next two."""
    data_dir: str = "/var/lib/etcd/{name}"
    config_dir: str = "/etc/etcd"
    install_dir: str = "/opt/etcd"
    """Where releases lie beside each other, with a link ``current`` to the one that runs."""
    account: str = "etcd"
    """Whom etcd runs as; made when it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeBootstrap(Bootstrap):
    """A new cluster as a StatefulSet."""

    members: int = 3
    image: str = "gcr.io/etcd-development/etcd:v3.5.21"
    version: str = ""
    """Of etcd in that image; empty: as the image's tag has it."""
    storage: str = "8Gi"
    """Size of every member's claim, a quantity of Kubernetes; empty for none: data that dies with its pod."""
    storage_class: str = ""
    """Empty for the cluster's own."""
    cpu: str = "100m"
    """What a pod asks for; its limit is left open, for a throttled etcd loses elections."""
    memory: str = "256Mi"
    memory_limit: str = ""
    spread: Spread = Spread.PREFERRED
    run_as: int = 1000
    """Number of the account in the pod; 0 where the volumes belong to root."""
    secrets: tuple[str, str] = ("", "")
    """For `Tls.GIVEN`: the Secrets with ``ca.crt``, ``tls.crt`` and ``tls.key`` for clients and for peers."""
    cluster_domain: str = "cluster.local"


def bare_host(text: str) -> str:
    """The host alone of ``[user@]host[:port]``."""
    host = text.rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]


def is_address(text: str) -> bool:
    """Whether it is an IP address, without brackets, and no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
