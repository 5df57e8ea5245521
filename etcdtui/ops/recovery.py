"""Planning what takes a whole cluster down and up again: which nodes, and the steps they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from etcdtui.errors import UsageError
from etcdtui.model.cluster import EndpointRow, Node, State
from etcdtui.model.identity import cluster_id, member_id
from etcdtui.model.text import clean
from etcdtui.ops.action import Request
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Step
from etcdtui.ops.recovery_exec import restorable, shelving
from etcdtui.sites.base import ForcingNew, Restorable, Shelving, Site
from etcdtui.sites.manager import Collective, Rehearsing, Salvaging

BUMP = 1_000_000_000
"""Revisions the restored store is put ahead, as etcd's guide has it, so that no watcher goes back."""
FOUND_TIMEOUT = 90.0
"""Seconds until the new cluster must be healthy."""

Pair = tuple[EndpointRow | None, Node]
"""A node and the row of its member, as far as one is known."""


def can_recover(site: Site) -> bool:
    """Whether a site has all that it takes: starting and stopping, data moved aside and back, restoring."""
    return nodes.can_start(site) and isinstance(site, Restorable) and isinstance(site, Shelving)


def can_found_anew(site: Site) -> bool:
    """Whether a lost quorum can be recovered from: by one node alone, or from what one holds."""
    return can_recover(site) and isinstance(site, ForcingNew | Salvaging)


def pairs_of(request: Request) -> tuple[Pair, ...]:
    """The nodes of the cluster; without a member list all that the site has. Raises UsageError.

    Nodes that belong to no member are left out where the members are known.
    """
    snapshot = request.snapshot
    if not snapshot.nodes:
        raise UsageError(f"{clean(snapshot.name)}: no nodes are known", clean(snapshot.site_error))
    pairs = ((nodes.row_of(snapshot, node), node) for node in snapshot.nodes)
    if not snapshot.members_known:
        return tuple(pairs)
    return tuple((row, node) for row, node in pairs if row is not None and row.member is not None)


def elsewhere(request: Request) -> tuple[str, ...]:
    """The members that run on no node known here, by name."""
    known = request.snapshot.rows
    return tuple(clean(row.name) for row in known if row.member is not None and row.node is None)


def peer_urls(row: EndpointRow | None, node: Node) -> tuple[str, ...]:
    """The peer URLs of a node's member. Raises UsageError when nothing tells them."""
    urls = row.member.peer_urls if row is not None and row.member is not None else node.peer_urls
    if not urls:
        raise UsageError(f"{clean(node.name)}: its peer URL is not known", "start it, or configure it")
    return urls


def rehearsal(site: Site) -> tuple[Step, ...]:
    """Try beforehand what restoring takes, where the site can. Raises SiteError where it cannot work."""
    if not isinstance(site, Rehearsing):
        return ()
    call = site.describe_rehearsal()
    return (Step(verb="restore.rehearse", args={}, title="try what restoring takes", call=call),)


def stop_steps(site: Site, pairs: Sequence[Pair]) -> tuple[Step, ...]:
    """Stop those that run, the leader last, or all by one call; starting them takes it back."""
    if isinstance(site, Collective):
        return (_stop_together(site, pairs),)
    running = [pair for pair in pairs if not nodes.ended(pair[1])]
    running.sort(key=lambda pair: pair[0] is not None and pair[0].state is State.LEADER)
    return tuple(nodes.stop_step(site, row, node, ()) for row, node in running)


def _stop_together(site: Collective, pairs: Sequence[Pair]) -> Step:
    """Also where none runs: its manager starts again what has failed."""
    ran = [node.name for _, node in pairs if not nodes.ended(node)]
    return Step(
        verb="nodes.stop",
        args={},
        title="stop all nodes",
        call=site.describe_stop_all(),
        verify=Check("nodes-stopped"),
        verify_timeout=nodes.ALL_TIMEOUT,
        undo=_start_together(site, ran),
    )


def _start_together(site: Collective, names: Sequence[str]) -> Step:
    return Step(
        verb="nodes.start",
        args={},
        title="start all nodes",
        call=site.describe_start_all(),
        verify=Check("nodes-run", {"nodes": list(names)}),
        verify_timeout=nodes.RENEW_TIMEOUT,
    )


