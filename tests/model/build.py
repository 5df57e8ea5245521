"""Snapshots for tests of pure code, built in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from etcdtui.model.cluster import (
    Alarm,
    ClusterSnapshot,
    EndpointStatus,
    Member,
    Node,
    Reading,
    RunState,
    State,
)
from etcdtui.model.tie import tie

CLUSTER = 0xC1


def status(member_id: int, leader: int = 1, **fields: Any) -> EndpointStatus:
    base = EndpointStatus(CLUSTER, member_id, 5, 2, "3.5.1", 20480, leader, 12, 12, (), 16384)
    return replace(base, **fields)


def up(member_id: int, leader: int = 1, at: float = 100.0, **fields: Any) -> Reading:
    return Reading(None, status(member_id, leader, **fields), "", 0.002, at, at)


def down(member_id: int = 0, reason: str = "connection refused", at: float = 100.0) -> Reading:
    last = status(member_id) if member_id else None
    return Reading(State.DOWN, last, reason, None, at, at - 10 if last else None)


def url(index: int) -> str:
    return f"http://127.0.0.1:{20000 + index}"


def member(index: int, **fields: Any) -> Member:
    peer = (f"http://127.0.0.1:{30000 + index}",)
    return replace(Member(index, f"n{index}", peer, (url(index),), False), **fields)


def node(index: int, run_state: RunState = RunState.RUNNING, **fields: Any) -> Node:
    peer = (f"http://127.0.0.1:{30000 + index}",)
    return replace(Node(f"n{index}", run_state, "", 4000 + index, f"n{index}", peer, (url(index),)), **fields)


def snapshot(
    readings: Sequence[Reading],
    members: Sequence[Member] | None = None,
    nodes: Sequence[Node] = (),
    alarms: Sequence[Alarm] = (),
    **fields: Any,
) -> ClusterSnapshot:
    """Reading number i (from 1) belongs to member i at `url(i)`; the members are all voters by default."""
    members = tuple(member(i + 1) for i in range(len(readings))) if members is None else tuple(members)
    by_url = {url(i + 1): reading for i, reading in enumerate(readings)}
    base = ClusterSnapshot(
        "demo",
        tie(members, nodes, by_url),
        members,
        True,
        "",
        tuple(alarms),
        "",
        tuple(nodes),
        "",
        100.0,
        1e9,
    )
    return replace(base, **fields)
