"""etcd's settings for the members of a new cluster, as its configuration file or command line has them."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any

from etcdtui.model.bootstrap import (
    CLIENT_PORT,
    METRICS_PORT,
    PEER_PORT,
    Bootstrap,
    Discovery,
    HostsBootstrap,
    KubeBootstrap,
    MemberPlan,
    Tls,
)

Settings = Mapping[str, Any]
"""By the names of the configuration file; the two transports' are mappings themselves."""

CLIENT_TLS, PEER_TLS = "client-transport-security", "peer-transport-security"
OWN_SETTINGS = frozenset({
    "name", "data-dir", "listen-client-urls", "listen-peer-urls", "advertise-client-urls",
    "initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state", "initial-cluster-token",
    "discovery", "discovery-srv", "discovery-config", CLIENT_TLS, PEER_TLS,
})  # fmt: skip
"""What is made from the plan table."""
KUBE_TLS = "/etc/etcd-tls"
"""Where the Secrets are mounted in a pod, in ``server`` and ``peer``."""


def token_of(plan: HostsBootstrap | KubeBootstrap, cluster: str) -> str:
    """The initial cluster token: the stated one, else one that another plan table would not have."""
    if plan.token:
        return plan.token
    if isinstance(plan, KubeBootstrap):
        return cluster
    table = json.dumps([[m.name, m.dialled, m.client_port, m.peer_port] for m in plan.members])
    return f"{cluster}-{hashlib.sha256(table.encode()).hexdigest()[:8]}"


# -- URLs --------------------------------------------------------------------------------------


def client_url(plan: Bootstrap, member: MemberPlan) -> str:
    """Where clients find a member."""
    return f"{_scheme(plan)}://{member.dialled}:{member.client_port}"


def peer_url(plan: Bootstrap, member: MemberPlan) -> str:
    """Where the other members find it."""
    return f"{_scheme(plan)}://{member.dialled}:{member.peer_port}"


def initial_cluster(plan: HostsBootstrap) -> str:
    """All members by name and peer URL, as ``--initial-cluster`` takes them."""
    return ",".join(f"{member.name}={peer_url(plan, member)}" for member in plan.members)


def _scheme(plan: Bootstrap) -> str:
    return "http" if plan.tls is Tls.NONE else "https"


def _listen(plan: Bootstrap, member: MemberPlan, port: int, *, local: bool) -> str:
    """What to listen on: etcd wants an IP address there, so that a name becomes every address."""
    scheme, host = _scheme(plan), member.dialled.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{scheme}://0.0.0.0:{port}"
    urls = [f"{scheme}://{member.dialled}:{port}"]
    if local and not address.is_loopback:
        urls.append(f"{scheme}://127.0.0.1:{port}")
    return ",".join(urls)


# -- hosts -------------------------------------------------------------------------------------


def data_dir(plan: HostsBootstrap, member: MemberPlan) -> str:
    """Where a member's data lies on its host."""
    return plan.data_dir.replace("{name}", member.name).rstrip("/")


def config_file(plan: HostsBootstrap, member: MemberPlan) -> str:
    """The member's configuration file on its host."""
    return f"{plan.config_dir.rstrip('/')}/{member.name}.yaml"


def tls_dir(plan: HostsBootstrap, member: MemberPlan) -> str:
    """Where its certificates lie there."""
    return f"{plan.config_dir.rstrip('/')}/tls/{member.name}"


def host_settings(plan: HostsBootstrap, member: MemberPlan, cluster: str, *, founded: bool) -> Settings:
    """The settings of a member on a host.

    Args:
        cluster: the profile's name.
        founded: whether the cluster exists: then the member joins it whatever it finds in its data
            directory, and needs nobody to be told of the others.
    """
    out: dict[str, Any] = {
        "name": member.name,
        "data-dir": data_dir(plan, member),
        "listen-peer-urls": _listen(plan, member, member.peer_port, local=False),
        "listen-client-urls": _listen(plan, member, member.client_port, local=True),
        "initial-advertise-peer-urls": peer_url(plan, member),
        "advertise-client-urls": client_url(plan, member),
        "initial-cluster-token": token_of(plan, cluster),
        "initial-cluster-state": "existing" if founded else "new",
        **({"initial-cluster": initial_cluster(plan)} if founded else _meeting(plan, cluster)),
        "logger": "zap",
        **_transports(plan.tls, tls_dir(plan, member), tls_dir(plan, member)),
    }
    return {**out, **plan.settings}


