"""From a snapshot to what is drawn: the tables' cells and the lines of header and detail; no widgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from etcdtui.model.cluster import GLYPHS, ClusterSnapshot, EndpointRow, RunState, State
from etcdtui.model.columns import (
    MEMBER_TITLES,
    NODE,
    NODE_COLUMN,
    Column,
    errors_text,
    member_cells,
    status_columns,
)
from etcdtui.model.delta import Cell, Sheet
from etcdtui.model.quorum import after_losing, budget, cannot_be_judged, is_healthy_voter, loss_sentence
from etcdtui.model.text import clean, coarse_rtt, duration, plural
from etcdtui.ui.spans import Line, Span, joined, spread, width_of, without_middle, wrapped

STATE_TONES = {
    State.LEADER: "leader",
    State.FOLLOWER: "ok",
    State.LEARNER: "learner",
    State.DOWN: "bad",
    State.UNKNOWN: "warn",
    State.NOT_PERMITTED: "warn",
}
TROUBLED = (RunState.FAILED, RunState.FROZEN, RunState.STOPPED)
"""What a node may be and should not."""
DOT = Span(" · ", "dim")
SAID = frozenset({"errors", "is_leader", "is_learner", "rtt", "age"})
"""Columns that the detail says in its own words, beside the nodes' own."""


class PlainColumn(NamedTuple):
    """A column of the member list, as `etcdtui.ui.fit` wants it."""

    key: str
    title: str
    width: int
    rank: int
    right: bool = False


MEMBER_COLUMNS: tuple[PlainColumn, ...] = tuple(
    PlainColumn(title.lower().replace(" ", "_"), title, 9, rank)
    for title, rank in zip(MEMBER_TITLES, (0, 0, 0, 0, 0, 1, 2), strict=True)
)


def _status_tone(snapshot: ClusterSnapshot, row: EndpointRow, key: str, text: str) -> str:
    if key == "state":
        return STATE_TONES[row.state]
    if key == "errors":
        return "bad" if row.state is State.DOWN or row.reading.answered else "warn"
    if key == "age":
        return "warn"
    if key == "name":
        return "strong"
    if key == NODE_COLUMN.key and row.node is not None and row.node.run_state in TROUBLED:
        return "warn"
    if not row.reading.answered or key in ("id", "endpoint") or text in ("false", "-"):
        return "dim"
    status = row.reading.status
    if key == "raft_term" and status is not None and status.raft_term != snapshot.raft_term:
        return "warn"
    return ""


def status_sheet(snapshot: ClusterSnapshot) -> tuple[tuple[Column, ...], Sheet]:
    """The grid's columns and its cells, all of them, whatever fits."""
    columns = status_columns(snapshot)
    rows = []
    for row in snapshot.rows:
        texts = [(c.key, c.text(snapshot, row)) for c in columns]
        rows.append((row.key, tuple(Cell(t, _status_tone(snapshot, row, k, t)) for k, t in texts)))
    return columns, Sheet(tuple(c.key for c in columns), tuple(rows))


def member_sheet(snapshot: ClusterSnapshot) -> Sheet:
    """The member list's cells."""
    tones = ("dim", "", "strong", "", "", "dim", "")
    rows = []
    for member in snapshot.members:
        cells = [Cell(t, tone) for t, tone in zip(member_cells(snapshot, member), tones, strict=True)]
        if not member.started:
            cells[1] = Cell(cells[1].text, "warn")
        if member.is_learner:
            cells[5] = Cell(cells[5].text, "learner")
        rows.append((member.hex_id, tuple(cells)))
    return Sheet(tuple(c.key for c in MEMBER_COLUMNS), tuple(rows))


