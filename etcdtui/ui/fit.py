"""Which columns fit into a width, and how wide each one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

if TYPE_CHECKING:
    from etcdtui.ui.ports import ColumnInfo


class Slot(NamedTuple):
    """One visible column."""

    key: str
    title: str
    width: int
    right: bool = False
    gap: int = 1
    """Empty cells after it."""


CAPS: Mapping[str, int] = {"name": 24, "endpoint": 40, "errors": 60, "peer_addrs": 60, "client_addrs": 60}
"""Widest a column grows by itself, in cells; others are as wide as their values."""
FIXED = frozenset(
    {"raft_index", "raft_applied_index", "raft_term", "db_size", "db_size_in_use", "rtt", "age"}
)
"""Columns never narrower than their usual width: their values grow while one looks on."""
SHRINKS = ("client_addrs", "peer_addrs", "name")
"""Columns that may be cut (with an ellipsis) when even rank 0 does not fit."""
LEAST = 10
"""What a column that is cut keeps, in cells."""
ORDER: Mapping[str, float] = {"node_says": 0.4, "raft_index": 0.5, "errors": 1.5}
"""Finer ranks: what a node says, a raft index and the reason of a dead row are worth more than others."""
WORTH, REASON = 2, 32
"""Columns of higher ranks than the first leave so many cells to a reason."""
GAPS = (3, 2)
"""Cells between two columns while there is room; otherwise 1."""


def title_width(title: str, lines: int = 2) -> int:
    """Narrowest width in which a title takes at most so many (1 or 2) lines."""
    words = title.split()
    if lines == 1:
        return cell_len(title)
    options = [
        max(cell_len(" ".join(words[:i])), cell_len(" ".join(words[i:]))) for i in range(1, len(words))
    ]
    return min(options, default=cell_len(title))


def title_lines(title: str, width: int) -> list[str]:
    """A title broken into lines of at most `width` cells."""
    lines: list[str] = []
    for word in title.split():
        if lines and cell_len(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def natural(column: ColumnInfo, texts: Sequence[str], lines: int = 2) -> int:
    """The width a column would like to have for these values."""
    widest = max((cell_len(t) for t in texts), default=0)
    floor = column.width if column.key in FIXED else 0
    return max(title_width(column.title, lines), min(widest, CAPS.get(column.key, widest)), floor)


def _slots(columns: Sequence[ColumnInfo], given: Mapping[str, int], room: int | None) -> tuple[Slot, ...]:
    shown = [c for c in columns if c.key in given]
    used = sum(given.values())
    gap = 2 if room is None else next((g for g in GAPS if used + g * (len(shown) - 1) <= room), 1)
    return tuple(Slot(c.key, c.title, given[c.key], c.right, gap) for c in shown)


def fit(
    columns: Sequence[ColumnInfo], texts: Mapping[str, Sequence[str]], room: int, lines: int = 2
) -> tuple[Slot, ...]:
    """The columns that fit into `room` cells, in their order.

    Ranks decide who stays. The errors begin with the least they need and take what is left; names
    and addresses are cut when the indispensable columns alone are too wide.

    Args:
        lines: how many lines titles may take.
    """
    wants = {c.key: natural(c, texts[c.key], lines) for c in columns}
    given: dict[str, int] = {}
    left = room + 1
    for column in sorted(columns, key=lambda c: ORDER.get(c.key, c.rank)):
        want = wants[column.key]
        if column.rank > WORTH and given.get("errors") == LEAST:
            # A reason is worth more than what comes now.
            more = min(left, REASON, wants["errors"]) - LEAST
            given["errors"] += max(0, more)
            left -= max(0, more)
        if column.key == "errors":
            want = min(want, LEAST) if any(texts[column.key]) else LEAST
        if want + 1 <= left or column.rank == 0:
            given[column.key] = want
            left -= want + 1
    for key in (k for k in SHRINKS if k in given and left < 0):
        cut = min(-left, max(0, given[key] - LEAST))
        given[key] -= cut
        left += cut
    if "errors" in given and left > 0:
        given["errors"] += min(left, max(0, wants["errors"] - given["errors"]))
    return _slots(columns, given, room)


def everything(
    columns: Sequence[ColumnInfo], texts: Mapping[str, Sequence[str]], lines: int = 2
) -> tuple[Slot, ...]:
    """All columns at the width they would like, for a grid that scrolls sideways."""
    return _slots(columns, {c.key: natural(c, texts[c.key], lines) for c in columns}, None)
