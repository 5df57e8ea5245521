"""One SSH server on the way to a host, with everything needed to log in there; plain values, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etcdtui.errors import UsageError
from etcdtui.model.text import clean

CONNECT_TIMEOUT = 10.0
"""Seconds for each of: TCP, key exchange, authentication, when nothing else is said."""
ALIVE_INTERVAL = 3.0
"""Seconds between two signs of life asked of a server that is silent."""
ALIVE_COUNT = 3
"""Unanswered signs of life after which a connection counts as lost (ssh's ServerAliveCountMax)."""

_SPOT = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[^\]\s]+\]|[^:@\s\[\]]+|[0-9a-fA-F:]*::[0-9a-fA-F:]*)"
                   r"(?::(?P<port>\d{1,5}))?")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spot:
    """What a person writes: ``[user@]host[:port]``; what is left out is None or empty."""

    host: str
    user: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """One login. Hops with equal fields share one connection."""

    name: str
    """What the operator calls it."""
    host: str
    """What is dialled."""
    port: int = 22
    user: str = ""
    identity_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    keys: bool = True
    """Whether keys are offered at all (ssh's PubkeyAuthentication)."""
    identities_only: bool = False
    agent: str = ""
    """Socket of the agent; empty for the environment's, ``none`` for none."""
    known_hosts: tuple[str, ...] = ()
    """The files searched for host keys; an accepted one is added to the first."""
    key_alias: str = ""
    """The name the host key is filed under instead of `host`."""
    strict: bool = False
    """Whether an unknown host key is refused without asking."""
    accept_new: bool = False
    """Whether an unknown host key is accepted without asking; a changed one never is."""
    hash_known_hosts: bool = False
    proxy_command: str = ""
    connect_timeout: float = CONNECT_TIMEOUT
    alive_interval: float = ALIVE_INTERVAL
    alive_count: int = ALIVE_COUNT

    @property
    def label(self) -> str:
        """``user@name``, with the port where it is unusual; harmless text."""
        port = "" if self.port == 22 else f":{self.port}"
        return clean(f"{self.user}@{self.name}{port}")

    @property
    def key_name(self) -> str:
        """The name in known_hosts: ``host`` or ``[host]:port``."""
        if self.key_alias:
            return self.key_alias
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a profile says of a hop; None, empty and False leave it to ssh's configuration."""

    address: str = ""
    user: str = ""
    port: int | None = None
    identity_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    known_hosts: tuple[str, ...] = ()
    strict: bool | None = None
    proxy_command: str = ""
    connect_timeout: float | None = None
    alive_interval: float | None = None
    jump: tuple[str, ...] | None = None
    """None: as ssh's configuration has it; empty: straight."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a profile says of the whole site."""

    ssh_config: Path | None = None
    """None: ``~/.ssh/config`` and ``/etc/ssh/ssh_config``; an empty file (``/dev/null``) for none."""
    default: Said = field(default_factory=Said)
    """For every host, not for the jump hosts; but known_hosts and time limits count for these too."""
    hosts: Mapping[str, Said] = field(default_factory=dict)
    """For single hosts, jump hosts included, by the name they have in `hosts` or `jump`."""


def spot(text: str) -> Spot:
    """Read ``[user@]host[:port]``, also ``ssh://...`` and IPv6 in brackets.

    Raises:
        UsageError: it is none.
    """
    word = text.strip().removeprefix("ssh://").rstrip("/")
    found = _SPOT.fullmatch(word)
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and not 0 < port < 65536):
        raise UsageError(f"{clean(text, 80)!r} is no host", "write it as [user@]host[:port]")
    return Spot(found["host"].strip("[]"), found["user"] or "", port)
