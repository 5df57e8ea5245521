"""An endpoint by way of the etcdctl of its host, for where sshd forbids tunnels."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import PurePosixPath

from etcdtui.errors import DeadlineExceeded, NodeError, OutcomeUnknown
from etcdtui.etcd.api import EtcdWriter, Login, Target
from etcdtui.etcd.ctl import CtlEndpoint, Ran
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.tls import HostFiles, files_of

UNCHECKED = ("--insecure-transport=false", "--insecure-skip-tls-verify")
"""Flags of etcdctl for certificates that nobody can check."""
# The etcdctl beside the etcd that runs speaks its version; else the one on PATH.
_RUN = """
beside=$1; shift; export ETCDCTL_API=3
if [ -x "$beside" ]; then exec "$beside" "$@"; fi
exec etcdctl "$@"
"""
# A file of its own that is gone afterwards, whatever happens to the connection meanwhile.
_SAVE = """
umask 077; folder=$(mktemp -d) || exit 1; trap 'rm -rf -- "$folder"' EXIT; trap 'exit 1' HUP INT PIPE TERM
beside=$1; shift; export ETCDCTL_API=3; [ -x "$beside" ] || beside=etcdctl
"$beside" "$@" "$folder/db" >&2 && cat -- "$folder/db"
"""


def endpoint(
    url: str, host: Host, stated: HostFiles | None, login: Login, flags: Sequence[str] = ()
) -> EtcdWriter:
    """The endpoint. A user's password goes to etcdctl on its standard input, where only it sees it.

    Args:
        flags: further ones of etcdctl.
    """
    # What is not spoken to by TLS needs none, and the etcd that has some may be another one of that host.
    files = (None if url.startswith("http:") else files_of(host, stated)) or HostFiles()
    options = [
        *flags,
        *(
            f"--{flag}={path}"
            for flag, path in (("cacert", files.ca), ("cert", files.cert), ("key", files.key))
            if path
        ),
    ]

    def user() -> list[str]:
        return [f"--user={login.credentials.user}"] if login.credentials is not None else []

    def password() -> str:
        return f"{login.credentials.password}\n" if login.credentials is not None else ""

    def whole(script: str, argv: Sequence[str]) -> list[str]:
        binary = host.facts.binary
        beside = str(PurePosixPath(binary).with_name("etcdctl")) if binary.startswith("/") else ""
        return ["sh", "-c", script, "sh", beside, *user(), *argv]

    def run(argv: Sequence[str], stdin: str, timeout: float) -> Ran:
        command = host.shell.elevated if files.key else host.shell.run
        try:
            done = command(whole(_RUN, argv), stdin=f"{password()}{stdin}".encode(), timeout=timeout)
        except OutcomeUnknown as error:
            # A change may have happened, so this is not a way that was never there.
            raise DeadlineExceeded(error.message, error.hint) from None
        if done.code == 127:
            raise NodeError(f"{host.name}: forwarding is forbidden and there is no etcdctl either")
        return Ran(done.code, done.text, done.err)

    def save(argv: Sequence[str], timeout: float) -> Generator[bytes, None, Ran]:
        root = bool(files.key) and host.shell.can_be_root_silently()
        stream = host.shell.stream(whole(_SAVE, argv), root=root, stdin=password().encode(), timeout=timeout)
        done = yield from stream
        return Ran(done.code, "", done.err)

    return CtlEndpoint(Target(url, url.split("://")[-1]), run, options, save)
