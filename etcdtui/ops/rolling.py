"""Planning a change of all nodes one at a time: their order, and the steps of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node, RunState, State
from etcdtui.model.quorum import budget, is_healthy_voter
from etcdtui.model.text import clean
from etcdtui.ops.actions import nodes
from etcdtui.ops.plan import Check, Step
from etcdtui.ops.rolling_exec import is_well, lag
from etcdtui.sites.base import Site, Upgradable
from etcdtui.sites.manager import Renewable, Restartable

HOLD = 5.0
"""Seconds without a break for which the cluster is healthy between two nodes; etcd asks for as many."""
SETTLE_TIMEOUT = 120.0
"""Seconds within which a started member is back and the cluster has settled."""

Pair = tuple[EndpointRow, Node]
"""A member and the node it runs on."""


@dataclass(frozen=True, slots=True)
class Roll:
    """The nodes in their order, and what the steps need to know of the others."""

    pairs: tuple[Pair, ...]
    apart: frozenset[int]
    """Members that are not healthy and have no node here: nothing can be done for them."""
    broken: frozenset[int]
    """Members that are not healthy now and are put first."""
    heir: EndpointRow | None
    """Who leads while the leader is worked on; None when no other voter can."""
    hold: float = HOLD


def in_order(snapshot: ClusterSnapshot, hold: float = HOLD) -> Roll:
    """Broken members first, then learners, followers and the leader.

    Raises:
        UsageError: no node is known, or the member list is not.
        GuardRefused: there is no quorum, so that there is nothing to keep.
    """
    name = clean(snapshot.name)
    if not snapshot.members_known:
        raise UsageError(f"{name}: the member list is not known", clean(snapshot.members_error))
    if hold < HOLD:
        raise UsageError(
            f"--pause {hold:g}: etcd counts a member as connected after {HOLD:g} s", "give no less"
        )
    if not budget(snapshot).has_quorum:
        raise GuardRefused(f"{name}: {budget(snapshot).sentence()}", "start what is down first")
    pairs: list[Pair] = []
    for member in snapshot.members:
        row = snapshot.row_of_member(member.id)
        if row is not None and row.node is not None:
            pairs.append((row, row.node))
    if not pairs:
        raise UsageError(f"{name}: no member runs on a node known here", clean(snapshot.site_error))
    here = {row.member_id for row, _ in pairs}
    apart = frozenset(
        row.member.id
        for row in snapshot.rows
        if row.member is not None and row.member.id not in here and not is_well(snapshot, row)
    )
    pairs.sort(key=lambda pair: (_rank(snapshot, pair[0]), pair[1].name))
    broken = frozenset(row.member.id for row, _ in pairs if row.member and not is_well(snapshot, row))
    return Roll(tuple(pairs), apart, broken, heir(snapshot), hold)


def _rank(snapshot: ClusterSnapshot, row: EndpointRow) -> int:
    if not is_well(snapshot, row):
        return 0
    if row.member_id == snapshot.leader_id:
        return 3
    return 1 if row.state is State.LEARNER else 2


def heir(snapshot: ClusterSnapshot) -> EndpointRow | None:
    """The healthy voter that is nearest to the leader, the leader itself left out."""
    leader = snapshot.leader_row
    able = [
        row
        for row in snapshot.voters
        if row.member_id != snapshot.leader_id and is_healthy_voter(snapshot, row)
    ]
    return min(able, key=lambda row: lag(row, leader)) if able and leader is not None else None


def steps(site: Site, roll: Roll, version: str = "") -> tuple[Step, ...]:
    """All steps; with `version` each node gets that release while it is stopped."""
    made: list[Step] = []
    for number, (row, node) in enumerate(roll.pairs):
        # Broken ones that come later need not be healthy yet.
        later = {r.member.id for r, _ in roll.pairs[number:] if r.member and r.member.id in roll.broken}
        apart = sorted(roll.apart | later)
        if row.state is State.LEADER and roll.heir is not None:
            made.append(move_step(row, roll.heir))
        if version and isinstance(site, Renewable) and node.run_state is not RunState.STOPPED:
            made.append(_renew(site, roll, row, node, apart, version))
            continue
        if not version and isinstance(site, Restartable) and node.run_state is not RunState.STOPPED:
            made.append(_restart(site, roll, row, node, apart))
            continue
        if not nodes.ended(node):
            made.append(_stop(site, roll, row, node, apart))
        before = ""
        if version:
            if not isinstance(site, Upgradable):
                raise UsageError(f"{site.name}: a {site.kind} site cannot switch releases")
            before = site.node_release(node.name)
            back = _switch_step(site, node, before, None) if before else None
            made.append(_switch_step(site, node, version, back))
        made.append(_start(site, roll, row, node, apart, version, before))
    return tuple(made)


def move_step(leader: EndpointRow, target: EndpointRow) -> Step:
    """Move leadership from a leader to a voter, where it still leads."""
    args = {"from": leader.member_id, "target": target.member_id}
    return Step(
        verb="leader.move",
        args=args,
        title=f"move leadership from {clean(leader.name)} to {clean(target.name)}",
        call=f"Maintenance.MoveLeader(targetID={target.member_id or 0:x}) to {clean(leader.endpoint)}",
        guards=(Check("leader-target", args),),
        verify=Check("leader-moved", args),
        verify_timeout=15.0,
    )


def _settled(roll: Roll, row: EndpointRow, node: Node, apart: list[int], version: str) -> Check:
    return Check(
        "settled",
        {
            "node": node.name,
            "member": row.member_id,
            "apart": apart,
            "hold": roll.hold,
            "version": version or None,
        },
    )


def _bare_start(site: Site, node: Node, verify: Check, undo: Step | None = None, version: str = "") -> Step:
    call = nodes.startable(site).describe_start(node.name)
    return Step(
        verb="node.start",
        args={"node": node.name},
        title=f"start {clean(node.name)}",
        call=f"with etcd {version}: {call}" if version else call,
        verify=verify,
        verify_timeout=SETTLE_TIMEOUT,
        undo=undo,
    )


def _bare_stop(
    site: Site, row: EndpointRow, node: Node, guards: tuple[Check, ...], undo: Step | None
) -> Step:
    return Step(
        verb="node.stop",
        args={"node": node.name, "timeout": nodes.STOP_TIMEOUT},
        title=f"stop {clean(node.name)}",
        call=nodes.startable(site).describe_stop(node.name),
        guards=guards,
        # Without the process's number: when the plan is undone another one runs.
        verify=Check("member-down", {"node": node.name, "member": row.member_id}),
        verify_timeout=nodes.DOWN_TIMEOUT,
        undo=undo,
    )


def _stop(site: Site, roll: Roll, row: EndpointRow, node: Node, apart: list[int]) -> Step:
    others = sorted({*apart, *([row.member_id] if row.member_id is not None else [])})
    guards = (nodes.loss([(row, node)], "stopping"), Check("others-well", {"apart": others}))
    back = _bare_start(site, node, _settled(roll, row, node, apart, ""))
    return _bare_stop(site, row, node, guards, back)


def _restart(site: Restartable, roll: Roll, row: EndpointRow, node: Node, apart: list[int]) -> Step:
    others = sorted({*apart, *([row.member_id] if row.member_id is not None else [])})
    guards = (nodes.loss([(row, node)], "restarting"), Check("others-well", {"apart": others}))
    settled = _settled(roll, row, node, apart, "")
    return nodes.restart_step(
        site, row, node, guards, replace(settled, args={**settled.args, "run": node.run})
    )


def _renew(site: Site, roll: Roll, row: EndpointRow, node: Node, apart: list[int], version: str) -> Step:
    """Another release and a restart by one step, so that its way back is one step too."""
    before = site.node_release(node.name) if isinstance(site, Upgradable) else ""
    undo = _renew_step(site, roll, row, node, apart, before) if before and before != version else None
    if undo is not None:
        undo = replace(undo, guards=(_way_back(before), *undo.guards))
    step = _renew_step(site, roll, row, node, apart, version)
    settled = _settled(roll, row, node, apart, version)
    run = None if row.reading.status is not None and row.reading.status.version == version else node.run
    return replace(step, verify=replace(settled, args={**settled.args, "run": run}), undo=undo)


def _renew_step(site: Site, roll: Roll, row: EndpointRow, node: Node, apart: list[int], version: str) -> Step:
    others = sorted({*apart, *([row.member_id] if row.member_id is not None else [])})
    return Step(
        verb="node.renew",
        args={"node": node.name, "version": version},
        title=f"have {clean(node.name)} run etcd {clean(version)}, restarted",
        call=site.describe_renew(node.name, version) if isinstance(site, Renewable) else "",
        guards=(nodes.loss([(row, node)], "restarting"), Check("others-well", {"apart": others})),
        verify=_settled(roll, row, node, apart, version),
        verify_timeout=SETTLE_TIMEOUT,
    )


def _start(
    site: Site, roll: Roll, row: EndpointRow, node: Node, apart: list[int], version: str, before: str
) -> Step:
    # Only a switched release needs the node stopped again on the way back.
    undo = None
    if version:
        guards = ((_way_back(before),) if before else ()) + (nodes.loss([(row, node)], "stopping"),)
        undo = _bare_stop(site, row, node, guards, None)
    return _bare_start(site, node, _settled(roll, row, node, apart, version), undo, version)


def _way_back(version: str) -> Check:
    return Check("way-back", {"version": version})


def _switch_step(site: Upgradable, node: Node, version: str, undo: Step | None) -> Step:
    args = {"node": node.name, "version": version}
    return Step(
        verb="release.switch",
        args=args,
        title=f"have {clean(node.name)} run etcd {clean(version)}",
        call=site.describe_switch(node.name, version),
        guards=(Check("node-stopped", {"node": node.name}),),
        verify=Check("release-switched", args),
        undo=undo,
    )


def order_sentences(roll: Roll) -> tuple[str, ...]:
    """The order and what it means, for the review."""
    text = f"one node at a time: {', '.join(clean(node.name) for _, node in roll.pairs)}"
    said = [f"{text}; between two of them the whole cluster is healthy for {roll.hold:g} s without a break"]
    leader = next((row for row, _ in roll.pairs if row.state is State.LEADER), None)
    if leader is not None and roll.heir is not None:
        said.append(
            f"{clean(leader.name)} leads and is last: leadership moves to {clean(roll.heir.name)} before"
        )
    elif leader is not None:
        said.append(f"{clean(leader.name)} leads and nobody else can: WRITES STOP while it is restarted")
    return tuple(said)
