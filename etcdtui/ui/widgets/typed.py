"""An input field whose editing keys take effect in the order in which they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.events import Key
from textual.widgets import Input


class Typed(Input):
    """An input on a line that brings several keys at once.

    Textual carries out a binding only after what was typed behind it was inserted: a Backspace would take
    the letter that it was to make room for, also out of a password that nobody sees.
    """

    IN_ORDER: ClassVar[Mapping[str, str]] = {
        "backspace": "delete_left", "delete": "delete_right", "ctrl+d": "delete_right",
        "ctrl+u": "delete_left_all", "ctrl+k": "delete_right_all", "ctrl+w": "delete_left_word",
        "left": "cursor_left", "right": "cursor_right",
        "home": "home", "ctrl+a": "home", "end": "end", "ctrl+e": "end",
    }  # fmt: skip
    """The input's action by key."""

    def on_key(self, event: Key) -> None:
        """What edits is done here and now."""
        action = self.IN_ORDER.get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            getattr(self, f"action_{action}")()
