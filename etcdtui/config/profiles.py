"""The typed settings a configuration file holds: what the console looks like, and the clusters it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from etcdtui.model.bootstrap import HostsBootstrap, KubeBootstrap

DEMO = "demo"
"""Name of the built-in profile: the embedded cluster that ``etcdtui demo`` starts."""
NAME = r"\w[\w.@:-]*"
"""What the name of a profile must match in full."""
NAME_HAS = "letters, digits and . _ - @ :"


@dataclass(frozen=True, slots=True)
class UiSettings:
    """How the console behaves, whatever the cluster."""

    theme: str = ""
    """Name of a theme; empty for the console's own choice. The ui checks that it exists."""
    refresh: float = 1.0
    """Seconds between two readings, at least 0.1."""
    timeout: float = 1.5
    """Seconds a reading may take, at least 0.1."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Action ID -> its keys, comma-separated, as Textual's ``set_keymap`` takes them."""
    read_only: bool = False
    """Whether everything that changes a cluster is left out."""


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """Where the TLS files of an endpoint lie, PEM; nothing is read here."""

    ca: Path | None = None
    """None: the system's certificate authorities."""
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""
    """The name to check in the server's certificate instead of the one dialled."""


@dataclass(frozen=True, slots=True)
class ChangeLock:
    """The key that keeps a second console from changing the cluster while a plan runs."""

    enabled: bool = True
    key: str = "/etcdtui/lock"
    ttl: int = 15
    """Seconds after which etcd gives the lock up when its holder has died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One cluster the operator has given a name."""

    kind: ClassVar[str] = ""
    least_timeout: ClassVar[float] = 0.0
    """Seconds that a reading is given at least, unless the profile or the command line says otherwise."""
    name: str
    description: str = ""
    refresh: float | None = None
    """Seconds; None for the ui's."""
    timeout: float | None = None
    """Seconds; None for the ui's."""
    read_only: bool = False
    change_lock: ChangeLock = ChangeLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProfile(Profile):
    """Processes of this machine."""

    kind: ClassVar[str] = "local"
    directory: Path | None = None
    """Where the members' data lies; None for the demo's directory."""
    nodes: int | None = None
    """How many members a new cluster gets; None for the usual three."""
    binary: Path | None = None
    """The etcd to run; None for the newest one found."""
    keep: bool = False
    """Whether the members go on running when the console quits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientProfile(Profile):
    """What an etcd client needs to be let in."""

    tls: TlsPaths | None = None
    user: str = ""
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    password_command: tuple[str, ...] = ()
    """A command as a list of arguments; the first line it prints is the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointsProfile(ClientProfile):
    """Plain client URLs."""

    kind: ClassVar[str] = "endpoints"
    endpoints: tuple[str, ...] = ()
    """``host:port``, ``http://host:port``, ``https://host:port`` or ``unix:///path``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHost:
    """How one host is logged in to and how it runs etcd; what is left out is found out."""

    address: str = ""
    """What is dialled instead of the host's name."""
    user: str = ""
    port: int | None = None
    identity_file: Path | None = None
    certificate_file: Path | None = None
    jump: tuple[str, ...] | None = None
    """Jump hosts, outermost first; empty for none, whatever ssh's configuration says."""
    proxy_command: str = ""
    unit: str = ""
    """The systemd unit that runs etcd."""
    manifest: str = ""
    """The static pod's manifest that runs it."""
    pid_file: str = ""
    """The file with the process ID of an etcd started by hand."""
    command: tuple[str, ...] = ()
    """The command line that starts it then."""
    log_file: str = ""


@dataclass(frozen=True, slots=True)
class HostTls:
    """Where TLS files lie on the hosts themselves."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshProfile(Profile):
    """Hosts reached over SSH."""

    kind: ClassVar[str] = "ssh"
    hosts: tuple[str, ...] = ()
    """``[user@]host[:port]``, or a name of ssh's configuration."""
    jump: tuple[str, ...] = ()
    """Jump hosts, outermost first: ``[user@]host[:port]``."""
    user: str = ""
    port: int | None = None
    identity_file: Path | None = None
    certificate_file: Path | None = None
    identities_only: bool = False
    known_hosts: Path | None = None
    strict_host_keys: bool | None = None
    """Whether an unknown host key is refused without asking; None: as ssh's configuration has it."""
    ssh_config: Path | None = None
    """None: ``~/.ssh/config``."""
    proxy_command: str = ""
    connect_timeout: float | None = None
    alive_interval: float | None = None
    host_settings: Mapping[str, SshHost] = field(default_factory=dict)
    """For single hosts and jump hosts."""
    discover: bool = False
    """Whether further hosts are taken from the member list; so it is with one host alone."""
    sudo: bool = True
    """Whether sudo may be used on the hosts."""
    etcdctl: bool = False
    """Whether etcd is asked with the hosts' etcdctl instead of tunnels."""
    unit: str = ""
    """The systemd unit that runs etcd; empty: found out."""
    manifest: str = ""
    pid_file: str = ""
    command: tuple[str, ...] = ()
    log_file: str = ""
    tls: TlsPaths | None = None
    host_tls: HostTls | None = None
    etcd_user: str = ""
    etcd_password_file: Path | None = None
    etcd_password_command: tuple[str, ...] = ()
    bootstrap: HostsBootstrap | None = None
    """How the cluster is brought up when there is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeProfile(ClientProfile):
    """A StatefulSet of a Kubernetes cluster."""

    kind: ClassVar[str] = "kube"
    # A first reading makes the way: TLS to the API server, the forward, etcd's own connection.
    least_timeout: ClassVar[float] = 3.0
    context: str = ""
    """Empty for the kubeconfig's current one."""
    namespace: str = ""
    """Empty for the context's."""
    statefulset: str = ""
    """Empty: the one that runs etcd."""
    static_pods: bool = False
    """The static pods of kubeadm's control plane instead of a StatefulSet."""
    kubeconfig: Path | None = None
    """None for ``KUBECONFIG``, ``~/.kube/config``, or the account of the pod etcdtui runs in."""
    tls_secret: str = ""
    """Name of a Secret with the CA, a client certificate and its key; instead of `tls`."""
    helper_image: str = ""
    """An image with a shell, for work on the volumes of stopped pods; empty where etcd's own has one."""
    bootstrap: KubeBootstrap | None = None
    """How the cluster is brought up when there is none yet."""


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration."""

    ui: UiSettings = field(default_factory=UiSettings)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    default: str = ""
    """Name of the profile that is opened when none is named; empty for none."""
    file: Path | None = None
    """Where it was read from; None when there was no file."""
    warnings: tuple[str, ...] = ()
    """Lines for the operator, each about something that works but should not stay."""
