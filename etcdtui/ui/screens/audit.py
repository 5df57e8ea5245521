"""The audit log, newest first, with a filter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.widgets import Input

from etcdtui.model.text import clean
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.spans import Line, Span
from etcdtui.ui.widgets.typed import Typed

SHOWN = 300
"""Records shown at once; the filter reaches all of them."""
_FIRST = ("time", "at", "when")


def record_text(record: Mapping[str, Any]) -> tuple[str, str]:
    """(when, the rest) of a record, harmless text."""
    when = next((str(record[k]) for k in _FIRST if k in record), "")
    rest = "  ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value, default=str)}"
        for key, value in record.items()
        if key not in _FIRST and value not in (None, "", [], {})
    )
    return clean(when, 25), clean(rest)


class AuditScreen(Panel[None]):
    """Lists records; typing filters them."""

    def __init__(self) -> None:
        super().__init__("audit log", "type to filter · Esc close")
        self._records: list[tuple[str, str]] = []
        self.add_class("-tall")

    def extra(self) -> ComposeResult:
        """The filter."""
        field = Typed(placeholder="filter", compact=True)
        field.cursor_blink = False
        yield field

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()
        self.show([(Span("reading the audit log", "dim"),)])

    def show_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """The records, oldest first."""
        self._records = [record_text(r) for r in reversed(records)]
        self._filter("")

    def show_error(self, reason: str) -> None:
        """It could not be read."""
        self.show([(Span(clean(reason), "bad"),)])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._filter(event.value)

    def _filter(self, words: str) -> None:
        wanted = words.lower().split()
        found = [
            (when, rest) for when, rest in self._records if all(w in f"{when} {rest}".lower() for w in wanted)
        ]
        self.heading((Span("audit log  ", "title"), Span(f"{len(found)} records", "dim")))
        lines: list[Line] = [(Span(f"{when}  ", "dim"), Span(rest)) for when, rest in found[:SHOWN]]
        self.show(lines or [(Span("no record", "dim"),)])
