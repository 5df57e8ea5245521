"""One line of the benchmark's table, and the file it is kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Row:
    """A measured figure of ours, the peer's, and whether the goal holds.

    ``ratio`` is whatever the goal speaks of: peer / ours for "times faster", ours / peer for
    "at most so much more", ours itself where there is no peer.
    """

    name: str
    ours: float
    peer: float | None
    unit: str
    ratio: float
    goal: str
    holds: bool


def faster(name: str, ours: float, peer: float, unit: str, at_least: float) -> Row:
    """Ours must be at least so many times faster than the peer."""
    ratio = peer / ours
    return Row(name, ours, peer, unit, ratio, f">= {at_least:g}x faster", ratio >= at_least)


def at_most(name: str, ours: float, peer: float, unit: str, limit: float) -> Row:
    """Ours may be at most so many times the peer's."""
    ratio = ours / peer
    return Row(name, ours, peer, unit, ratio, f"<= {limit:g}x the peer", ratio <= limit)


def bound(name: str, ours: float, unit: str, limit: float) -> Row:
    """Ours may be at most a figure; there is no peer."""
    return Row(name, ours, None, unit, ours, f"<= {limit:g} {unit}", ours <= limit)


def save(rows: Iterable[Row]) -> None:
    """Write ``bench/results.json``."""
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def table(rows: Iterable[Row]) -> str:
    """The rows as a table for people."""
    lines = [f"{'what':58} {'ours':>10} {'peer':>10} {'unit':6} {'ratio':>8}  {'goal':20} holds"]
    for r in rows:
        peer = "-" if r.peer is None else f"{r.peer:.4g}"
        holds = "yes" if r.holds else "NO"
        lines.append(
            f"{r.name:58} {r.ours:>10.4g} {peer:>10} {r.unit:6} {r.ratio:>8.3g}  {r.goal:20} {holds}"
        )
    return "\n".join(lines)
