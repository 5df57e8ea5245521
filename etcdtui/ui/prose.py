"""Lines of spans as wrapped text for panels; what they say is never parsed as markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.content import Content

from etcdtui.ui.spans import Line

STYLES: Mapping[str, str] = {
    "ok": "$success",
    "warn": "$warning",
    "bad": "bold $error",
    "dim": "$tone-dim",
    "strong": "bold",
    "leader": "bold $tone-leader",
    "learner": "$tone-learner",
    "key": "bold $accent",
    "title": "bold $tone-leader",
    "badge": "bold $on-loud on $accent",
    "caution": "bold $on-loud on $warning",
    "alert": "bold $on-loud on $error",
}
"""Tones in the words of Textual's content styles; the same looks as in console.tcss."""


def prose(lines: Iterable[Line]) -> Content:
    """Lines as one wrapped text."""
    rows = [Content.assemble(*((span.text, STYLES.get(span.tone, "")) for span in line)) for line in lines]
    return Content("\n").join(rows)
