"""The help: every key in force, by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.binding import Binding

from etcdtui.model.cluster import GLYPHS
from etcdtui.model.text import clean
from etcdtui.ui.keymap import GROUPS, KEYS, shown
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.ports import ActionInfo
from etcdtui.ui.spans import Line, Span


def help_lines(
    keys: Mapping[str, str], actions: Sequence[ActionInfo], bound: Mapping[str, str], read_only: bool
) -> list[Line]:
    """All keys by group.

    Args:
        keys: keys by id, as they are now.
        actions: what the site offers.
        bound: keys by action id.
    """

    def entry(key: str, text: str, more: str = "") -> Line:
        return (Span(f"  {key:<8}", "key"), Span(text), Span(f"  {more}" if more else "", "dim"))

    lines: list[Line] = []
    for group in GROUPS:
        lines.append((Span(group, "title"),))
        for key in KEYS:
            if key.group == group:
                every = "  ".join(shown(k) for k in keys[key.id].split(","))
                lines.append(entry(every, key.title))
        if group == "Cluster":
            lines.append((Span("Actions on the selected row or the cluster", "title"),))
            if read_only:
                lines.append((Span("  this console is read-only: nothing can be changed", "warn"),))
            for action in actions:
                key_text = shown(bound[action.id]) if bound.get(action.id) else ""
                lines.append(entry(key_text, clean(action.title), clean(action.help)))
    lines.append((Span("Signs", "title"),))
    lines += [entry(glyph, state.value) for state, glyph in GLYPHS.items()]
    lines.append((Span("  Arrows, page keys and the mouse work too. Esc closes whatever is open.", "dim"),))
    return lines


class HelpScreen(Panel[None]):
    """The help."""

    BINDINGS = [Binding("question_mark,q", "close", "close", show=False)]  # noqa: RUF012

    def __init__(self, lines: list[Line]) -> None:
        super().__init__("keys", "j k scroll · Esc close")
        self._lines_given = lines
        self.add_class("-tall")

    def on_mount(self) -> None:
        """Show the keys."""
        self.show(self._lines_given)