def start_steps(site: Site, pairs: Sequence[Pair], token: str) -> tuple[Step, ...]:
    """Start the nodes as they were restored; stopping them takes it back."""
    if isinstance(site, Collective):
        start = _start_together(site, [node.name for _, node in pairs])
        stop = replace(_stop_together(site, pairs), undo=None)
        return (replace(start, undo=stop),)
    return tuple(_start_step(site, *pair, token) for pair in pairs)


def _start_step(site: Site, row: EndpointRow | None, node: Node, token: str) -> Step:
    start = nodes.start_step(site, row, node, wait=False, guard=False)
    # The node learns the token when it is restored; until then its command is the old one.
    call = f"as restored, with --initial-cluster-token {token}: {start.call}"
    return replace(start, call=call, undo=bare_stop(row, node))


def bare_stop(row: EndpointRow | None, node: Node) -> Step:
    """Stop whatever process the node has by then."""
    return Step(
        verb="node.stop",
        args={"node": node.name, "timeout": nodes.STOP_TIMEOUT},
        title=f"stop {clean(node.name)}",
        call=f"stop etcd on {clean(node.name)}",
        verify=Check("member-down", nodes.ids(row, node)),
        verify_timeout=nodes.DOWN_TIMEOUT,
    )


def shelve_step(site: Site, node: Node, shelf: str, undo: bool = True) -> Step:
    """Move a node's data directory aside."""
    args = {"node": node.name, "shelf": shelf}
    back = Step(
        verb="data.unshelve",
        args=args,
        title=f"move the data of {clean(node.name)} back",
        call=shelving(site).describe_unshelve(node.name, shelf),
    )
    return Step(
        verb="data.shelve",
        args=args,
        title=f"move the data of {clean(node.name)} aside",
        call=shelving(site).describe_shelve(node.name, shelf),
        guards=(Check("node-stopped", {"node": node.name}),),
        undo=back if undo else None,
    )


# -- a new cluster of all nodes from one file --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remade:
    """The steps that make a new cluster from a snapshot, from the first stop to its health."""

    steps: tuple[Step, ...]
    founds: int
    """Its ID."""


def remake(
    request: Request,
    pairs: tuple[Pair, ...],
    path: Path,
    token: str,
    bump: int,
    stopped: tuple[Step, ...] = (),
) -> Remade:
    """Stop all, move their data aside, restore each, start all, wait. Raises UsageError, SiteError.

    Args:
        stopped: steps to take as soon as all are stopped.
    """
    site, urls = request.site, {node.name: peer_urls(row, node) for row, node in pairs}
    founds = cluster_id(member_id(each, token) for each in urls.values())
    members = {name: ",".join(each) for name, each in urls.items()}
    wait = Step(
        verb="wait",
        args={},
        title=f"wait until the new cluster {founds:x} is healthy",
        call="Maintenance.Status of every endpoint",
        verify=Check("cluster-founded", {"cluster_id": founds, "members": len(pairs)}),
        verify_timeout=FOUND_TIMEOUT,
    )
    steps = (
        *stop_steps(site, pairs),
        *stopped,
        *(shelve_step(site, node, request.plan_id) for _, node in pairs),
        *(_restore_step(request, node, path, members, token, bump) for _, node in pairs),
        *start_steps(site, pairs, token),
        wait,
    )
    return Remade(steps, founds)


def _restore_step(
    request: Request, node: Node, path: Path, members: dict[str, str], token: str, bump: int
) -> Step:
    args = {
        "node": node.name,
        "snapshot": str(path),
        "initial_cluster": members,
        "token": token,
        "bump": bump,
    }
    site = restorable(request.site)
    cluster = ",".join(f"{name}={urls}" for name, urls in members.items())
    flags = f"--initial-cluster {cluster} --initial-cluster-token {token}"
    return Step(
        verb="node.restore",
        args=args,
        title=f"restore the snapshot on {clean(node.name)}",
        call=f"{site.describe_restore(node.name, str(path))} {flags}",
        guards=(Check("node-stopped", {"node": node.name}),),
        undo=shelve_step(request.site, node, f"{request.plan_id}-restored", undo=False),
    )
