"""Growing and shrinking where the nodes change the member list by scripts: on their terms, each verified."""

from __future__ import annotations

from collections.abc import Sequence

from etcdtui.errors import NotOffered, Refused
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node, RunState
from etcdtui.model.quorum import budget, is_healthy_voter
from etcdtui.model.text import clean
from etcdtui.ops import rolling
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.guards import _Answer, guard
from etcdtui.ops.members import (
    CHANGE_TIMEOUT,
    HOLD,
    WAIT_TIMEOUT,
    discard_steps,
    unadd_step,
    wait_step,
)
from etcdtui.ops.membership import LOOPS, called, find
from etcdtui.ops.plan import Args, Check, Step
from etcdtui.ops.rolling_exec import FRESH, unwell_members
from etcdtui.ops.verify import Look, verification
from etcdtui.sites.base import NewNode, Site
from etcdtui.sites.manager import Discarding, Emptying, SelfManaging

JOIN_TIMEOUT = 300.0
"""Seconds until a node must have joined: its script may fail and be started again a few times."""
COME_TIMEOUT = 60.0
"""Seconds until a node must be there, in whatever state."""
LEAVE_TIMEOUT = 300.0
"""Seconds until a node must be gone: its script has the pod's whole grace period, and a busy kubelet more."""


def manages_itself(site: Site, node: str) -> bool:
    """Whether a node changes the member list by itself."""
    return isinstance(site, SelfManaging) and site.joins_by_itself(node)


def managing(site: Site) -> SelfManaging:
    """The site's capability. Raises NotOffered."""
    if not isinstance(site, SelfManaging):
        raise NotOffered(f"{site.name}: the nodes of a {site.kind} site do not join by themselves")
    return site


# -- steps ---------------------------------------------------------------------------------


def discard_later(site: Site, node: Node) -> list[Step]:
    """Delete what a node leaves that is there still while this is planned."""
    if not isinstance(site, Discarding):
        return []
    return [
        Step(
            verb="node.discard",
            args={"node": node.name},
            title=f"delete the data that {clean(node.name)} has left",
            call=site.describe_discard(node.name) or f"DELETE the claims of {clean(node.name)}",
            guards=(Check("no-member", {"peer_urls": list(node.peer_urls), "node": node.name}),),
        )
    ]


def join_steps(site: Site, place: NewNode, size: int) -> list[Step]:
    """One node more: the cluster steady, the node there, its member a healthy voter.

    Args:
        size: how many nodes there are then.
    """
    seat = {"member": None, "peer_urls": [place.peer_url], "node": place.name}
    name = clean(place.name)
    return [
        *discard_steps(site, place.name, [place.peer_url]),
        _steady(f"see the whole cluster healthy before {name} adds itself", []),
        Step(
            verb="nodes.size",
            args={"size": size, "node": place.name},
            title=f"have {size} nodes: {name} adds its member by its script",
            call=managing(site).describe_size(size),
            guards=(Check("others-well", {"apart": []}), Check("no-member", seat)),
            verify=Check("node-run-state", {"node": place.name, "states": ["running", "starting", "failed"]}),
            verify_timeout=COME_TIMEOUT,
            # Carried out last: while the node is there its script would add the member again.
            undo=unadd_step([place.peer_url], place.name),
        ),
        Step(
            verb="wait",
            args={},
            title=f"see {name} as a healthy voter",
            call="nothing is sent",
            verify=Check("joined-by-itself", {**seat, "hold": HOLD}),
            verify_timeout=JOIN_TIMEOUT,
            undo=_size_step(site, size - 1, place.name, ()),
        ),
    ]


def leave_steps(
    site: Site,
    snapshot: ClusterSnapshot,
    row: EndpointRow | None,
    node: Node,
    size: int,
    apart: Sequence[int],
) -> list[Step]:
    """One node less: leadership away, the node gone by its script, and its member gone whatever that did.

    Args:
        row: of its member, where it has one.
        size: how many nodes there are then.
        apart: IDs of the members that need not be healthy.
    """
    member = row.member if row is not None else None
    urls = list(member.peer_urls if member is not None else node.peer_urls)
    seat = {"member": None, "peer_urls": urls, "node": node.name}
    steps: list[Step] = []
    if row is not None and row.member_id is not None and row.member_id == snapshot.leader_id:
        heir = rolling.heir(snapshot)
        steps += [rolling.move_step(row, heir)] if heir is not None else []
    name = clean(node.name)
    others = sorted(apart)
    return [
        *steps,
        _steady(f"see the cluster healthy before {name} goes", others),
        _size_step(site, size, node.name, (Check("others-well", {"apart": others}), _keeps_quorum(seat))),
        Step(
            verb="member.remove",
            args=seat,
            title=f"remove the member of {name}, where its script has not done so",
            call=f"Cluster.MemberRemove(ID of the member with {clean(', '.join(urls))}), if there is one",
            guards=(Check("etcd-allows", {**seat, "change": "remove"}),),
            verify=Check("member-gone", seat),
            verify_timeout=CHANGE_TIMEOUT,
        ),
    ]


