"""Planning a size where nodes are numbered and only the last can go; what is left over is mended."""

from __future__ import annotations

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node
from etcdtui.model.text import clean, plural
from etcdtui.ops import leaving, members, selfmanaged
from etcdtui.ops.action import Request, make_plan
from etcdtui.ops.actions.add_member import join_sentences
from etcdtui.ops.founding import resized_steps
from etcdtui.ops.keeping import Keeper
from etcdtui.ops.plan import Plan, Step
from etcdtui.ops.rolling_exec import is_well, unwell_members
from etcdtui.sites.base import NewNode, Site
from etcdtui.sites.founding import Resizing
from etcdtui.sites.manager import LastFirst, SelfManaging

ACTION = "scale"


def plan(request: Request, site: LastFirst, wanted: int) -> Plan:
    """As many nodes as voters wanted: the last ones go, further ones come, members without a node go too."""
    snapshot = request.snapshot
    order = site.leaving_order()
    ghosts = _ghosts(snapshot)
    if wanted > len(order):
        if ghosts:
            names = ", ".join(clean(row.name) for row in ghosts)
            raise GuardRefused(f"{names} has no node", f"scale to {len(order)} first, which removes it")
        return _grow(request, wanted, len(order))
    if wanted == len(order) and not ghosts:
        return _fit(request, wanted)
    return _shrink(request, order[: len(order) - wanted], ghosts, wanted)


def _fit(request: Request, wanted: int) -> Plan:
    """No node comes or goes: at most the number that a drain must leave is not as it should be."""
    steps = tuple(Keeper(request.site).fitting(wanted))
    if not steps:
        raise UsageError(f"{clean(request.snapshot.name)} has {plural(wanted, 'node')} already")
    title = f"stay at {plural(wanted, 'voter')}: {steps[0].title}"
    return make_plan(request, ACTION, title, steps, (members.size_sentence(wanted),), ())


def _ghosts(snapshot: ClusterSnapshot) -> list[EndpointRow]:
    """The members that no node of the site belongs to."""
    return [row for row in snapshot.rows if row.member is not None and row.node is None]


def _grow(request: Request, wanted: int, now: int) -> Plan:
    site, snapshot = request.site, request.snapshot
    if unwell := unwell_members(snapshot, set()):
        raise GuardRefused(f"not all members are healthy: {', '.join(unwell)}", "mend them before growing")
    scripted, more = _scripted(site), wanted - now
    places = scripted.next_nodes(more) if scripted else members.growable(site).propose_nodes(more)
    learner = not scripted and members.learners(snapshot)
    steps, keeper = list[Step](), Keeper(site)
    for number, place in enumerate(places, now + 1):
        steps += keeper.joining(number - 1, _join(site, place, number, learner))
    said = [members.size_sentence(wanted)]
    if scripted:
        said.append("their scripts add them as voters at once")
    else:
        said = [*join_sentences(snapshot, list(places), learner=learner)]
    said.append("one after the other: the next is added when the one before is a healthy voter")
    said += [*keeper.remarks(wanted), *_profile_says(site, wanted)]
    steps += resized_steps(site, wanted)
    names = ", ".join(clean(place.name) for place in places)
    title = f"grow to {plural(wanted, 'voter')}: add {names}"
    return make_plan(request, ACTION, title, tuple(steps), tuple(said), (), dangerous=not learner)


def _profile_says(site: Site, wanted: int) -> list[str]:
    remark = site.resize_remark(wanted) if isinstance(site, Resizing) else ""
    return [remark] if remark else []


def _scripted(site: Site) -> SelfManaging | None:
    """The site, where the last node or the next manages its member by itself."""
    if not isinstance(site, SelfManaging) or not isinstance(site, LastFirst):
        return None
    return site if site.manages_members() else None


def _join(site: Site, place: NewNode, size: int, learner: bool) -> list[Step]:
    if _scripted(site):
        return selfmanaged.join_steps(site, place, size)
    return members.join_steps(site, place, learner=learner)


def _shrink(request: Request, going: tuple[str, ...], ghosts: list[EndpointRow], wanted: int) -> Plan:
    site, snapshot = request.site, request.snapshot
    rows = {row.node.name: row for row in snapshot.rows if row.node is not None and row.node.name in going}
    nodes = {node.name: node for node in snapshot.nodes}
    leaving_ids = {r.member_id for r in (*rows.values(), *ghosts) if r.member_id is not None}
    if unwell := unwell_members(snapshot, leaving_ids):
        raise GuardRefused(f"members that stay are not healthy: {', '.join(unwell)}", "mend them first")
    apart = sorted(leaving_ids & _unwell_ids(snapshot))
    steps: list[Step] = []
    for ghost in ghosts:
        if ghost.member is not None:
            steps += leaving.remove_steps(snapshot, ghost, ghost.member, apart)
    size = len(site.leaving_order()) if isinstance(site, LastFirst) else 0
    keeper = Keeper(site)
    for name in going:
        size -= 1
        gone = _leave(site, snapshot, rows.get(name), nodes[name], size, apart)
        steps += keeper.leaving(size + 1, gone)
        if request.options.get("discard"):
            steps += selfmanaged.discard_later(site, nodes[name])
    steps += [*keeper.fitting(wanted), *(resized_steps(site, wanted) if going else ())]
    names = ", ".join(clean(name) for name in (*(g.name for g in ghosts), *going))
    consequences = (
        members.size_sentence(wanted),
        "the highest goes first; each is gone from the member list before the next",
        "the claims of nodes that go are deleted, as asked for"
        if request.options.get("discard")
        else "their claims stay, and are deleted before nodes of these names come again",
        *keeper.remarks(wanted),
        *_profile_says(site, wanted),
    )
    title = f"shrink to {plural(wanted, 'voter')}: remove {names}"
    return make_plan(request, ACTION, title, tuple(steps), consequences, (), dangerous=True)


def _unwell_ids(snapshot: ClusterSnapshot) -> set[int]:
    return {r.member.id for r in snapshot.rows if r.member is not None and not is_well(snapshot, r)}


def _leave(
    site: Site, snapshot: ClusterSnapshot, row: EndpointRow | None, node: Node, size: int, apart: list[int]
) -> list[Step]:
    if selfmanaged.manages_itself(site, node.name):
        return selfmanaged.leave_steps(site, snapshot, row, node, size, apart)
    if row is None or row.member is None:
        seat = {"member": None, "peer_urls": list(node.peer_urls), "node": node.name}
        return [members.retire_step(site, node.name, seat)]
    return leaving.leave_steps(site, snapshot, row, row.member, apart)
