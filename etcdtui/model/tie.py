"""Joining members, nodes and readings into the rows of the grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from etcdtui.model.cluster import EndpointRow, Member, Node, Reading


def _shares(a: Iterable[str], b: Iterable[str]) -> bool:
    return not {u.rstrip("/") for u in a}.isdisjoint(u.rstrip("/") for u in b)


def _ties(member: Member, node: Node) -> tuple[bool, bool, bool]:
    """Whether they share a peer URL, a client URL, a name: the best evidence first."""
    return (
        _shares(node.peer_urls, member.peer_urls),
        _shares(node.client_urls, member.client_urls),
        bool(member.name) and member.name == (node.member_name or node.name),
    )


def node_of(member: Member, nodes: Iterable[Node]) -> Node | None:
    """The node a member runs on: by peer URL, then client URL, then its published name."""
    return _nodes_of((member,), tuple(nodes)).get(member.id)


def _nodes_of(members: tuple[Member, ...], nodes: tuple[Node, ...]) -> dict[int, Node]:
    """Node by member ID; a node goes to one member only, though etcd lets two have one name."""
    out: dict[int, Node] = {}
    taken: set[str] = set()
    for evidence in range(3):
        for member in members:
            if member.id in out:
                continue
            for node in nodes:
                if node.name not in taken and _ties(member, node)[evidence]:
                    out[member.id] = node
                    taken.add(node.name)
                    break
    return out


def _urls_of(
    member: Member, node: Node | None, readings: Mapping[str, Reading], listed: set[int]
) -> tuple[list[str], str]:
    """The URLs a member is read at, the best first, and why there is none.

    A URL that another listed member answers is not its own, whatever it advertises: members that all
    advertise ``http://localhost:2379`` are common.
    """

    def answers_as(url: str) -> int | None:
        status = readings[url].status
        return status.member_id if status is not None else None

    own = {c.rstrip("/") for c in member.client_urls}
    others = listed - {member.id}
    advertised = [u for u in readings if u.rstrip("/") in own]
    urls = [u for u in advertised if answers_as(u) not in others]
    urls += [u for u in readings if answers_as(u) == member.id and u not in urls]
    if not urls and node is not None:
        urls = [u for u in node.client_urls if u in readings and answers_as(u) not in others]
    urls.sort(key=lambda u: not (readings[u].answered and answers_as(u) == member.id))
    if advertised and not urls:
        return [], f"another member answers at {advertised[0]}"
    return urls, "" if urls else "not read yet"


def tie(
    members: Iterable[Member], nodes: Iterable[Node], readings: Mapping[str, Reading]
) -> tuple[EndpointRow, ...]:
    """Join members, nodes and readings into the grid's rows.

    Every member has a row, in the member list's order by name; then the endpoints that no member
    claims (before the member list is known, or foreign ones); then nodes that belong to nobody.

    Args:
        readings: by endpoint URL.
    """
    rows: list[EndpointRow] = []
    nodes = tuple(nodes)
    members = tuple(sorted(members, key=lambda m: (not m.name, m.name, m.id)))
    node_by_id = _nodes_of(members, nodes)
    listed = {m.id for m in members}
    used_endpoints: set[str] = set()
    used_nodes = {n.name for n in node_by_id.values()}
    for member in members:
        node = node_by_id.get(member.id)
        urls, reason = _urls_of(member, node, readings, listed)
        if node is None:
            free = (n for n in nodes if n.name not in used_nodes)
            node = next((n for n in free if _shares(n.client_urls, urls)), None)
        if not urls and not member.name:
            reason = "never started: it has published no client URL"
        reading = readings[urls[0]] if urls else Reading(reason=reason)
        used_endpoints.update(urls)
        if node is not None:
            used_nodes.add(node.name)
        rows.append(EndpointRow(urls[0] if urls else "", reading, member, node))
    return tuple(rows + _unclaimed(nodes, readings, used_endpoints, used_nodes))


def _unclaimed(
    nodes: tuple[Node, ...], readings: Mapping[str, Reading], used_endpoints: set[str], used_nodes: set[str]
) -> list[EndpointRow]:
    """Rows of the endpoints and nodes that no member claims."""
    rows = []
    used_nodes = set(used_nodes)
    for url, reading in readings.items():
        if url in used_endpoints:
            continue
        node = next((n for n in nodes if n.name not in used_nodes and _shares(n.client_urls, [url])), None)
        if node is not None:
            used_nodes.add(node.name)
        rows.append(EndpointRow(url, reading, None, node))
    for node in nodes:
        if node.name not in used_nodes:
            reason = "no member of this cluster runs on this node"
            rows.append(EndpointRow("", Reading(reason=reason), None, node))
    return rows
