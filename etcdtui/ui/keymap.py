"""Every key of the console in one table, without importing textual, so that the config can check it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """One bound action of the console itself."""

    id: str
    """Stable name, used in the configuration's ``ui.keymap``."""
    keys: str
    """Default keys in Textual's words, separated by commas."""
    action: str
    title: str
    group: str
    footer: bool = False
    """Whether the footer shows it while there is room."""


GROUPS: tuple[str, ...] = ("Cluster", "View", "Move", "Console")

KEYS: tuple[Key, ...] = (
    Key("health", "c", "health", "health check", "Cluster", footer=True),
    Key("details", "enter", "details", "all values of the row", "Cluster", footer=True),
    Key("log", "v", "log", "log of the node", "Cluster"),
    Key("refresh", "ctrl+r", "refresh_now", "read now", "Cluster"),
    Key("pause", "p", "pause", "pause", "Cluster", footer=True),
    Key("faster", "plus", "faster", "read more often", "Cluster"),
    Key("slower", "minus", "slower", "read less often", "Cluster"),
    Key("audit", "e", "audit", "audit log", "Cluster"),
    Key("unfinished", "u", "unfinished", "left unfinished", "Cluster"),
    Key("wide", "w", "wide", "all columns", "View", footer=True),
    Key("theme", "t", "next_theme", "next theme", "View"),
    Key("pane.endpoints", "1", "pane('endpoints')", "endpoints", "View"),
    Key("pane.members", "2", "pane('members')", "members", "View"),
    Key("pane.timeline", "3", "pane('timeline')", "timeline", "View"),
    Key("pane.next", "tab", "next_pane", "next pane", "View"),
    Key("down", "j", "go('down')", "down", "Move"),
    Key("up", "k", "go('up')", "up", "Move"),
    Key("left", "h", "go('left')", "left", "Move"),
    Key("right", "l", "go('right')", "right", "Move"),
    Key("top", "g", "go('top')", "first row", "Move"),
    Key("bottom", "G", "go('bottom')", "last row", "Move"),
    Key("page_down", "ctrl+d", "go('page_down')", "half a page down", "Move"),
    Key("page_up", "ctrl+u", "go('page_up')", "half a page up", "Move"),
    Key("help", "question_mark", "help", "help", "Console", footer=True),
    Key("palette", "ctrl+p", "command_palette", "every action", "Console", footer=True),
    Key("quit", "q", "leave", "quit", "Console", footer=True),
)
"""The console's own keys. A site's actions bring theirs; their ids are ``action.<id>``."""

KEYMAP_IDS: frozenset[str] = frozenset(key.id for key in KEYS)
"""What ``ui.keymap`` may name, beside ``action.<id>`` of the registry's actions."""

_SHOWN = {
    "question_mark": "?", "plus": "+", "minus": "-", "enter": "⏎", "escape": "esc", "space": "space",
    "up": "↑", "down": "↓", "left": "←", "right": "→", "slash": "/", "full_stop": ".", "comma": ",",
}  # fmt: skip


def shown(keys: str) -> str:
    """The first of some keys as the footer and the help print it: ``^p``, ``?``, ``G``."""
    first = keys.split(",")[0].strip()
    *modifiers, key = first.split("+")
    name = _SHOWN.get(key, key)
    prefix = "".join("^" if m == "ctrl" else f"{m}+" for m in modifiers)
    return prefix + name


def effective(keymap: Mapping[str, str]) -> dict[str, str]:
    """Every id of the console with the keys it has under this keymap."""
    return {key.id: keymap.get(key.id, key.keys) for key in KEYS}


def keymap_problems(keymap: Mapping[str, str], action_ids: Iterable[str] | None = None) -> list[str]:
    """What is wrong with a keymap, one sentence a fault; empty when it can be used.

    Args:
        action_ids: ids of the registry's actions; None accepts any ``action.<id>``.
    """
    known = None if action_ids is None else {f"action.{i}" for i in action_ids}
    problems = []
    for name, keys in keymap.items():
        is_action = name.startswith("action.") if known is None else name in known
        if name not in KEYMAP_IDS and not is_action:
            problems.append(f"{name}: no such key id; expected one of {', '.join(sorted(KEYMAP_IDS))}")
        elif not keys.strip():
            problems.append(f"{name}: expected a key such as 'f5' or 'ctrl+k'")
    taken: dict[str, str] = {}
    for name, keys in {**effective(keymap), **keymap}.items():
        for key in (k.strip() for k in keys.split(",") if k.strip()):
            if key in taken:
                problems.append(f"{name}: the key '{key}' is taken by {taken[key]}")
            taken.setdefault(key, name)
    return problems