def _meeting(plan: HostsBootstrap, cluster: str) -> dict[str, Any]:
    meeting = plan.meeting
    if meeting.by is Discovery.SRV:
        return {"discovery-srv": meeting.domain.rstrip(".")}
    if meeting.by is Discovery.SERVICE and meeting.url:
        return {"discovery": meeting.url}
    if meeting.by is Discovery.SERVICE:
        token = meeting.token or token_of(plan, cluster)
        return {"discovery-config": {"client": {"endpoints": list(meeting.endpoints)}, "token": token}}
    return {"initial-cluster": initial_cluster(plan)}


def _transports(tls: Tls, server: str, peer: str) -> dict[str, Any]:
    """What either listener is told about TLS."""
    if tls is Tls.NONE:
        return {}
    if tls is Tls.AUTO:
        return {CLIENT_TLS: {"auto-tls": True}, PEER_TLS: {"auto-tls": True}}
    return {CLIENT_TLS: _files(server, "server"), PEER_TLS: _files(peer, "peer")}


def _files(folder: str, kind: str) -> dict[str, Any]:
    return {
        "cert-file": f"{folder}/{kind}.pem",
        "key-file": f"{folder}/{kind}-key.pem",
        "trusted-ca-file": f"{folder}/{kind}-ca.pem",
        "client-cert-auth": True,
    }


def srv_records(plan: HostsBootstrap) -> tuple[str, ...]:
    """The DNS records that ``--discovery-srv`` looks for, in a zone file's form.

    The names in them must be what the members advertise: an address cannot stand in a record.
    """
    ssl = "" if plan.tls is Tls.NONE else "-ssl"
    domain = plan.meeting.domain.rstrip(".")
    lines = []
    for service, port in (("server", "peer_port"), ("client", "client_port")):
        for member in plan.members:
            target = f"{member.dialled.rstrip('.')}."
            lines.append(
                f"_etcd-{service}{ssl}._tcp.{domain}. 300 IN SRV 0 0 {getattr(member, port)} {target}"
            )
    return tuple(lines)


# -- Kubernetes --------------------------------------------------------------------------------


def pod_settings(
    plan: KubeBootstrap, pod: str, pods: Sequence[str], service: str, cluster: str, *, founded: bool
) -> Settings:
    """The settings of a member in a pod.

    Args:
        pods: the names of all pods.
        service: DNS name of the headless Service, with its namespace and the cluster's domain.
        cluster: for the token.
        founded: see `host_settings`.
    """
    scheme = _scheme(plan)
    out: dict[str, Any] = {
        "name": pod,
        "data-dir": "/var/lib/etcd/data",
        "listen-peer-urls": f"{scheme}://0.0.0.0:{PEER_PORT}",
        "listen-client-urls": f"{scheme}://0.0.0.0:{CLIENT_PORT}",
        # The probes ask here: Kubernetes cannot show a client certificate.
        "listen-metrics-urls": f"http://0.0.0.0:{METRICS_PORT}",
        "initial-advertise-peer-urls": f"{scheme}://{pod}.{service}:{PEER_PORT}",
        "advertise-client-urls": f"{scheme}://{pod}.{service}:{CLIENT_PORT}",
        "initial-cluster-token": token_of(plan, cluster),
        "initial-cluster-state": "existing" if founded else "new",
        "initial-cluster": ",".join(f"{name}={scheme}://{name}.{service}:{PEER_PORT}" for name in pods),
        "logger": "zap",
        **_transports(plan.tls, f"{KUBE_TLS}/server", f"{KUBE_TLS}/peer"),
    }
    for transport, kind in ((CLIENT_TLS, "server"), (PEER_TLS, "peer")):
        if transport in out:
            out[transport] |= _secret_files(f"{KUBE_TLS}/{kind}")
    return {**out, **plan.settings}


def _secret_files(folder: str) -> dict[str, str]:
    """The files of a Secret of type ``kubernetes.io/tls`` with its CA, as cert-manager makes it too."""
    return {
        "cert-file": f"{folder}/tls.crt",
        "key-file": f"{folder}/tls.key",
        "trusted-ca-file": f"{folder}/ca.crt",
    }


# -- forms -------------------------------------------------------------------------------------


def as_yaml(settings: Settings) -> str:
    """The settings as a configuration file, every text in quotes."""
    lines = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            lines += [f"{key}:", *(f"  {name}: {json.dumps(inner)}" for name, inner in value.items())]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def as_flags(settings: Settings) -> tuple[str, ...]:
    """The settings as etcd's command line has them."""
    out = []
    for key, value in settings.items():
        if key == "discovery-config":
            out.append(f"--discovery-endpoints={','.join(value['client']['endpoints'])}")
            out.append(f"--discovery-token={value['token']}")
        elif isinstance(value, Mapping):
            before = "peer-" if key == PEER_TLS else ""
            out += [_flag(f"{before}{name}", inner) for name, inner in value.items()]
        else:
            out.append(_flag(key, value))
    return tuple(out)


def _flag(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"--{name}={text}"