def _keeps_quorum(seat: Args) -> Check:
    return Check("quorum-after-change", {**seat, "change": "remove"})


def _steady(title: str, apart: Sequence[int]) -> Step:
    return wait_step(title, Check("steady", {"apart": list(apart), "hold": HOLD}), WAIT_TIMEOUT * 2)


def _size_step(site: Site, size: int, node: str, guards: tuple[Check, ...]) -> Step:
    return Step(
        verb="nodes.size",
        args={"size": size, "node": node},
        title=f"have {size} nodes: {clean(node)} goes",
        call=managing(site).describe_size(size),
        guards=guards,
        verify=Check("node-retired", {"node": node}),
        verify_timeout=LEAVE_TIMEOUT,
    )


# -- how they are carried out ----------------------------------------------------------------


@executor("nodes.size")
def _set_size(args: Args, context: Context) -> str:
    """Args: ``size``; ``node``, the one that comes or goes."""
    return managing(context.site).set_size(args["size"])


@executor("node.discard")
def _discard(args: Args, context: Context) -> str:
    """Args: ``node``."""
    if not isinstance(context.site, Discarding):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site deletes no data")
    return context.site.discard_data(args["node"])


@executor("node.empty")
def _empty(args: Args, context: Context) -> str:
    """Args: ``node``, ``marks``, ``peer_urls``.

    A node that is started again and again may have joined meanwhile, once its settings were written:
    what it holds then is the new member's, and its loss would be for good.
    """
    if not isinstance(context.site, Emptying):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site deletes no data")
    member = find({"peer_urls": args["peer_urls"]}, context.fresh(FRESH).members)
    if member is None:
        raise Refused(f"{clean(args['node'])}: no member has its peer URL any more", "look again")
    if member.started:
        return f"{clean(args['node'])} has joined already, on the volume it has"
    return context.site.empty_node(args["node"], args["marks"])


@guard("no-member")
def _no_member(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """No member of the list is the one that a node would add. Args: ``peer_urls``, ``node``."""
    member = find({"peer_urls": args["peer_urls"]}, snapshot.members)
    if not snapshot.members_known or snapshot.members_error:
        return _Answer(False, "the member list is not known")
    if member is not None:
        text = f"member {clean(member.label)} ({member.hex_id}) of an earlier {clean(args['node'])} is there"
        return _Answer(False, f"{text}: remove it first")
    return _Answer(True, f"{clean(args['node'])} is no member yet")


# -- what is to come true --------------------------------------------------------------------


@verification("steady")
def _is_steady(args: Args, snapshot: ClusterSnapshot) -> Look:
    """All members are healthy for ``hold`` seconds. Args: ``hold``, ``apart`` (IDs that need not be)."""
    if not snapshot.members_known:
        return Look(False, "the member list is not known yet")
    if unwell := unwell_members(snapshot, set(args["apart"])):
        return Look(False, ", ".join(unwell))
    hold = float(args["hold"])
    return Look(True, f"healthy for {hold:g} s: {budget(snapshot).sentence()}", hold=hold)


@verification("joined-by-itself")
def _joined(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The node's member is a healthy voter, and all members are, without a break for some seconds.

    The script may fail and be started again: only a node that does so again and again is lost.

    Args: the member, ``node``, ``hold``.
    """
    node = next((n for n in snapshot.nodes if n.name == args["node"]), None)
    member, name = find(args, snapshot.members), called(args, snapshot)
    row = snapshot.row_of_member(member.id) if member is not None else None
    if node is not None and node.run_state is RunState.FAILED:
        text = f"{name} has failed ({clean(node.detail)})"
        return Look(False, text, lost=(node.restarts or 0) >= LOOPS, hold=3.0)
    if member is None or row is None:
        return Look(False, f"{name} has not added itself yet")
    if not is_healthy_voter(snapshot, row):
        return Look(False, f"{name} is not healthy yet: {clean(row.reading.reason) or row.state}")
    if others := unwell_members(snapshot, set()):
        return Look(False, f"{name} is healthy; {', '.join(others)}")
    hold = float(args["hold"])
    return Look(True, f"{name} is a healthy voter for {hold:g} s: {budget(snapshot).sentence()}", hold=hold)
