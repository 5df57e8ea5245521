"""Found the cluster anew from one member when its quorum is lost for good.

By ``--force-new-cluster`` where a node can be started alone; else by a snapshot of it, restored on all.
"""

from __future__ import annotations

from dataclasses import replace

from etcdtui.errors import UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node
from etcdtui.model.text import clean
from etcdtui.ops import maintenance, recovery, refounding, saving, snapshots
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.ops.recovery import Pair
from etcdtui.ops.recovery_exec import forcing
from etcdtui.sites.base import ForcingNew

FOUND_TIMEOUT = 60.0
"""Seconds until the member must serve alone; it replays its log first."""


def survivors(request: Request) -> tuple[str, ...]:
    """The nodes to choose from, the best first: of those that answer the one with the highest raft index."""
    if not request.snapshot.nodes:
        return ()
    pairs = sorted(recovery.pairs_of(request), key=_merit, reverse=True)
    return tuple(node.name for _, node in pairs)


def best(request: Request) -> str | None:
    """The best survivor; None when no member answers and the operator has to know."""
    names = survivors(request)
    row = request.snapshot.row_of_node(names[0]) if names else None
    return names[0] if row is not None and row.reading.answered else None


def _merit(pair: Pair) -> tuple[bool, int, int, int]:
    """What a member has for certain: the committed index counts, for the rest of the log is dropped."""
    row = pair[0]
    status = row.reading.status if row is not None and row.is_voter else None
    if row is None or status is None:
        return False, 0, 0, 0
    return row.reading.answered, status.raft_index, status.raft_applied_index or 0, status.raft_term


def plan(request: Request) -> Plan:
    """Ends with one healthy member, the other nodes stopped and their data aside; or with all of them."""
    site, pairs = request.site, recovery.pairs_of(request)
    wanted = request.options.get("node") or best(request)
    if not wanted:
        names = ", ".join(clean(node.name) for _, node in pairs)
        raise UsageError(
            "no member answers, so the one with the newest data cannot be found out",
            f"name the node to found the cluster anew from: {names}",
        )
    chosen = next((pair for pair in pairs if pair[1].name == wanted), None)
    if chosen is None:
        raise UsageError(f"{clean(str(wanted))}: no member of this cluster runs there")
    if isinstance(site, ForcingNew):
        return _alone(request, pairs, chosen)
    remade = refounding.steps_from(request, pairs, chosen)
    sentences = (
        *_lost(pairs, chosen, recovery.elsewhere(request)),
        *refounding.means(remade.founds, chosen, pairs),
    )
    return replace(_made(request, chosen, remade.steps, sentences, ()), founds=remade.founds)


def _alone(request: Request, pairs: tuple[Pair, ...], chosen: Pair) -> Plan:
    """The chosen node alone founds the cluster anew."""
    site, (row, node) = request.site, chosen
    others = [pair for pair in pairs if pair[1].name != node.name]
    steps = (
        *_first(request, row),
        *recovery.stop_steps(site, [*others, chosen]),
        *(recovery.shelve_step(site, other, request.plan_id) for _, other in others),
        _force_step(request, node),
        recovery.bare_stop(row, node),
        replace(nodes.start_step(site, row, node, guard=False), title=f"start {clean(node.name)} as usual"),
        _alone_step(node),
        maintenance.prove_step(request.plan_id),
    )
    sentences = _means(request.snapshot, pairs, chosen, recovery.elsewhere(request))
    return _made(request, chosen, steps, sentences, (row,) if row is not None else ())


def _made(
    request: Request,
    chosen: Pair,
    steps: tuple[Step, ...],
    sentences: tuple[str, ...],
    rows: tuple[EndpointRow, ...],
) -> Plan:
    """A plan that begins only when the quorum is gone."""
    gated = replace(steps[0], guards=(refounding.GONE, *steps[0].guards))
    title = f"found {clean(request.snapshot.name)} anew from {clean(chosen[1].name)}"
    return make_plan(request, ACTION.id, title, (gated, *steps[1:]), sentences, rows, dangerous=True)


def _first(request: Request, row: EndpointRow | None) -> tuple[Step, ...]:
    """A snapshot of the survivor while it answers: the way out if anything goes wrong afterwards."""
    if row is None or not row.reading.answered:
        return ()
    path = saving.path_for(request.snapshot, row, request.options.get("directory"))
    return (saving.save_step(request.snapshot, row, path, 0, 0),)


def _force_step(request: Request, node: Node) -> Step:
    return Step(
        verb="node.force-new",
        args={"node": node.name},
        title=f"start {clean(node.name)} once with --force-new-cluster",
        call=forcing(request.site).describe_force_new(node.name),
        verify=Check("alone", {"node": node.name}),
        verify_timeout=FOUND_TIMEOUT,
        final=True,
    )


def _alone_step(node: Node) -> Step:
    return Step(
        verb="wait",
        args={},
        title=f"wait until {clean(node.name)} serves alone",
        call="Maintenance.Status, Cluster.MemberList",
        verify=Check("alone", {"node": node.name}),
        verify_timeout=FOUND_TIMEOUT,
    )


def _lost(pairs: tuple[Pair, ...], chosen: Pair, far: tuple[str, ...]) -> tuple[str, ...]:
    """What is lost, and who must never come back."""
    row, node = chosen
    name = clean(node.name)
    status = row.reading.status if row is not None else None
    said = [
        f"EVERY WRITE that {name} does not know to be agreed is lost, also acknowledged ones: "
        + (f"it has raft index {status.raft_index}" if status is not None else "how far it is, is not known"),
        "after a SIGKILL or a loss of power its very last writes may be lost too: "
        "that they were agreed is written down with the next one only",
    ]
    for other, place in pairs:
        seen = other.reading.status if other is not None and place.name != node.name else None
        if seen is not None and status is not None and seen.raft_index > status.raft_index:
            text = f"{clean(place.name)} was last seen at raft index {seen.raft_index}"
            said.append(f"{text}: {seen.raft_index - status.raft_index} entries more than {name}")
    if far:
        said.append(f"make sure that these never start again with their old data: {', '.join(far)}")
    return tuple(said)


def _means(
    snapshot: ClusterSnapshot, pairs: tuple[Pair, ...], chosen: Pair, far: tuple[str, ...]
) -> tuple[str, ...]:
    node = chosen[1]
    name, count = clean(node.name), max(len(snapshot.voters), len(pairs))
    rest = ", ".join(clean(place.name) for _, place in pairs if place.name != node.name) or "no other node"
    return (
        *_lost(pairs, chosen, far),
        "THERE IS NO WAY BACK once it was started so; before that, undoing the plan moves the data back",
        f"it ends with one member, {name}, the same cluster ID, and {rest} stopped with the data aside: "
        f"then scale back to {count} with S",
        "the alternative is a snapshot: the action restore makes a new cluster of all nodes from it",
    )


ACTION = Action(
    id="recover-quorum",
    title="Recover from a lost quorum",
    key="",
    help="Found the cluster anew from its best surviving member; what only the others have is lost",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=recovery.can_found_anew,
    plan=plan,
    fields=(
        Field(
            name="node",
            label="From the node",
            kind=Kind.CHOICE,
            help="the one with the newest data; asked of the members that answer",
            default=best,
            choices=survivors,
        ),
        Field(
            name="directory",
            label="Its snapshot goes to",
            kind=Kind.PATH,
            help="saved first, while it answers",
            default=lambda request: str(snapshots.directory_for(request.snapshot.name)),
        ),
    ),
    group="maintenance",
)
