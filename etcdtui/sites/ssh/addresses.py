"""What a further host is called and where it listens, after the pattern of the hosts that run members."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from etcdtui.errors import NodeError
from etcdtui.sites.ssh.host import Host


def with_host(url: str, address: str) -> str:
    """A URL with another host; port and scheme stay."""
    parts = urlsplit(url)
    name = f"[{address}]" if ":" in address else address
    return urlunsplit(parts._replace(netloc=f"{name}:{parts.port}" if parts.port else name))


def address_like(host: Host, sibling: Host, url: str) -> str:
    """The address at which a host's peers or clients find it, as `url` is that of its sibling.

    Raises:
        NodeError: no address of it goes with that.
    """
    seen = urlsplit(url).hostname or ""
    if seen == sibling.link.hop.host.lower():
        return host.link.hop.host
    if seen == sibling.name.lower():
        return host.name
    theirs, ours = _hostname(sibling), _hostname(host)
    if theirs and ours and seen.partition(".")[0] == theirs.partition(".")[0].lower():
        return ours.partition(".")[0] + seen[len(seen.partition(".")[0]) :]
    found = nearest(seen, host.shell.run(["hostname", "-I"]).text.split())
    if not found:
        raise NodeError(
            f"{host.name}: at which address its peers find it cannot be told: {sibling.name} is at {url}",
            "give --peer-urls and start it there yourself",
        )
    return found


def _hostname(host: Host) -> str:
    return host.shell.run(["hostname"]).text.strip()


def nearest(like: str, addresses: Sequence[str]) -> str:
    """Of some addresses the one in the same network as another, a /16 (or /48) at least; empty for none."""
    try:
        wanted = ipaddress.ip_address(like)
    except ValueError:
        return ""
    best = ("", 15 if wanted.version == 4 else 47)
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if address.version == wanted.version:
            common = wanted.max_prefixlen - (int(wanted) ^ int(address)).bit_length()
            if common > best[1]:
                best = (text, common)
    return best[0]


def member_name(host: str, members: dict[str, str], taken: set[str]) -> str:
    """The ``--name`` of a further member.

    Args:
        host: the node it will run on.
        members: names of members by the node they run on.
        taken: names that are not free.
    """
    if all(node == name for node, name in members.items()) and host not in taken:
        return host
    numbered = [m for name in members.values() if (m := re.fullmatch(r"(.*?)(\d+)", name))]
    stems = {m.group(1) for m in numbered}
    if len(numbered) == len(members) and len(stems) == 1:
        stem, last = stems.pop(), max(int(m.group(2)) for m in numbered)
        return next(name for n in range(last + 1, last + 99) if (name := f"{stem}{n}") not in taken)
    return host
