"""Whether members will find each other: SRV records as the hosts see them, or the discovery service."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from etcdtui.errors import EtcdError, NodeError, SiteError, WayLost
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import Discovery, HostsBootstrap, Tls
from etcdtui.model.text import clean, plural
from etcdtui.sites import dns
from etcdtui.sites.founding import Piece
from etcdtui.sites.ssh.shell import checked

if TYPE_CHECKING:
    import paramiko

    from etcdtui.sites.ssh.host import Host

T = TypeVar("T")
_NO_TOOL = 127
_ASK = """
if command -v curl >/dev/null; then exec curl -sS -m 20 -- "$1"; fi
if command -v wget >/dev/null; then exec wget -q -T 20 -O - -- "$1"; fi
exit 127
"""
Dial = Callable[[str], EtcdWriter]

DNS_PORT = 53
TIMEOUT = 5.0
PAUSE = 0.5
AGAIN = 10.0
"""Seconds that a connection which was lost may take to come back."""
REGISTRY = "/_etcd/registry"
"""Where etcd's discovery keeps clusters, in either version of it."""


def pieces_of(boot: HostsBootstrap, cluster: str, first: str) -> list[Piece]:
    """What must be so before the members can find each other.

    Args:
        first: the host that asks for all of them, where one is enough.
    """
    meeting = boot.meeting
    if meeting.by is Discovery.SRV:
        call = f"ask every host's nameservers for: {'; '.join(settings.srv_records(boot))}"
        return [Piece("records", "look for the DNS records", call, only_looks=True)]
    if meeting.by is Discovery.SERVICE and meeting.url:
        call = f"GET {meeting.url}/_config/size, from {first}"
        return [Piece("service", "look whether the discovery service is ready", call, only_looks=True)]
    if meeting.by is Discovery.SERVICE:
        token = meeting.token or settings.token_of(boot, cluster)
        call = f"put {len(boot.members)} at {REGISTRY}/{token}/_config/size of {meeting.endpoints[0]}"
        return [Piece("announce", "announce the members at the discovery service", call)]
    return []


def check_records(host: Host, boot: HostsBootstrap) -> str:
    """Ask the host's own nameservers for what ``--discovery-srv`` will look for; what was found.

    Raises:
        NodeError: a record is missing or is another one, or no nameserver answers.
    """
    ssl = "" if boot.tls is Tls.NONE else "-ssl"
    domain = boot.meeting.domain.rstrip(".")
    name = f"_etcd-server{ssl}._tcp.{domain}"
    wanted = {(m.dialled.rstrip(".").lower(), m.peer_port) for m in boot.members}
    found = {(each.target, each.port) for each in _asked(host, name)}
    if missing := wanted - found:
        words = ", ".join(f"{target}:{port}" for target, port in sorted(missing))
        there = ", ".join(f"{clean(target)}:{port}" for target, port in sorted(found)) or "nothing"
        raise NodeError(
            f"{host.name}: {name} does not lead to {words}: there is {there}",
            "make the records that the plan shows, and wait until the nameservers have them",
        )
    if strange := found - wanted:
        words = ", ".join(f"{clean(target)}:{port}" for target, port in sorted(strange))
        raise NodeError(f"{host.name}: {name} leads to {words} too: etcd would wait for a member there")
    return f"{host.name}: {name} leads to {plural(len(found), 'member')}"


def _asked(host: Host, name: str) -> tuple[dns.Service, ...]:
    text = host.shell.run(["cat", "/etc/resolv.conf"]).text
    servers = re.findall(r"^\s*nameserver\s+([0-9a-fA-F.:]+)", text, re.MULTILINE) or ["127.0.0.1"]
    trouble: list[str] = []
    for server in servers:
        try:
            return _with_channel(host, server, DNS_PORT, lambda channel: dns.ask(channel, name))
        except (ValueError, OSError, SiteError) as error:
            trouble.append(f"{server}: {clean(str(error), 80) or 'no answer'}")
    raise NodeError(f"{host.name}: no nameserver tells the SRV records ({'; '.join(trouble)})")


def _with_channel(host: Host, name: str, port: int, use: Callable[[paramiko.Channel], T]) -> T:
    from paramiko.ssh_exception import ChannelException

    try:
        channel = host.link.channel(name, port, TIMEOUT)
    except ChannelException as error:
        raise SiteError(f"{name}:{port} is not reached from {host.name}: {error.text}") from None
    try:
        channel.settimeout(TIMEOUT)
        return use(channel)
    finally:
        channel.close()


# -- the discovery service -----------------------------------------------------------------------


