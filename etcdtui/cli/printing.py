"""What the headless commands print: etcdctl-like tables, JSON, and one-line complaints."""

from __future__ import annotations

import contextlib
import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from etcdtui.model.text import clean


def width(text: str) -> int:
    """Terminal cells a text takes."""
    return sum(
        0 if unicodedata.combining(ch) else 2 if unicodedata.east_asian_width(ch) in "WF" else 1
        for ch in text
    )


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in etcdctl's form: a frame of ``+-|``, titles in upper case.

    The cells must be harmless text, see `etcdtui.model.text.clean`.
    """
    lines = [[title.upper() for title in titles], *(list(row) for row in rows)]
    widths = [max(width(line[i]) for line in lines) for i in range(len(titles))]
    frame = "+" + "+".join("-" * (w + 2) for w in widths) + "+"

    def draw(line: Sequence[str]) -> str:
        cells = (f" {cell}{' ' * (w - width(cell))} " for cell, w in zip(line, widths, strict=True))
        return "|" + "|".join(cells) + "|"

    body = [draw(line) for line in lines[1:]]
    return "\n".join([frame, draw(lines[0]), frame, *body, *([frame] if body else [])])


def print_json(value: Any) -> None:
    """A value on stdout, pure ASCII, so that no control character and no encoding gets in the way."""
    print(json.dumps(value, indent=2))


def complain(text: str) -> None:
    """One line on stderr; silence where nobody is left to read it."""
    with contextlib.suppress(OSError, ValueError):
        print(f"etcdtui: {clean(text)}", file=sys.stderr, flush=True)
