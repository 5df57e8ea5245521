"""An endpoint by way of the etcdctl of its host, for where sshd forbids tunnels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from etcdtui.errors import DeadlineExceeded, NodeError, OutcomeUnknown, SiteError
from etcdtui.etcd.api import Credentials, EtcdWriter, Target
from etcdtui.etcd.ctl import CtlEndpoint, Ran
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.tls import HostFiles, files_of

# The etcdctl beside the etcd that runs speaks its version; else the one on PATH.
_RUN = """
beside=$1; shift; export ETCDCTL_API=3
if [ -x "$beside" ]; then exec "$beside" "$@"; fi
exec etcdctl "$@"
"""


def endpoint(url: str, host: Host, stated: HostFiles | None, credentials: Credentials | None) -> EtcdWriter:
    """The endpoint.

    Raises:
        SiteError: a password would have to be given to a process on the host, where others may see it.
    """
    if credentials is not None:
        raise SiteError(
            f"{host.name}: an etcd user cannot be used by way of etcdctl", "allow forwarding in its sshd"
        )
    files = files_of(host, stated) or HostFiles()
    options = [
        f"--{flag}={path}"
        for flag, path in (("cacert", files.ca), ("cert", files.cert), ("key", files.key))
        if path
    ]

    def run(argv: Sequence[str], stdin: str, timeout: float) -> Ran:
        binary = host.facts.binary
        beside = str(PurePosixPath(binary).with_name("etcdctl")) if binary.startswith("/") else ""
        whole = ["sh", "-c", _RUN, "sh", beside, *argv]
        command = host.shell.elevated if files.key else host.shell.run
        try:
            done = command(whole, stdin=stdin.encode(), timeout=timeout)
        except OutcomeUnknown as error:
            # A change may have happened, so this is not a way that was never there.
            raise DeadlineExceeded(error.message, error.hint) from None
        if done.code == 127:
            raise NodeError(f"{host.name}: forwarding is forbidden and there is no etcdctl either")
        return Ran(done.code, done.text, done.err)

    return CtlEndpoint(Target(url, url.split("://")[-1]), run, options)
