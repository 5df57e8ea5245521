"""What the wizard says below its page and on its last one; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etcdtui.config.draft import Draft
from etcdtui.config.draft_fields import FIELDS
from etcdtui.model.bootstrap import bare_host
from etcdtui.model.bootstrap_checks import Problem
from etcdtui.model.text import clean
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.wizard.ports import SightInfo

TITLES = ("where", "plan table", "how", "review")
_LABELS = {each.key: each.label for each in FIELDS}


def tabs(page: int, width: int) -> Line:
    """The pages, the one that is open lit."""
    out = [Span(" Bring up a cluster ", "title"), Span(" ")]
    for number, title in enumerate(TITLES, 1):
        out.append(Span(f" {number} {title} ", "badge" if number - 1 == page else "dim"))
    return tuple(out) if width >= 60 else tuple(out[2:])


def place_of(where: str) -> str:
    """A field or a cell as people call it."""
    if where.startswith("members["):
        row, _, column = where.removeprefix("members[").partition("].")
        return f"line {int(row) + 1}, {column.replace('_', ' ')}"
    return _LABELS.get(where, where)


def problem_line(problem: Problem, *, here: bool = False) -> Line:
    """One problem in a line."""
    sign, tone = ("✖ ", "bad") if problem.hard else ("▲ ", "warn")
    place = "" if here else f"{place_of(problem.where)}: "
    return (Span(sign, tone), Span(f"{place}{clean(problem.text)}", tone))


def sight_lines(sight: SightInfo) -> list[Line]:
    """What a look found, the worst first."""
    place = f"{clean(sight.place)}: " if sight.place else ""
    out: list[Line] = [(Span("✖ ", "bad"), Span(place + clean(text), "bad")) for text in sight.wrong]
    out += [(Span("▲ ", "warn"), Span(place + clean(text), "warn")) for text in sight.advice]
    if sight.facts:
        out.append((Span("✔ " if not sight.wrong else "· ", "ok"), Span(place + clean(sight.facts))))
    return out


def sign_of(sight: SightInfo | None, looking: bool) -> Span:
    """What a look came to, in a glyph."""
    if sight is None:
        return Span("…" if looking else " ", "dim")
    if sight.wrong:
        return Span("✖", "bad")
    return Span("▲", "warn") if sight.advice else Span("✔", "ok")


def host_of(draft: Draft, row: int) -> str:
    """The host of a line as sights name it."""
    return bare_host(draft.cell(row, "host"))


def said_lines(
    focused: str,
    help_text: str,
    problems: Sequence[Problem],
    sights: Mapping[str, SightInfo],
    host: str,
    state: str,
) -> list[Line]:
    """What stands below a page: the focused field first, then whatever else there is to know.

    Args:
        focused: field or cell that has the focus.
        host: that the focused line is about; empty outside the plan table.
        state: of the looks, such as ``looking at 3 hosts``.
    """
    lines: list[Line] = [(Span(help_text, "dim"),)] if help_text else []
    mine = [p for p in problems if p.where == focused]
    lines += [problem_line(p, here=True) for p in mine]
    if host in sights and host:
        lines += sight_lines(sights[host])
    others = [problem_line(p) for p in problems if p not in mine]
    shared = sight_lines(sights[""]) if "" in sights else []
    # Advice about a host stands beside its line of the table; what forbids it is never out of sight.
    elsewhere = [line for place, s in sights.items() if place not in ("", host) for line in sight_lines(s)]
    worst = [line for line in elsewhere if line[0].text == "✖ "]
    state_line: list[Line] = [(Span(state, "dim"),)] if state else []
    return [*lines, *worst, *others, *shared, *state_line]


def preview_lines(parts: Sequence[tuple[str, str]]) -> list[Line]:
    """All that will be written or run."""
    lines: list[Line] = []
    for heading, text in parts:
        lines.append((Span(clean(heading), "title"),))
        lines += [(Span("  " + clean(line)),) for line in text.splitlines()]
        lines.append((Span(""),))
    return lines
