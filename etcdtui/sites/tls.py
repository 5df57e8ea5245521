"""Loading PEM files into `TlsMaterial`, each mistake told in one line that names the file."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from etcdtui.errors import UsageError
from etcdtui.etcd.api import TlsMaterial

_CERTIFICATE = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)


def load_tls(ca: str = "", cert: str = "", key: str = "", server_name: str = "") -> TlsMaterial:
    """Read the files, any of which may be left out (empty), and check that they fit together.

    gRPC says of a wrong file only that the handshake failed; hence everything is checked here.

    Args:
        ca: file of trusted CA certificates; empty for the system's.
        cert: file of the client certificate; needs `key`.
        key: file of its private key, not encrypted.
        server_name: name to check in the server's certificate instead of the one dialled.

    Raises:
        UsageError: a file is missing, unreadable or not what it should be.
    """
    if bool(cert) != bool(key):
        given, absent = (cert, "key") if cert else (key, "certificate")
        raise UsageError(
            f"{given}: the client {absent} that belongs to it is missing", "give both --cert and --key"
        )
    material = TlsMaterial(
        ca=_read(ca, "CA certificates", _CERTIFICATE) if ca else b"",
        cert=_read(cert, "a client certificate", _CERTIFICATE) if cert else b"",
        key=_read(key, "a private key", _KEY) if key else b"",
        server_name=server_name,
    )
    if ca:
        _check_ca(ca, material.ca)
    if cert:
        _check_pair(cert, key)
    return material


def _read(path: str, what: str, expected: re.Pattern[bytes]) -> bytes:
    file = Path(path).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot read {what}: {error.strerror}") from None
    if _ENCRYPTED.search(data):
        hint = "decrypt it with `openssl pkey -in FILE -out NEWFILE` and chmod 600 the result"
        raise UsageError(f"{path}: the private key is encrypted, which gRPC cannot use", hint)
    if not expected.search(data):
        raise UsageError(f"{path}: {what} expected in PEM form, and there is none in it")
    return data


def _check_ca(path: str, data: bytes) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=data.decode("ascii", "replace"))
    except ssl.SSLError as error:
        raise UsageError(f"{path}: its CA certificates are damaged: {_reason(error)}") from None


def _check_pair(cert: str, key: str) -> None:
    files = (Path(cert).expanduser(), Path(key).expanduser())
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*files, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UsageError(f"{key}: this key does not belong to the certificate {cert}") from None
        raise UsageError(f"{cert}, {key}: damaged certificate or key: {_reason(error)}") from None
    except OSError as error:
        raise UsageError(f"{cert}, {key}: {error.strerror}") from None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "not readable").lower().replace("_", " ")