def old_service(host: Host, boot: HostsBootstrap) -> str:
    """Whether the old discovery service, asked from a host, expects as many members.

    Raises:
        NodeError: it is not reached, knows no such token, or expects another number.
    """
    url = boot.meeting.url.rstrip("/")
    parts, size = urlsplit(url), len(boot.members)
    if parts.scheme != "http":
        return _told(host, url, size, _asked_with_tls(host, url))
    request = (
        f"GET {parts.path}/_config/size HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n"
    )

    def asked(channel: paramiko.Channel) -> bytes:
        channel.sendall(request.encode())
        out = b""
        while part := channel.recv(65536):
            out += part
        return out

    try:
        answer = _with_channel(host, parts.hostname or "", parts.port or 80, asked)
    except OSError as error:
        text = clean(str(error), 80) or "no answer"
        raise NodeError(f"{host.name}: the discovery service {clean(url)}: {text}") from None
    return _told(host, url, size, answer)


def _asked_with_tls(host: Host, url: str) -> bytes | None:
    """What it answers to the host's own curl or wget; None where the host has neither. Raises NodeError."""
    done = host.shell.run(["sh", "-c", _ASK, "sh", f"{url}/_config/size"], timeout=30)
    if done.code == _NO_TOOL:
        return None
    checked(done, f"{host.name}: the discovery service {clean(url)}")
    return done.out


def _told(host: Host, url: str, size: int, answer: bytes | None) -> str:
    """What the answer means. Raises NodeError when as many members are not expected."""
    if answer is None:
        return f"{clean(url)} speaks TLS, and {host.name} has no curl: etcd will ask it by itself"
    found = re.search(rb'"value"\s*:\s*"(\d+)"', answer)
    if found is None:
        line = answer.split(b"\r\n", 1)[0].decode("ascii", "replace")
        raise NodeError(
            f"{host.name}: {clean(url)} has no cluster of that token ({clean(line, 60)})",
            f"make it first: curl -X PUT {clean(url)}/_config/size -d value={size}",
        )
    if int(found[1]) != size:
        raise NodeError(f"{host.name}: {clean(url)} expects {plural(int(found[1]), 'member')}, not {size}")
    return f"the discovery service expects {plural(size, 'member')}"


def announce(dial: Dial, boot: HostsBootstrap, cluster: str, note: Callable[[], None] = lambda: None) -> str:
    """Tell the etcd that serves as discovery service (3.6 and newer) how many members will come.

    Args:
        note: is called before anything is written there.

    Raises:
        SiteError: it is not reached, or was told another number before.
    """
    key, size = f"{_announced_at(boot, cluster)}_config/size".encode(), len(boot.members)

    def tell(api: EtcdWriter, url: str) -> str:
        token = clean(boot.meeting.token or settings.token_of(boot, cluster))
        there = api.get(key, TIMEOUT)
        if there is None:
            note()
            if api.put_if(key, str(size).encode(), 0, TIMEOUT):
                return f"{clean(url)}: {token} expects {plural(size, 'member')}"
            there = api.get(key, TIMEOUT)
        if there is not None and there.value == str(size).encode():
            return f"{clean(url)}: {token} expects {plural(size, 'member')} already"
        was = there.value.decode("utf-8", "replace") if there is not None else "nothing"
        raise SiteError(
            f"{clean(url)}: {token} expects {clean(was, 20)} members, not {size}",
            "give another discovery_token",
        )

    return _at_service(dial, boot, tell)


def retract(dial: Dial, boot: HostsBootstrap, cluster: str) -> str:
    """Delete what was announced there, and whoever has come since. Raises SiteError."""
    prefix = _announced_at(boot, cluster).encode()

    def delete(api: EtcdWriter, url: str) -> str:
        keys = [each.key for each in api.get_prefix(prefix, TIMEOUT)]
        for key in keys:
            api.delete(key, TIMEOUT)
        return f"{clean(url)}: deleted {plural(len(keys), 'key')} of the announcement"

    return _at_service(dial, boot, delete)


def _announced_at(boot: HostsBootstrap, cluster: str) -> str:
    return f"{REGISTRY}/{boot.meeting.token or settings.token_of(boot, cluster)}/"


def _at_service(dial: Dial, boot: HostsBootstrap, work: Callable[[EtcdWriter, str], str]) -> str:
    """Do something at the first of its endpoints that answers, which may be done twice.

    A second round is made in any case, for a connection may be lost in the middle of the first, and further
    ones while a connection that was lost is not back. Raises SiteError when none answers then either.
    """
    rounds, deadline = 0, time.monotonic() + AGAIN
    while True:
        trouble: list[str] = []
        lost = False
        for url in boot.meeting.endpoints:
            full = url if "://" in url else f"http://{url}"
            api = dial(full)
            try:
                return work(api, full)
            except EtcdError as error:
                lost |= isinstance(error, WayLost)
                trouble.append(f"{clean(full)}: {clean(error.message)}")
            finally:
                api.close()
        rounds += 1
        if rounds > 1 and not (lost and time.monotonic() < deadline):
            break
        time.sleep(PAUSE)
    raise SiteError(f"the discovery service is not reached: {'; '.join(trouble)}")
