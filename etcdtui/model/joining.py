"""What an etcd is started with to join a existing cluster: ``--initial-cluster`` and the flags around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from etcdtui.model.cluster import Member

_APART = frozenset("=, \t\r\n")


def initial_cluster(members: Iterable[Member], name: str, peer_urls: Sequence[str]) -> Mapping[str, str]:
    """Peer URLs, joined by commas, by member name: all members, the one that joins under its own name.

    etcd compares the peer URLs and their number with the members' own list; the names of the others are
    of no account, so one that is missing, taken twice or not printable in a flag is replaced by the ID
    (``server/etcdserver/api/membership/cluster.go``, ValidateClusterAndAssignIDs).
    """
    mine = {url.rstrip("/") for url in peer_urls}
    out = {name: ",".join(peer_urls)}
    for member in members:
        if mine & {url.rstrip("/") for url in member.peer_urls}:
            continue
        called = member.name
        if not called or called in out or not called.isprintable() or _APART & set(called):
            called = member.hex_id
        out[called] = ",".join(member.peer_urls)
    return out


def joining_flags(members: Iterable[Member], name: str, peer_urls: Sequence[str]) -> str:
    """The flags with which an etcd joins, in one line; URLs to listen on are its own affair."""
    everybody = initial_cluster(members, name, peer_urls)
    pairs = [f"{who}={url}" for who, urls in sorted(everybody.items()) for url in urls.split(",")]
    return (
        f"--name {name} --initial-advertise-peer-urls {','.join(peer_urls)} "
        f"--initial-cluster {','.join(pairs)} --initial-cluster-state existing"
    )
