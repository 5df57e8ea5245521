"""What the wizard asks about a new cluster: every field with its words, its choices and when it matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etcdtui.config.draft import HOSTS, KUBE, Draft
from etcdtui.model.bootstrap import Discovery, HostsBootstrap, KubeBootstrap, Runner, Source, Spread, Tls

WHERE, PLAN, HOW = "where", "plan", "how"
PAGES = (WHERE, PLAN, HOW)


def _always(_draft: Draft) -> bool:
    return True


def _hosts(draft: Draft) -> bool:
    return draft.kind == HOSTS


def _kube(draft: Draft) -> bool:
    return draft.kind == KUBE


def _when(key: str, *words: str) -> Callable[[Draft], bool]:
    return lambda draft: draft.kind == HOSTS and draft.text(key) in words


@dataclass(frozen=True, slots=True)
class DraftField:
    """One line of the wizard."""

    key: str
    """Key in `Draft.values`."""
    label: str
    page: str
    help: str = ""
    standard: str = ""
    """What counts while it is empty."""
    choices: tuple[str, ...] = ()
    shown: Callable[[Draft], bool] = _always


_H, _K = HostsBootstrap(), KubeBootstrap()
_BROUGHT = (Source.TARBALL, Source.URL, Source.HOST_URL)

FIELDS: tuple[DraftField, ...] = (
    DraftField("name", "Name of the cluster", WHERE, "the profile's, as in `etcdtui launch NAME`", "etcd"),
    DraftField("kind", "Where it runs", WHERE, "hosts reached over SSH, or Kubernetes", HOSTS, (HOSTS, KUBE)),
    DraftField("jump", "Jump hosts", WHERE, "[user@]host[:port], several with commas; empty: as in "
               "~/.ssh/config", shown=_hosts),
    DraftField("user", "Account on the hosts", WHERE, "empty: as ~/.ssh/config says", shown=_hosts),
    DraftField("identity_file", "Key to log in with", WHERE, "a file; empty: the agent's and the usual ones",
               shown=_hosts),
    DraftField("context", "Context", WHERE, "of the kubeconfig; empty: the current one", shown=_kube),
    DraftField("namespace", "Namespace", WHERE, "it must be there; empty: the context's", shown=_kube),
    DraftField("statefulset", "StatefulSet", WHERE, "the other objects' names begin with it", "etcd",
               shown=_kube),
    DraftField("kubeconfig", "kubeconfig", WHERE, "a file; empty: KUBECONFIG or ~/.kube/config", shown=_kube),
    DraftField("members", "Members", PLAN, "an odd number: 3 survive one failure, 5 survive two",
               str(_K.members), shown=_kube),
    DraftField("image", "Image", PLAN, "any with etcd in it; it needs no shell", _K.image, shown=_kube),
    DraftField("version", "etcd in it", PLAN, "such as 3.5.21; empty: as the image's tag says", shown=_kube),
    DraftField("storage", "Claim of a member", PLAN, "such as 8Gi, or none: data that dies with its pod",
               _K.storage, shown=_kube),
    DraftField("storage_class", "StorageClass", PLAN, "empty: the cluster's own", shown=_kube),
    DraftField("cpu", "CPU asked for", PLAN, "no limit: a throttled etcd loses elections", _K.cpu,
               shown=_kube),
    DraftField("memory", "Memory asked for", PLAN, "such as 256Mi", _K.memory, shown=_kube),
    DraftField("memory_limit", "Memory limit", PLAN, "empty: none", shown=_kube),
    DraftField("spread", "Two pods on a node", PLAN, "required: never; preferred: if there is no other; "
               "none: no matter", _K.spread, tuple(Spread), shown=_kube),
    DraftField("run_as", "Account in the pod", PLAN, "a number; 0 where volumes belong to root",
               str(_K.run_as), shown=_kube),
    DraftField("source", "Where etcd comes from", HOW, "there: installed; tarball: a file; url: fetched "
               "here; host_url: by each host", Source.THERE, tuple(Source), shown=_hosts),
    DraftField("where", "Tarball or URL", HOW, "etcd-v3.5.21-linux-amd64.tar.gz of the release",
               shown=_when("source", *_BROUGHT)),
    DraftField("there", "etcd on the hosts", HOW, "empty: the one on the PATH",
               shown=_when("source", Source.THERE)),
    DraftField("release", "Version of etcd", HOW, "such as 3.5.21", shown=_hosts),
    DraftField("sha256", "Its SHA-256", HOW, "the tarball's line in the release's SHA256SUMS",
               shown=_when("source", *_BROUGHT)),
    DraftField("run", "What runs etcd", HOW, "systemd, or process: with a pid file, as in the classic guide",
               Runner.SYSTEMD, tuple(Runner), shown=_hosts),
    DraftField("tls", "TLS", HOW, "made: a CA of its own; given: you bring them; auto: etcd's own, for a "
               "trial", Tls.NONE, (Tls.NONE, Tls.MADE, Tls.GIVEN, Tls.AUTO)),
    DraftField("ca", "CA, PEM", HOW, "a file here", shown=_when("tls", Tls.GIVEN)),
    DraftField("cert", "Certificates, PEM", HOW, "files here; {name} stands for the member's name",
               shown=_when("tls", Tls.GIVEN)),
    DraftField("key", "Their keys, PEM", HOW, "files here; {name} stands for the member's name",
               shown=_when("tls", Tls.GIVEN)),
    DraftField("client_cert", "Your certificate, PEM", HOW, "a file here: the console's, that of a client",
               shown=_when("tls", Tls.GIVEN)),
    DraftField("client_key", "Its key, PEM", HOW, "a file here", shown=_when("tls", Tls.GIVEN)),
    DraftField("secrets", "Secrets", HOW, "two: for clients and for peers; ca.crt, tls.crt, tls.key in each",
               shown=lambda d: d.kind == KUBE and d.text("tls") == Tls.GIVEN),
    DraftField("tls_secret", "Your Secret", HOW, "the console's: ca.crt, and a client's tls.crt and tls.key",
               shown=lambda d: d.kind == KUBE and d.text("tls") == Tls.GIVEN),
    DraftField("discovery", "How members meet", HOW, "static: told of each other; srv: by DNS; service: at "
               "another etcd", Discovery.STATIC, tuple(Discovery), shown=_hosts),
    DraftField("srv_domain", "Domain of the records", HOW, "such as example.net; the review shows them",
               shown=_when("discovery", Discovery.SRV)),
    DraftField("discovery_url", "Discovery URL", HOW, "before etcd 3.6: as the discovery service gave it",
               shown=_when("discovery", Discovery.SERVICE)),
    DraftField("discovery_endpoints", "Discovery endpoints", HOW, "etcd 3.6 and newer: client URLs of the "
               "etcd to meet at", shown=_when("discovery", Discovery.SERVICE)),
    DraftField("auth", "User and password", HOW, "yes: root and its role are made and asked for at the end",
               "no", ("no", "yes")),
    DraftField("data_dir", "Data directory", HOW, "{name} stands for the member's name", _H.data_dir,
               shown=_hosts),
    DraftField("config_dir", "Configuration", HOW, "directory of the configuration files", _H.config_dir,
               shown=_hosts),
    DraftField("install_dir", "Releases", HOW, "they lie there beside each other", _H.install_dir,
               shown=_when("source", *_BROUGHT)),
    DraftField("unit", "Unit", HOW, "of systemd", _H.unit, shown=_when("run", Runner.SYSTEMD)),
    DraftField("account", "Runs as", HOW, "made when it is missing", _H.account,
               shown=_when("run", Runner.SYSTEMD)),
)  # fmt: skip
"""In the order in which they are asked."""
