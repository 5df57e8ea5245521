"""A CA of a cluster's own and the certificates it signs, as PEM; `cryptography` is imported on first use."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etcdtui.errors import SiteError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

CA_DAYS, DAYS = 3650, 1825
"""How long a CA and what it signs are valid, in days."""
SLACK = datetime.timedelta(minutes=5)
"""Certificates are valid from a little before now: clocks differ."""
LEAST_DAYS = 30
"""A pair with less left is made anew."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM."""

    cert: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Names:
    """What a certificate is for."""

    common: str
    hosts: tuple[str, ...] = ()
    """DNS names and IP addresses it is valid for."""
    server: bool = False
    """Whether it is shown by a server; then by the same one as a client too: etcd's own gateway dials it."""


def make_ca(common: str, now: datetime.datetime) -> Pair:
    """A new CA that signs itself.

    Args:
        now: aware; what it is valid from.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common)
    builder = _builder(name, name, key.public_key(), now, CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(ca=True), critical=True)
    return _pem(builder.sign(key, hashes.SHA256()), key)


def issue(ca: Pair, names: Names, now: datetime.datetime) -> Pair:
    """A pair signed by a CA. Raises SiteError when that is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    parent, parent_key = _loaded(ca)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(names.common), parent.subject, key.public_key(), now, DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=False), critical=True)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if names.server:
        usages.insert(0, ExtendedKeyUsageOID.SERVER_AUTH)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names.hosts:
        builder = builder.add_extension(_alternatives(names.hosts), critical=False)
    return _pem(builder.sign(parent_key, hashes.SHA256()), key)


def still_good(pair: Pair, ca: Pair, names: Names, now: datetime.datetime) -> bool:
    """Whether a pair is that CA's, valid for a while yet, and for the same names."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        cert, key = _loaded(pair)
        parent, _ = _loaded(ca)
        cert.verify_directly_issued_by(parent)
    except (SiteError, ValueError, TypeError, InvalidSignature):
        return False
    if cert.public_key() != key.public_key() or cert.subject != _name(names.common):
        return False
    if cert.not_valid_after_utc - now < datetime.timedelta(days=LEAST_DAYS):
        return False
    try:
        found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return not names.hosts
    return set(found) == set(_alternatives(names.hosts))


def _loaded(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        cert = x509.load_pem_x509_certificate(pair.cert)
        key = serialization.load_pem_private_key(pair.key, None)
    except (ValueError, TypeError) as error:
        raise SiteError(f"not a certificate with its key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SiteError("not a key on an elliptic curve, as the console makes them")
    return cert, key


def _name(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=ca, crl_sign=ca, key_encipherment=False,
        content_commitment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _alternatives(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    from cryptography import x509

    out: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            out.append(x509.IPAddress(ipaddress.ip_address(host.strip("[]"))))
        except ValueError:
            out.append(x509.DNSName(host))
    return x509.SubjectAlternativeName(out)


def _pem(cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    from cryptography.hazmat.primitives import serialization

    return Pair(
        cert.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
