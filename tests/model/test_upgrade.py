"""The gates of etcd's upgrade and downgrade guides, on snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.upgrade import (
    Gate,
    downgrade_gates,
    health_gates,
    highest,
    lowest,
    minor_of,
    needs_api,
    text_of,
    upgrade_gates,
    upgrade_notes,
)
from etcdtui.model.versions import Version, parse_version
from tests.ops.worlds import simple


def running(*texts: str, db_size: int = 20480, quota: int | None = None) -> ClusterSnapshot:
    """Healthy members that run these versions; an empty one does not answer."""
    down = tuple(n for n, text in enumerate(texts, 1) if not text)
    snapshot = simple(len(texts), down)
    rows = []
    for row, text in zip(snapshot.rows, texts, strict=True):
        status = row.reading.status
        if status is not None:
            status = replace(status, version=text, db_size=db_size, db_size_quota=quota)
        rows.append(replace(row, reading=replace(row.reading, status=status)))
    return replace(snapshot, rows=tuple(rows))


def closed(gates: tuple[Gate, ...]) -> list[str]:
    return [gate.text for gate in gates if not gate.ok]


@pytest.mark.parametrize(
    ("now", "target", "hard"),
    [
        (("3.4.23", "3.4.23", "3.4.23"), (3, 5, 26), None),
        (("3.4.23", "3.5.26", "3.4.23"), (3, 5, 26), None),
        (("3.5.1", "3.5.1", "3.5.1"), (3, 5, 26), None),
        (("3.4.23", "3.4.23", "3.4.23"), (3, 6, 4), True),
        (("3.4.23", "3.5.26", "3.5.26"), (3, 6, 4), True),
        (("3.5.26", "3.6.4", "3.5.26"), (3, 5, 27), True),
        (("3.5.26", "3.5.26", "3.5.26"), (3, 6, 4), None),
        (("3.5.25", "3.5.26", "3.5.26"), (3, 6, 4), False),
        (("3.5.26", "3.5.26", "3.5.26"), (4, 6, 0), True),
        (("", "", ""), (3, 6, 4), True),
    ],
)
def test_one_minor_version_at_a_time(now: tuple[str, ...], target: Version, hard: bool | None) -> None:
    shut = [gate for gate in upgrade_gates(running(*now), target) if not gate.ok]
    assert (any(gate.hard for gate in shut) if shut else None) is hard


def test_health_and_room_are_gates() -> None:
    assert closed(health_gates(running("3.5.26", "3.5.26", "3.5.26"))) == []
    assert closed(health_gates(running("3.5.26", "", "3.5.26"))) == ["not healthy: n2"]
    assert closed(health_gates(running("3.5.26", "", "3.5.26"), frozenset({2}))) == []
    full = health_gates(running("3.6.4", db_size=96, quota=100))
    assert closed(full) == ["the database of n1 fills 96 % of its quota"]
    assert closed(health_gates(replace(running("3.6.4"), members_known=False))) == [
        "the member list is not known"
    ]


def test_what_cannot_be_seen_is_said() -> None:
    notes = " / ".join(upgrade_notes(running(*("3.4.23",) * 3), (3, 5, 2)))
    assert "3.5.2 can corrupt its data" in notes
    assert "authentication" in notes
    assert "nothing leads back but a snapshot" in notes
    later = " / ".join(upgrade_notes(running(*("3.5.26",) * 3), (3, 6, 4)))
    assert "only the downgrade API leads back" in later
    assert "--enable-v2" in later
    assert upgrade_notes(running(*("3.5.26",) * 3), (3, 5, 27)) == ()
    large = upgrade_notes(running("3.5.26", db_size=2 * 1024**3), (3, 5, 27))
    assert "default quota of 2 GiB" in large[0]


@pytest.mark.parametrize(
    ("now", "target", "words"),
    [
        (("3.5.1", "3.4.23", "3.5.1"), (3, 4, 23), None),
        (("3.5.26", "3.5.26", "3.5.26"), (3, 5, 25), None),
        (("3.6.4", "3.6.4", "3.6.4"), (3, 5, 26), None),
        (("3.5.1", "3.5.1", "3.5.1"), (3, 4, 23), "does not support a downgrade"),
        (("3.6.4", "3.6.4", "3.6.4"), (3, 4, 23), "skips a minor version"),
        (("3.6.4", "3.4.23", "3.6.4"), (3, 5, 1), "older than 3.5.1"),
        (("3.4.23", "3.4.23", "3.4.23"), (3, 5, 1), "no member runs anything newer"),
        (("3.7.0", "3.6.4", "3.6.4"), (3, 5, 26), "more than one minor version"),
    ],
)
def test_ways_down(now: tuple[str, ...], target: Version, words: str | None) -> None:
    shut = closed(downgrade_gates(running(*now), target))
    assert (words is None and shut == []) or (words is not None and words in shut[0])


def test_a_silent_member_leaves_the_way_back_in_doubt() -> None:
    shut = closed(downgrade_gates(running("3.5.1", "", "3.4.23"), (3, 4, 23)))
    assert shut == ["not healthy: n2", "which etcd these run is not known: n2"]


def test_the_api_is_needed_once_every_member_is_newer() -> None:
    assert needs_api(running(*("3.6.4",) * 3), (3, 5, 26))
    assert not needs_api(running("3.6.4", "3.5.26", "3.6.4"), (3, 5, 26))


_TEXTS = st.builds("3.{}.{}".format, st.integers(4, 7), st.integers(0, 30))


@given(st.lists(_TEXTS, min_size=1, max_size=5), _TEXTS)
def test_whatever_passes_moves_the_cluster_by_one_minor_version_at_most(now: list[str], to: str) -> None:
    snapshot, target = running(*now), parse_version(to)
    low, high = lowest(snapshot), highest(snapshot)
    assert target
    assert low
    assert high
    if not any(gate.hard for gate in upgrade_gates(snapshot, target) if not gate.ok):
        assert minor_of(high) <= minor_of(target)
        assert target[1] - low[1] in (0, 1)
    if not closed(downgrade_gates(snapshot, target)):
        assert target < high
        assert low[1] - target[1] in (0, 1)
        # 3.5 and older go back only while some member still runs the older minor version.
        assert minor_of(low) == minor_of(target) or low >= (3, 6, 0)
        assert text_of(target) == to
