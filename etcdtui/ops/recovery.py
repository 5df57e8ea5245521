"""Planning what takes a whole cluster down and up again: which nodes, and the steps they share."""

from __future__ import annotations

from collections.abc import Sequence

from etcdtui.errors import UsageError
from etcdtui.model.cluster import EndpointRow, Node, State
from etcdtui.model.text import clean
from etcdtui.ops.action import Request
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Step
from etcdtui.ops.recovery_exec import shelving
from etcdtui.sites.base import Restorable, Shelving, Site

Pair = tuple[EndpointRow | None, Node]
"""A node and the row of its member, as far as one is known."""


def can_recover(site: Site) -> bool:
    """Whether a site has all that it takes: starting and stopping, data moved aside and back, restoring."""
    return nodes.can_start(site) and isinstance(site, Restorable) and isinstance(site, Shelving)


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


def stop_steps(site: Site, pairs: Sequence[Pair]) -> tuple[Step, ...]:
    """Stop those that run, the leader last; starting them takes it back."""
    running = [pair for pair in pairs if not nodes.ended(pair[1])]
    running.sort(key=lambda pair: pair[0] is not None and pair[0].state is State.LEADER)
    return tuple(nodes.stop_step(site, row, node, ()) for row, node in running)


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