def _identity(snapshot: ClusterSnapshot) -> Line:
    versions = sorted({clean(s.version) for s in snapshot.answers})
    parts: list[Sequence[Span]] = [[Span(f" {clean(snapshot.name, 24)} ", "badge")]]
    if snapshot.cluster_id is not None:
        parts.append([Span(f"{snapshot.cluster_id:x}", "dim")])
    if versions:
        parts.append([Span("etcd " + " + ".join(versions), "warn" if len(versions) > 1 else "")])
    if snapshot.leader_id is not None:
        name = clean(snapshot.label(snapshot.leader_id), 24)
        parts.append(
            [Span(f"{GLYPHS[State.LEADER]} {name}", "leader"), Span(f" leads, term {snapshot.raft_term}")]
        )
    elif snapshot.answers:
        parts.append([Span("NO LEADER", "bad")])
    if snapshot.members_known:
        learners = sum(m.is_learner for m in snapshot.members)
        extra = f", {plural(learners, 'learner')}" if learners else ""
        parts.append([Span(plural(len(snapshot.members), "member") + extra)])
    first, *rest = parts
    return (*first, Span(" "), *joined(rest, DOT))


def _pips(snapshot: ClusterSnapshot) -> Line:
    pips = []
    for row in snapshot.voters:
        if is_healthy_voter(snapshot, row):
            pips.append(Span("● ", "ok"))
        elif cannot_be_judged(row):
            pips.append(Span("? ", "warn"))
        else:
            # It answers, but without the agreed leader it is no use to the quorum.
            pips.append(Span("○ ", "warn") if row.reading.answered else Span("✖ ", "bad"))
    pips += [Span("◐ ", "learner") for m in snapshot.members if m.is_learner]
    return tuple(pips)


def _budget(snapshot: ClusterSnapshot) -> Line:
    now = budget(snapshot)
    if now.voters == 0 or not now.known:
        if not any(r.reading.read_at for r in snapshot.rows):
            return (Span("waiting for the first answer", "dim"),)
        why = clean(snapshot.members_error) or "no member list was read yet"
        return (*_pips(snapshot), Span("voters not known: ", "warn"), Span(why, "warn"))
    text = f"{now.healthy} of {now.voters} voters healthy · quorum {now.quorum} · "
    if now.in_doubt:
        text = f" {now.healthy} of {now.voters} voters healthy · quorum {now.quorum} · "
        text += f"{now.unknown} cannot be judged from here"
        return (*_pips(snapshot), Span(" QUORUM NOT KNOWN ", "caution"), Span(text, "warn"))
    if not now.has_quorum:
        answer = sum(row.reading.answered for row in snapshot.voters)
        text = f" {answer} of {now.voters} voters answer · quorum {now.quorum} · writes are refused"
        return (*_pips(snapshot), Span(" NO QUORUM ", "alert"), Span(text, "bad"))
    if now.may_fail == 0:
        return (*_pips(snapshot), Span(text, "strong"), Span(" NONE MORE MAY FAIL ", "caution"))
    return (*_pips(snapshot), Span(text, "strong"), Span(f"{now.may_fail} more may fail", "ok"))


def _troubles(snapshot: ClusterSnapshot) -> Line:
    spans: list[Span] = []
    for alarm in snapshot.alarms or ():
        spans += [
            Span(f" ⚠ ALARM {clean(alarm.kind)} {clean(snapshot.label(alarm.member_id), 12)} ", "alert"),
            Span(" "),
        ]
    if snapshot.alarms is None and snapshot.answers:
        spans.append(Span("alarms not known ", "warn"))
    if snapshot.site_error:
        spans.append(Span(f"nodes: {clean(snapshot.site_error)} ", "warn"))
    elif snapshot.members_error and snapshot.members_known:
        spans.append(Span("member list is old ", "warn"))
    return tuple(spans)


