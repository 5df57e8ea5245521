"""Certificates that the operator brings, read here and held against the member that is to show them."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from etcdtui.errors import SiteError, UsageError
from etcdtui.model.bootstrap import Discovery, GivenTls, HostsBootstrap, MemberPlan, Tls
from etcdtui.model.text import clean
from etcdtui.sites.tls import load_tls

if TYPE_CHECKING:
    from cryptography import x509

SOON = datetime.timedelta(days=30)
"""A certificate that ends within that is told."""


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


def faults(boot: HostsBootstrap, member: MemberPlan, now: datetime.datetime) -> tuple[tuple[bool, str], ...]:
    """What is wrong with a member's: whether it forbids the plan, and the sentence; each is said once.

    Args:
        now: aware; what they are judged by.
    """
    files = files_of(boot.given, member)
    # Members that found each other by SRV records want the records' domain in each other's certificates.
    domain = boot.meeting.domain.rstrip(".") if boot.meeting.by is Discovery.SRV else ""
    found: list[tuple[bool, str]] = []
    for kind, more in (("server", ""), ("peer", domain)):
        ca, cert, key = (files[f"{kind}{end}.pem"] for end in ("-ca", "", "-key"))
        try:
            load_tls(str(ca), str(cert), str(key))
        except UsageError as error:
            found.append((True, error.message))
            continue
        hosts = [member.dialled.strip("[]"), *([more] if more else [])]
        found += _of_pair(ca, cert, hosts, now, peer=kind == "peer")
    return tuple(dict.fromkeys(found))


def client_faults(boot: HostsBootstrap, client: bytes, now: datetime.datetime) -> tuple[str, ...]:
    """What is wrong with the console's own certificate: whether the members will take it.

    Args:
        client: the certificate, PEM; empty for none.
        now: as in `faults`.
    """
    if boot.tls is not Tls.GIVEN or not client:
        return ()
    from cryptography import x509

    ca, what = Path(boot.given.ca).expanduser(), "tls: your own certificate"
    try:
        leaf, *between = x509.load_pem_x509_certificates(client)
        trusted = x509.load_pem_x509_certificates(ca.read_bytes())
    except (OSError, ValueError):
        # That of the CA is said beside each host.
        return ()
    found = [text for bad, text in _dates(what, leaf, now) if bad]
    if not _leads_to(leaf, between, trusted):
        found.append(f"{what}: the CA in {ca}, whom the members trust, has not issued it")
    return tuple(found)


def _of_pair(
    ca: Path, cert: Path, hosts: Sequence[str], now: datetime.datetime, *, peer: bool
) -> Iterator[tuple[bool, str]]:
    from cryptography import x509

    try:
        leaf, *between = x509.load_pem_x509_certificates(cert.read_bytes())
        trusted = x509.load_pem_x509_certificates(ca.read_bytes())
        yield from _dates(cert, leaf, now)
        yield from ((True, f"{ca}: {text}") for text in _ended(trusted, now))
        if not _leads_to(leaf, between, trusted):
            yield True, f"{cert}: the CA in {ca} has not issued it"
        names = _names(leaf)
        for host in hosts:
            if not any(_covers(name, host) for name in names):
                there = ", ".join(clean(name) for name in names) or "nobody"
                yield True, f"{cert}: it is not valid for {host}: its subjectAltName has {there}"
        yield from _uses(cert, leaf, peer=peer)
    except (OSError, ValueError) as error:
        yield True, f"{cert}, {ca}: not to be read as certificates: {clean(str(error), 120)}"


def _dates(cert: Path | str, leaf: x509.Certificate, now: datetime.datetime) -> Iterator[tuple[bool, str]]:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if ends <= now:
        yield True, f"{cert}: it expired on {ends:%Y-%m-%d %H:%M} UTC"
    elif begins > now:
        yield True, f"{cert}: it is not valid before {begins:%Y-%m-%d %H:%M} UTC"
    elif ends - now < SOON:
        yield False, f"{cert}: it expires on {ends:%Y-%m-%d}"


def _ended(trusted: Sequence[x509.Certificate], now: datetime.datetime) -> list[str]:
    if any(each.not_valid_after_utc > now for each in trusted):
        return []
    return [f"the CA expired on {max(each.not_valid_after_utc for each in trusted):%Y-%m-%d %H:%M} UTC"]


def _leads_to(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]
) -> bool:
    """Whether a chain of what is in the file ends at a CA that is trusted."""
    at, left = leaf, list(between)
    while True:
        if any(_issued(at, ca) for ca in trusted):
            return True
        above = next((each for each in left if _issued(at, each)), None)
        if above is None:
            return False
        left.remove(above)
        at = above


def _issued(cert: x509.Certificate, ca: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        cert.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(leaf: x509.Certificate) -> list[str]:
    """What it is valid for; etcd does not look at the common name."""
    from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _covers(name: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        pass
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    if name.startswith("*."):
        return name[2:] == host.partition(".")[2]
    return name == host


def _uses(cert: Path, leaf: x509.Certificate, *, peer: bool) -> Iterator[tuple[bool, str]]:
    """Servers show it, peers to each other as clients too, and so does etcd's own gateway to its etcd."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Oid

    try:
        uses = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    if Oid.ANY_EXTENDED_KEY_USAGE in uses:
        return
    if Oid.SERVER_AUTH not in uses:
        yield True, f"{cert}: it is not for servers (extendedKeyUsage serverAuth)"
    if Oid.CLIENT_AUTH not in uses and peer:
        yield True, f"{cert}: it is not for clients (clientAuth), and peers show it to each other as such"
    elif Oid.CLIENT_AUTH not in uses:
        yield False, f"{cert}: it is not for clients (clientAuth): etcd's gateway for JSON will not work"
