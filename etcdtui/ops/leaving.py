"""Planning that members leave: the steps of a removal with its node, and who goes when a cluster shrinks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Member, RunState
from etcdtui.model.text import clean
from etcdtui.ops import rolling
from etcdtui.ops.actions import nodes
from etcdtui.ops.members import CHANGE_TIMEOUT, WAIT_TIMEOUT, can_grow, retire_step, seat_of, wait_step
from etcdtui.ops.plan import Check, Step
from etcdtui.ops.rolling_exec import is_well
from etcdtui.sites.base import Site, Startable


def remove_steps(
    snapshot: ClusterSnapshot, row: EndpointRow, member: Member, apart: Sequence[int] = ()
) -> list[Step]:
    """The member alone: leadership moved away, waited until etcd allows it, removed, seen gone by all.

    Args:
        apart: IDs of further members that need not be healthy, for they go too.
    """
    seat, name = seat_of(row, member), clean(row.name)
    change = {**seat, "change": "remove"}
    guards: tuple[Check, ...] = (Check("etcd-allows", change), Check("quorum-after-change", change))
    votes = not member.is_learner and is_well(snapshot, row)
    if votes:
        # Whoever does not vote now can only be in the way: that goes whatever else is wrong.
        guards += (Check("others-well", {"apart": sorted({*apart, member.id})}),)
    remove = Step(
        verb="member.remove",
        args=seat,
        title=f"remove {name}",
        call=f"Cluster.MemberRemove({member.hex_id})",
        guards=guards,
        verify=Check("member-gone", seat),
        verify_timeout=CHANGE_TIMEOUT,
    )
    steps = [remove]
    if votes:
        wait = f"see that {name} can be removed"
        steps.insert(0, wait_step(wait, Check("etcd-allows", change), WAIT_TIMEOUT, guards))
    heir = rolling.heir(snapshot)
    # One that has just failed is still named the leader by the others, and hands nothing over any more.
    if member.id == snapshot.leader_id and row.reading.answered and heir is not None:
        move = rolling.move_step(row, heir)
        steps.insert(0, replace(move, guards=(*guards, *move.guards)))
    return steps


def reaches(row: EndpointRow) -> bool:
    """Whether the site can tell how a row's node is, and so can act on it."""
    return row.node is not None and row.node.run_state is not RunState.UNKNOWN


def stop_steps(site: Site, row: EndpointRow) -> list[Step]:
    """Stop the node of a member that was removed; starting it again is no way back from that."""
    if not isinstance(site, Startable) or row.node is None or not reaches(row):
        return []
    return [
        Step(
            verb="node.stop",
            args={"node": row.node.name, "timeout": nodes.STOP_TIMEOUT},
            title=f"stop {clean(row.node.name)}",
            call=site.describe_stop(row.node.name),
            verify=Check("member-down", {"node": row.node.name, "member": None}),
            verify_timeout=nodes.DOWN_TIMEOUT,
        )
    ]


def leave_steps(
    site: Site, snapshot: ClusterSnapshot, row: EndpointRow, member: Member, apart: Sequence[int] = ()
) -> list[Step]:
    """A member and its node: removed, its node stopped and given up."""
    steps = [*remove_steps(snapshot, row, member, apart), *stop_steps(site, row)]
    if row.node is not None and reaches(row) and can_grow(site):
        steps.append(retire_step(site, row.node.name, seat_of(row, member)))
    return steps


def who_goes(snapshot: ClusterSnapshot, count: int) -> list[tuple[EndpointRow, Member]]:
    """So many voters to remove: those that are not healthy, then the newest; the leader is the last to go.

    A site lists its nodes in the order they came; without a node a member's name tells.
    """
    order = {node.name: number for number, node in enumerate(snapshot.nodes)}

    def rank(pair: tuple[EndpointRow, Member]) -> tuple[Any, ...]:
        row, member = pair
        age = order.get(row.node.name, -1) if row.node is not None else -1
        return (is_well(snapshot, row), member.id == snapshot.leader_id, -age, _backwards(member.label))

    voters = [(row, row.member) for row in snapshot.voters if row.member is not None]
    return sorted(voters, key=rank)[:count]


def _backwards(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts ``n10`` before ``n9`` before ``n1``."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple(
        (0, -int(part), "") if part.isdigit() else (1, 0, "".join(chr(0x10FFFF - ord(c)) for c in part))
        for part in parts
    )
