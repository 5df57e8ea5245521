"""Where members, units, processes and data of hosts do not go together, as findings of the health check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etcdtui.model.cluster import ClusterSnapshot, Member
from etcdtui.model.health import Finding, Severity
from etcdtui.model.text import clean

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

CHECK = "drift"
MARK = "DRIFT: "
"""What stands in a node's line before what does not go together."""
NOT_AT_BOOT = "it does not start at boot"


def drift(hosts: Mapping[str, Host], snapshot: ClusterSnapshot) -> tuple[Finding, ...]:
    """The mismatches; one line that says so when there is none."""
    found = (*_without_etcd(hosts, snapshot), *_said_of_nodes(snapshot))
    if found:
        return tuple(Finding(CHECK, Severity.WARNING, text, remedy) for text, remedy in found)
    return (Finding(CHECK, Severity.OK, "members, units, processes and data agree"),)


def _without_etcd(hosts: Mapping[str, Host], snapshot: ClusterSnapshot) -> Iterator[tuple[str, str]]:
    """Members whose host is set up for none."""
    for row in snapshot.rows:
        if row.member is None or row.reading.answered:
            continue
        host = host_of(hosts, row.member)
        if host is not None and host.spare:
            label = f"member {clean(row.member.label)} ({row.member.hex_id})"
            yield (
                f"{label} is down, and nothing on {host.name} is set up to run it: no unit, static pod or "
                "process: remove the member, the host is free then",
                "remove-member",
            )


def host_of(hosts: Mapping[str, Host], member: Member) -> Host | None:
    """The host that a member's URLs lead to, by its address or name."""
    names = {urlsplit(url).hostname for url in (*member.peer_urls, *member.client_urls)}
    return next((h for h in hosts.values() if {h.link.hop.host.lower(), h.name.lower()} & names), None)


def _said_of_nodes(snapshot: ClusterSnapshot) -> Iterator[tuple[str, str]]:
    for node in snapshot.nodes:
        for word in node.detail.split("; "):
            if word.startswith(MARK) or word.endswith(NOT_AT_BOOT):
                yield f"{clean(node.name)}: {word.removeprefix(MARK)}", ""
