"""known_hosts files: whether a server's key is the known one, an unknown one or a changed one."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.asking import Asker
from etcdtui.sites.ssh.hop import Hop

_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a file."""

    file: str
    number: int
    marker: str
    names: str
    kind: str
    key: str


def fingerprint(kind: str, blob: bytes) -> str:
    """What ``ssh-keygen -l`` prints of a key: ``ED25519 SHA256:...``."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    word = kind.removeprefix("ssh-").removeprefix("ecdsa-sha2-").upper()
    return f"{'ECDSA' if kind.startswith('ecdsa') else word} SHA256:{digest}"


def entries(files: Sequence[str], name: str) -> list[Line]:
    """The lines that speak of a host. A file that is missing or cannot be read has none."""
    return [line for file in files for line in _read(file) if _matches(line.names, name)]


def known_kinds(files: Sequence[str], name: str) -> list[str]:
    """The kinds of key known for a host, to ask the server for those first."""
    return [line.kind for line in entries(files, name) if not line.marker]


def verify(hop: Hop, kind: str, blob: bytes, asker: Asker) -> None:
    """Accept the key a server has shown, or raise.

    Raises:
        SiteError: the key is revoked, another one than the known one, or unknown and not accepted.
    """
    shown = fingerprint(kind, blob)
    own = base64.b64encode(blob).decode()
    lines = entries(hop.known_hosts, hop.key_name)
    for line in lines:
        if line.marker == "@revoked" and line.key == own:
            raise SiteError(f"{hop.label}: its host key {shown} is revoked: {line.file}:{line.number}")
    plain = [line for line in lines if not line.marker]
    if any(line.key == own for line in plain):
        return
    if plain:
        line = next((each for each in plain if each.kind == kind), plain[0])
        raise SiteError(
            f"{hop.label}: THE HOST KEY HAS CHANGED: it shows {shown}, {line.file}:{line.number} "
            f"has {_fingerprint_of(line)}",
            f"if the change is known to be right: ssh-keygen -R {clean(hop.key_name)} -f {line.file}",
        )
    where = clean(hop.label if hop.host == hop.name else f"{hop.label} ({hop.host})")
    if hop.strict:
        raise SiteError(f"{where}: its host key {shown} is not known, and StrictHostKeyChecking is on")
    if not hop.accept_new and not asker.confirm_host_key(where, shown):
        raise SiteError(
            f"{where}: its host key {shown} is not known and was not accepted",
            f"compare it, then `ssh {clean(hop.name)}` once, or accept it in the console",
        )
    _add(hop, kind, own)


def _fingerprint_of(line: Line) -> str:
    try:
        return fingerprint(line.kind, base64.b64decode(line.key))
    except binascii.Error:
        return "a damaged one"


def _add(hop: Hop, kind: str, key: str) -> None:
    if not hop.known_hosts or hop.known_hosts[0] == "none":
        return
    file = Path(hop.known_hosts[0])
    name = _hashed(hop.key_name) if hop.hash_known_hosts else hop.key_name
    try:
        with _writing:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            broken = file.exists() and file.stat().st_size > 0 and not file.read_bytes().endswith(b"\n")
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as out:
                out.write(("\n" if broken else "") + f"{name} {kind} {key}\n")
    except OSError as error:
        raise SiteError(f"{file}: the accepted host key cannot be written: {error.strerror}") from None


def _hashed(name: str) -> str:
    salt = os.urandom(20)
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _read(file: str) -> Iterator[Line]:
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for number, raw in enumerate(text.splitlines(), 1):
        words = raw.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) >= 3 and not words[0].startswith("#"):
            yield Line(file, number, marker, words[0], words[1], words[2])


def _matches(names: str, name: str) -> bool:
    if names.startswith("|1|"):
        try:
            salt, digest = (base64.b64decode(part) for part in names.split("|")[2:4])
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
    found = False
    for pattern in names.lower().split(","):
        negated = pattern.startswith("!")
        # Brackets belong to the name (``[host]:port``), they are no character class.
        glob = pattern.lstrip("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(name.lower(), glob):
            if negated:
                return False
            found = True
    return found
