"""The footer: the keys that matter most, as many as fit, each one clickable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from etcdtui.model.text import clean
from etcdtui.ui.keymap import KEYS, shown
from etcdtui.ui.spans import Line, Span, width_of

if TYPE_CHECKING:
    from etcdtui.ui.ports import ActionInfo

ALWAYS = ("help", "palette", "quit")
"""Shown whatever the width; they stand at the right end."""
SHORT = {"help": "help", "palette": "all", "quit": "quit", "health": "health", "wide": "columns",
         "details": "details", "pause": "pause"}  # fmt: skip


def footer_line(
    keys: Mapping[str, str], actions: Sequence[ActionInfo], bound: Mapping[str, str], width: int
) -> Line:
    """One line: the console's own keys, the site's actions while there is room, then help and quit."""

    def entry(key: str, text: str, action: str) -> Line:
        return (Span(f" {shown(key)}", "key", action), Span(f" {text} ", "", action))

    own = {k.id: entry(keys[k.id], SHORT[k.id], f"app.{k.action}") for k in KEYS if k.footer}
    right: Line = tuple(span for name in ALWAYS for span in own.pop(name))
    middle = [
        entry(bound[a.id], clean(a.title).lower(), f"app.site('{a.id}')") for a in actions if bound.get(a.id)
    ]
    left: list[Span] = []
    for part in [own.pop("health"), *middle, *own.values()]:
        if width_of(left) + width_of(part) + width_of(right) <= width:
            left += part
    gap = width - width_of(left) - width_of(right)
    return (*left, Span(" " * max(0, gap)), *right)
