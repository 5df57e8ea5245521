"""The smallest piece of drawn text: words, what they mean, and what a click on them does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Span(NamedTuple):
    """A run of text with one tone."""

    text: str
    tone: str = ""
    """A name of `etcdtui.ui.tones.STYLES`, or empty for the ordinary colour."""
    action: str = ""
    """Textual action a mouse click runs, empty for none."""


Line = tuple[Span, ...]


def width_of(line: Sequence[Span]) -> int:
    """Terminal cells a line takes."""
    return sum(cell_len(span.text) for span in line)


def cut(text: str, width: int) -> str:
    """Text of at most `width` terminal cells, an ellipsis at the end when something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"[:width]


def fitted(line: Sequence[Span], width: int) -> Line:
    """A line cut to `width` cells."""
    out: list[Span] = []
    for span in line:
        room = width - width_of(out)
        text = cut(span.text, room)
        if text:
            out.append(span._replace(text=text))
        if text != span.text:
            break
    return tuple(out)


def without_middle(text: str, width: int) -> str:
    """A text of at most `width` cells, cut before its last colon if what stands behind it is short enough.

    Errors begin with where and end with why; addresses stand in between.
    """
    head, colon, why = text.rpartition(": ")
    if cell_len(text) <= width or cell_len(colon + why) > width // 2:
        return cut(text, width)
    return cut(head, width - cell_len(colon + why)) + colon + why


def spread(left: Sequence[Span], right: Sequence[Span], width: int) -> Line:
    """`left` at the left edge and `right` at the right one; the left gives way."""
    right = fitted(right, width)
    room = max(0, width - width_of(right) - 1) if right else width
    left = fitted(left, room)
    gap = width - width_of(left) - width_of(right)
    return (*left, Span(" " * max(0, gap)), *right)


def wrapped(line: Sequence[Span], width: int) -> list[Line]:
    """A line broken between words into lines of at most `width` cells; a longer word is cut."""
    lines: list[list[Span]] = [[]]
    used = 0
    for span in line:
        for word in re.findall(r"\S+\s*|\s+", span.text):
            if used and used + cell_len(word.rstrip()) > width:
                lines.append([])
                used = 0
            if used or word.strip():
                piece = word if cell_len(word) <= width else cut(word.rstrip(), width)
                lines[-1].append(span._replace(text=piece))
                used += cell_len(piece)
    return [tuple(one) for one in lines]


def joined(parts: Sequence[Sequence[Span]], separator: Span) -> Line:
    """Non-empty parts with a separator between them."""
    out: list[Span] = []
    for part in parts:
        if part:
            out += [separator, *part] if out else part
    return tuple(out)
