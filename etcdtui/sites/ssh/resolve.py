"""From the words of an operator to the hops of a way: the profile first, then ssh's configuration."""

from __future__ import annotations

import getpass
import shlex
from pathlib import Path

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.sites.ssh.hop import (
    ALIVE_COUNT,
    ALIVE_INTERVAL,
    CONNECT_TIMEOUT,
    Hop,
    Said,
    Settings,
    Spot,
    spot,
)
from etcdtui.sites.ssh.ssh_config import DEFAULT_KEYS, HARMLESS, Options, SshConfig, expand

_GLOBAL = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
MAX_HOPS = 8


class Resolver:
    """Turns hosts into ways.

    Raises:
        ConfigError: ssh's configuration cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._config = SshConfig(settings.ssh_config)

    def way(self, text: str, jump: tuple[str, ...] = ()) -> tuple[Hop, ...]:
        """The hops to a host, outermost first, the host last.

        Args:
            text: ``[user@]host[:port]``.
            jump: jump hosts that were asked for (``-J``), outermost first; empty leaves them to the
                profile and to ssh's configuration.

        Raises:
            UsageError: what was written is no host, or the way runs in a circle.
            ConfigError: ssh's configuration cannot be applied.
        """
        last = spot(text)
        said = self._settings.hosts.get(text) or self._settings.hosts.get(last.host) or Said()
        via = jump or said.jump
        if via is None:
            via = self._settings.default.jump
        hops = self._way(last, said, self._settings.default, via, ())
        if len(hops) > MAX_HOPS:
            raise UsageError(f"{clean(text)}: the way has more than {MAX_HOPS} hops")
        return hops

    def _way(
        self, last: Spot, said: Said, default: Said, via: tuple[str, ...] | None, seen: tuple[str, ...]
    ) -> tuple[Hop, ...]:
        asked = via is not None
        if last.host in seen:
            raise UsageError(f"the jump hosts of {clean(seen[0])} run in a circle: {clean(' > '.join(seen))}")
        options = self._config.options(
            last.host, last.user or said.user or default.user, last.port or said.port
        )
        hop = self._hop(last, said, default, options)
        command = said.proxy_command or default.proxy_command or _text(options, "proxycommand")
        if via is None and not command:
            words = _text(options, "proxyjump")
            via = tuple(w.strip() for w in words.split(",")) if words and words.lower() != "none" else ()
        if not via:
            if command and command.lower() != "none":
                _one_word(hop.host, last.host, hop.user)
                command = expand(command, host=hop.host, name=last.host, port=hop.port, user=hop.user)
                hop = _with_command(hop, command)
            return (hop,)
        before: tuple[Hop, ...] = ()
        for number, word in enumerate(via):
            place = spot(word)
            own = self._settings.hosts.get(word) or self._settings.hosts.get(place.host) or Said()
            # As in ssh, only the first jump host may be behind a jump of its own.
            further = (own.jump if own.jump is not None else None) if number == 0 else ()
            shared = Said(
                known_hosts=default.known_hosts, strict=default.strict,
                connect_timeout=default.connect_timeout, alive_interval=default.alive_interval,
                identity_files=default.identity_files,
                identities_only=default.identities_only, certificate_files=default.certificate_files,
            )  # fmt: skip
            # A host may be the jump host to itself with another account; ssh's file may not run in circles.
            before += self._way(place, own, shared, further, seen if asked else (*seen, last.host))
        return (*before, hop)

    def _hop(self, last: Spot, said: Said, default: Said, options: Options) -> Hop:
        user = last.user or said.user or default.user or _text(options, "user") or getpass.getuser()
        port = last.port or said.port or default.port or int(_text(options, "port") or 22)
        host = said.address or _text(options, "hostname") or last.host
        host = host.replace("%h", last.host)

        def paths(texts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
            return tuple(expand(t, host=host, name=last.host, port=port, user=user) for t in texts)

        own_keys = said.identity_files or default.identity_files
        keys = paths(own_keys or _texts(options, "identityfile"))
        if not keys:
            keys = tuple(str(Path.home() / ".ssh" / name) for name in DEFAULT_KEYS)
        known = said.known_hosts or default.known_hosts
        if not known:
            words = _text(options, "userknownhostsfile") or "~/.ssh/known_hosts ~/.ssh/known_hosts2"
            known = (
                *shlex.split(words),
                *shlex.split(_text(options, "globalknownhostsfile") or " ".join(_GLOBAL)),
            )
        strict = said.strict if said.strict is not None else default.strict
        accept_new = False
        if strict is None:
            word = _text(options, "stricthostkeychecking").lower()
            strict, accept_new = word in ("yes", "true"), word in ("accept-new", "no", "off", "false")
        return Hop(
            name=last.host, host=host, port=port, user=user,
            identity_files=keys,
            certificate_files=paths(said.certificate_files or default.certificate_files
                                    or _texts(options, "certificatefile")),
            keys=_text(options, "pubkeyauthentication").lower() != "no",
            identities_only=said.identities_only or default.identities_only
            or _text(options, "identitiesonly").lower() == "yes",
            agent=paths((_text(options, "identityagent"),))[0],
            known_hosts=paths(known),
            key_alias=_text(options, "hostkeyalias"),
            strict=strict, accept_new=accept_new,
            hash_known_hosts=_text(options, "hashknownhosts").lower() == "yes",
            connect_timeout=said.connect_timeout or default.connect_timeout
            or _seconds(options, "connecttimeout") or CONNECT_TIMEOUT,
            alive_interval=said.alive_interval or default.alive_interval
            or _seconds(options, "serveraliveinterval") or ALIVE_INTERVAL,
            alive_count=int(_seconds(options, "serveralivecountmax")) or ALIVE_COUNT,
        )  # fmt: skip


def _one_word(*words: str) -> None:
    """Raises UsageError where a shell would make more of a name: some come from a cluster's member list."""
    for word in words:
        if not HARMLESS.fullmatch(word):
            raise UsageError(f"{clean(word, 80)!r} cannot be given to a command of ssh's configuration")


def _with_command(hop: Hop, command: str) -> Hop:
    from dataclasses import replace

    return replace(hop, proxy_command=command)


def _text(options: Options, key: str) -> str:
    value = options.get(key)
    if isinstance(value, list):
        return value[0] if value else ""
    return value or ""


def _texts(options: Options, key: str) -> list[str]:
    value = options.get(key)
    if isinstance(value, list):
        return value
    return [value] if value else []


def _seconds(options: Options, key: str) -> float:
    """A number of seconds as ssh_config has it (``10``, ``1m``); 0 when it is not there."""
    word = _text(options, key).lower()
    unit = {"s": 1, "m": 60, "h": 3600}.get(word[-1:], 1)
    digits = word.rstrip("smh")
    return float(int(digits) * unit) if digits.isdecimal() else 0.0