def header_lines(snapshot: ClusterSnapshot, read_only: bool, width: int) -> tuple[Line, Line]:
    """Who the cluster is, and the quorum budget."""
    badges = [Span(f" {snapshot.refresh:g}s ", "dim")]
    if read_only:
        badges.insert(0, Span(" READ-ONLY ", "badge"))
    if snapshot.paused:
        badges[-1:] = [Span(" "), Span(" PAUSED ", "caution")]
    now, troubles = (Span(" "), *_budget(snapshot)), _troubles(snapshot)
    used = width_of(now)
    if troubles and not snapshot.alarms:
        # How many voters live is worth more than the whole of a sentence.
        room = max(width - used - 1, width * 3 // 5)
        troubles = tuple(span._replace(text=without_middle(span.text, room)) for span in troubles)
    elif not troubles:
        # What the site says of itself must not cost a word of the budget.
        notes = (Span(f"{text} ", "dim") for text in _notes(clean(snapshot.site_note, 60)))
        troubles = next(((note,) for note in notes if used + width_of((note,)) < width), ())
    return (spread(_identity(snapshot), badges, width), spread(now, troubles, width))


def _notes(text: str) -> Iterator[str]:
    """A site's note, and what is left of it where there is less room: without its name, and its end."""
    if text:
        yield text
    name, _, rest = text.partition(" ")
    if "/" in name and rest:
        yield rest
        yield rest.partition(",")[0]


def _loss(snapshot: ClusterSnapshot, row: EndpointRow) -> Span:
    text = clean(loss_sentence(snapshot, row))
    if not row.is_voter or not budget(snapshot).known:
        return Span(text)
    after = after_losing(snapshot, [row.key])
    if not after.has_quorum:
        return Span(text, "bad")
    return Span(text, "ok" if after.may_fail else "warn")


def _condition(snapshot: ClusterSnapshot, row: EndpointRow) -> Line:
    reading = row.reading
    sign, tone = f"{GLYPHS[row.state]} {row.state.value}", STATE_TONES[row.state]
    if reading.answered:
        errors = errors_text(snapshot, row)
        says = (Span(f"errors: {errors}", "bad"),) if errors else (Span("no errors", "dim"),)
        return joined([[Span(sign, tone)], [Span(f"answers in {coarse_rtt(reading.shown_rtt)}")], says], DOT)
    if reading.answered_at is not None:
        sign += f" {duration(snapshot.taken_at - reading.answered_at)}"
    return joined([[Span(sign, tone)], [Span(clean(reading.reason))]], DOT)


def _place(row: EndpointRow) -> Line:
    node = row.node
    if node is None:
        return (Span("no node known here", "dim"),)
    bad = node.run_state in TROUBLED
    parts: list[Sequence[Span]] = [
        [Span(f"node {clean(node.name)} "), Span(node.run_state.value, "warn" if bad else "")]
    ]
    detail = clean(node.detail)
    if node.pid is not None and str(node.pid) not in detail:
        parts.append([Span(f"pid {node.pid}")])
    if detail:
        parts.append([Span(detail)])
    return joined(parts, DOT)


def detail_lines(
    snapshot: ClusterSnapshot, row: EndpointRow | None, hidden: Sequence[Column], width: int
) -> list[Line]:
    """What an operator wants to know of the selected row: its loss, its condition, its node, the rest."""
    if row is None:
        return [(Span(" no row selected", "dim"),)]
    rest: list[Sequence[Span]] = []
    for column in hidden:
        text = column.text(snapshot, row)
        said = column.key in SAID or column.key.startswith(NODE)
        if not said and text not in ("", "-"):
            rest.append([Span(f"{column.title} ", "dim"), Span(text)])
    known = row.member is not None or row.reading.status is not None
    first: Line = (_loss(snapshot, row),) if known else (Span(clean(row.name, 40), "strong"),)
    paragraphs = [first, _condition(snapshot, row), joined([_place(row), *rest], DOT)]
    lines: list[Line] = []
    for paragraph in paragraphs:
        for line in wrapped(paragraph, width - 4):
            lines.append((Span("   " if lines else " ▸ ", "title"), *line))
    return lines
