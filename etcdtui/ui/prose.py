"""Lines of spans as wrapped text for panels; what they say is never parsed as markup."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from etcdtui.ui.spans import Line
from etcdtui.ui.tones import STYLES


def prose(lines: Iterable[Line]) -> Content:
    """Lines as one wrapped text."""
    rows = [Content.assemble(*((span.text, STYLES.get(span.tone, "")) for span in line)) for line in lines]
    return Content("\n").join(rows)
