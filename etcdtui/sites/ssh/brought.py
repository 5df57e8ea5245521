"""Certificates that the operator brings, read here and held against the member that is to show them."""

from __future__ import annotations

import datetime
from pathlib import Path

from etcdtui.errors import SiteError, UsageError
from etcdtui.model.bootstrap import Discovery, GivenTls, HostsBootstrap, MemberPlan, Tls
from etcdtui.sites import pki_faults
from etcdtui.sites.pki_faults import Brought, Fault
from etcdtui.sites.tls import load_tls


def files_of(given: GivenTls, member: MemberPlan) -> dict[str, Path]:
    """Where they lie here, by their name on the host."""
    paths = {
        "server-ca.pem": given.ca,
        "server.pem": given.cert,
        "server-key.pem": given.key,
        "peer-ca.pem": given.peer_ca or given.ca,
        "peer.pem": given.peer_cert or given.cert,
        "peer-key.pem": given.peer_key or given.key,
    }
    return {name: Path(text.replace("{name}", member.name)).expanduser() for name, text in paths.items()}


def texts_of(given: GivenTls, member: MemberPlan) -> dict[str, str]:
    """What is in them, by their name on the host. Raises SiteError naming the file."""
    out = {}
    for name, path in files_of(given, member).items():
        try:
            out[name] = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "expected PEM text"
            raise SiteError(f"{path}: {why}: the certificates of {member.name}") from None
    return out


def faults(boot: HostsBootstrap, member: MemberPlan, now: datetime.datetime) -> tuple[Fault, ...]:
    """What is wrong with a member's, each said once.

    Args:
        now: aware; what they are judged by.
    """
    files = files_of(boot.given, member)
    # Members that found each other by SRV records want the records' domain in each other's certificates.
    domain = boot.meeting.domain.rstrip(".") if boot.meeting.by is Discovery.SRV else ""
    found: list[Fault] = []
    for kind, more in (("server", ""), ("peer", domain)):
        ca, cert, key = (str(files[f"{kind}{end}.pem"]) for end in ("-ca", "", "-key"))
        try:
            read = load_tls(ca, cert, key)
        except UsageError as error:
            found.append((True, error.message))
            continue
        it = Brought(read.ca, read.cert, read.key, ca, cert, key)
        hosts = [member.dialled.strip("[]"), *([more] if more else [])]
        found += pki_faults.faults(it, hosts, now, peer=kind == "peer")
    return tuple(dict.fromkeys(found))


def client_faults(boot: HostsBootstrap, client: bytes, now: datetime.datetime) -> tuple[str, ...]:
    """What is wrong with the console's own certificate.

    Args:
        client: PEM; empty for none.
        now: as in `faults`.
    """
    ca = Path(boot.given.ca).expanduser()
    if boot.tls is not Tls.GIVEN or not client or not ca.is_file():
        return ()
    return tuple(pki_faults.client_faults(client, ca.read_bytes(), str(ca), now))
