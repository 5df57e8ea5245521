"""What is wrong with certificates that the operator brings, a sentence for every fault."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etcdtui.model.text import clean

if TYPE_CHECKING:
    from cryptography import x509

SOON = datetime.timedelta(days=30)
"""A certificate that ends within that is told."""
Fault = tuple[bool, str]
"""Whether it forbids the plan, and the sentence."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A CA, a certificate and its key, PEM, with the names by which people know them."""

    ca: bytes
    cert: bytes
    key: bytes = field(repr=False)
    ca_name: str = ""
    cert_name: str = ""
    key_name: str = ""


def faults(it: Brought, hosts: Sequence[str], now: datetime.datetime, *, peer: bool) -> Iterator[Fault]:
    """What keeps members and clients from taking it.

    Args:
        hosts: names and addresses that it is dialled by.
        now: aware; what it is judged by.
        peer: whether members show it to each other.
    """
    from cryptography import x509

    ca, cert = it.ca_name, it.cert_name
    try:
        leaf, *between = x509.load_pem_x509_certificates(it.cert)
        trusted = x509.load_pem_x509_certificates(it.ca)
        fits = _public(it.key) == leaf.public_key()
    except (ValueError, TypeError) as error:
        yield True, f"{cert}, {it.key_name}, {ca}: not to be read: {clean(str(error), 120)}"
        return
    if not fits:
        yield True, f"{it.key_name}: this key does not belong to the certificate {cert}"
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


def client_faults(client: bytes, ca: bytes, ca_name: str, now: datetime.datetime) -> Iterator[str]:
    """What keeps members from taking the console's own certificate.

    Args:
        client: PEM.
        ca: whom the members trust, PEM; nothing is said where it is none, for that is said of the members.
        now: as in `faults`.
    """
    from cryptography import x509

    what = "tls: your own certificate"
    try:
        leaf, *between = x509.load_pem_x509_certificates(client)
        trusted = x509.load_pem_x509_certificates(ca)
    except ValueError:
        return
    yield from (text for forbids, text in _dates(what, leaf, now) if forbids)
    if not _leads_to(leaf, between, trusted):
        yield f"{what}: the CA in {ca_name}, whom the members trust, has not issued it"


def _public(key: bytes) -> object:
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(key, None).public_key()


def _dates(cert: str, leaf: x509.Certificate, now: datetime.datetime) -> Iterator[tuple[bool, str]]:
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


def _uses(cert: str, leaf: x509.Certificate, *, peer: bool) -> Iterator[tuple[bool, str]]:
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
