"""Which columns fit where, and text cut and wrapped to terminal cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from etcdtui.model.cluster import State
from etcdtui.model.events import Event
from etcdtui.model.severity import Severity
from etcdtui.ui.fit import fit, title_lines, title_width
from etcdtui.ui.render import MEMBER_COLUMNS, header_lines, status_sheet
from etcdtui.ui.spans import Span, cut, fitted, spread, width_of, wrapped
from etcdtui.ui.widgets.lines import difference
from etcdtui.ui.widgets.timeline import place_of
from tests.ui.scripted import Ep as _Ep
from tests.ui.scripted import newer, snapshot

COLUMNS, SHEET = status_sheet(newer())
TEXTS = {key: [cells[i].text for _, cells in SHEET.rows] for i, key in enumerate(SHEET.columns)}


@pytest.mark.parametrize("width", range(80, 240, 7))
def test_what_is_shown_fits(width: int) -> None:
    slots = fit(COLUMNS, TEXTS, width)
    assert sum(s.width + s.gap for s in slots[:-1]) + slots[-1].width <= width
    keys = [s.key for s in slots]
    assert {"state", "name", "id", "version", "db_size", "raft_term", "raft_index"} <= set(keys)
    assert keys == [c.key for c in COLUMNS if c.key in keys]


def test_more_room_never_shows_fewer_columns() -> None:
    counts = [len(fit(COLUMNS, TEXTS, width)) for width in range(80, 300)]
    assert counts[-1] == len(COLUMNS)
    assert counts[0] >= 8


def test_what_a_pod_says_stands_before_its_long_address() -> None:
    """At 80 cells how it is, in wide terminals all that Kubernetes tells."""
    shot = snapshot([_Ep("etcd-0"), _Ep("etcd-1")])
    cells = (("restarts", "3 (OOMKilled 137)"), ("pod age", "3d"), ("claim", "data-etcd-0 1Gi"))
    rows = [
        replace(
            row,
            endpoint=f"http://{row.name}.etcd.etcd.svc.cluster.local:2379",
            node=replace(row.node, brief="CrashLoopBackOff ↻3", cells=cells),
        )
        for row in shot.rows
        if row.node
    ]
    nodes = tuple(row.node for row in rows if row.node)
    columns, sheet = status_sheet(replace(shot, rows=tuple(rows), nodes=nodes))
    texts = {key: [cells[i].text for _, cells in sheet.rows] for i, key in enumerate(sheet.columns)}
    for width, more in ((80, set()), (200, {"endpoint", "node_restarts", "node_claim"})):
        keys = {s.key for s in fit(columns, texts, width)}
        assert {"node_says", "id", "raft_term"} | more <= keys
    assert (
        dict(zip(sheet.columns, sheet.rows[1][1], strict=True))["node_restarts"].text == "3 (OOMKilled 137)"
    )


@pytest.mark.parametrize(
    ("width", "said", "end"),
    [
        (120, {"site_note": "shop/etcd 3/3 ready, PDB allows 1"}, "  shop/etcd 3/3 ready, PDB allows 1"),
        (88, {"site_note": "shop/etcd 3/3 ready, PDB allows 1"}, "  3/3 ready, PDB allows 1"),
        (80, {"site_note": "shop/etcd 3/3 ready, PDB allows 1"}, "  3/3 ready"),
        (
            80,
            {"site_error": "API server https://10.0.0.1:6443 (context prod): not authenticated"},
            " nodes: API server https://1…: not authenticated",
        ),
    ],
)
def test_how_many_voters_live_is_never_pushed_out(width: int, said: dict[str, Any], end: str) -> None:
    eps = [_Ep("etcd-0", State.LEADER), _Ep("etcd-1"), _Ep("etcd-2")]
    _, line = header_lines(snapshot(eps, **said), False, width)
    text = "".join(span.text for span in line).rstrip()
    assert text.startswith(" ● ● ● 3 of 3 voters healthy") and text.endswith(end), text


def test_long_names_give_way_before_columns_do() -> None:
    long = "etcd-with-a-very-long-name.example"
    columns, sheet = status_sheet(snapshot([_Ep(long), _Ep("n2")]))
    texts = {key: [cells[i].text for _, cells in sheet.rows] for i, key in enumerate(sheet.columns)}
    slots = {s.key: s for s in fit(columns, texts, 80)}
    assert "raft_index" in slots or "raft_term" in slots
    assert sum(s.width + s.gap for s in slots.values()) <= 81


def test_addresses_are_cut_when_they_are_too_long() -> None:
    texts = {c.key: ["https://some-host.with-a-long.domain.example:2379"] for c in MEMBER_COLUMNS}
    texts["id"], texts["status"], texts["name"] = ["8211f1d0f64f3269"], ["started"], ["n1"]
    slots = fit(MEMBER_COLUMNS, texts, 80, 1)
    assert sum(s.width + s.gap for s in slots) <= 81


def test_titles_break_between_words() -> None:
    assert title_width("percentage not in use") == 10
    assert title_lines("raft applied index", 12) == ["raft applied", "index"]


TONED = st.lists(st.tuples(st.text("ab漢", max_size=3), st.sampled_from(["", "ok"])), max_size=5)


@given(TONED, TONED)
def test_the_difference_of_two_lines_covers_all_that_changed(
    one: list[tuple[str, str]], two: list[tuple[str, str]]
) -> None:
    def cells(line: list[tuple[str, str]]) -> list[tuple[str, str]]:
        out = []
        for text, tone in line:
            for ch in text:
                out += [(ch, tone)] + [("", tone)] * (cell_len(ch) - 1)
        return out + [(" ", "")] * (40 - len(out))

    stretch = difference(tuple(Span(*s) for s in one), tuple(Span(*s) for s in two))
    start, end = stretch or (0, 0)
    changed = [x for x, (a, b) in enumerate(zip(cells(one), cells(two), strict=True)) if a != b]
    assert all(start <= x < end for x in changed)


@given(st.text(max_size=30), st.integers(0, 20))
def test_cut_never_exceeds_its_width(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= max(0, width)


@given(st.lists(st.text("ab 漢", max_size=12), max_size=6), st.integers(1, 20))
def test_lines_fit_and_wrapping_loses_no_short_word(words: list[str], width: int) -> None:
    line = tuple(Span(w) for w in words)
    assert width_of(fitted(line, width)) <= width
    assert width_of(spread(line, (Span("x"),), width)) <= width
    for one in wrapped(line, width):
        assert cell_len("".join(s.text for s in one).rstrip()) <= width
    letters = "".join("".join(w.split()) for w in words)
    out = "".join("".join(s.text.split()) for one in wrapped(line, width) for s in one)
    if all(cell_len(part) <= width for w in words for part in w.split()):
        assert out == letters


def test_what_is_told_late_stands_where_it_happened() -> None:
    def told(second: float) -> Event:
        return Event(second, "node", Severity.OK, "")

    events = [told(second) for second in (100.0, 110.2, 110.9, 117.0)]
    assert [place_of(told(second), events) for second in (118, 110.1, 109.9, 99)] == [4, 3, 1, 0]
    # A clock that was put back hides nothing.
    assert place_of(told(50), events) == 4
