"""TLS files that lie on a host: read over its shell, as root where possible, kept in memory only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError
from etcdtui.etcd.api import TlsMaterial

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

KUBEADM = "/etc/kubernetes/pki/etcd"
"""Where kubeadm keeps etcd's certificates, with a client pair made for health checks."""


@dataclass(frozen=True, slots=True)
class HostFiles:
    """Paths on the host; empty for none."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""


def files_of(host: Host, stated: HostFiles | None) -> HostFiles | None:
    """The files to use: the stated ones, else kubeadm's own, else the CA that etcd itself trusts.

    None when etcd serves without TLS.
    """
    if stated is not None:
        return stated
    urls = host.facts.client_urls
    if not urls or not any(url.startswith("https") for url in urls):
        return None
    if host.facts.settings.get("trusted-ca-file", "").startswith(KUBEADM):
        return HostFiles(
            f"{KUBEADM}/ca.crt", f"{KUBEADM}/healthcheck-client.crt", f"{KUBEADM}/healthcheck-client.key"
        )
    return HostFiles(ca=host.facts.settings.get("trusted-ca-file", ""))


def material_of(host: Host, stated: HostFiles | None) -> TlsMaterial | None:
    """Read them. Raises NodeError naming the host and the file, SiteError when it is not reached."""
    files = files_of(host, stated)
    if files is None:
        return None

    def read(path: str) -> bytes:
        if not path:
            return b""
        try:
            return host.shell.read(path)
        except NodeError:
            # A key that only root reads: asked for once, where sudo wants a password.
            if host.shell.can_be_root_silently() or not host.shell.unlock():
                raise
            return host.shell.read(path)

    return TlsMaterial(read(files.ca), read(files.cert), read(files.key), files.server_name)
