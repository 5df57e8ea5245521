"""What Ctrl+P lists: every action of the console and of the site."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from etcdtui.ui.keymap import KEYS, shown

if TYPE_CHECKING:
    from textual.app import App

    from etcdtui.ui.ports import ActionInfo

LEFT_OUT = frozenset({"palette", "down", "up", "left", "right", "top", "bottom", "page_down", "page_up"})
"""Keys that make no sense in a list of actions."""


def commands(
    app: App[int],
    actions: Sequence[ActionInfo],
    bound: dict[str, str],
    keys: dict[str, str],
    run: Callable[[str], None],
    themes: Sequence[str],
) -> Iterator[SystemCommand]:
    """The site's actions first, then the console's own, then the themes."""
    for action in actions:
        key = f" ({shown(bound[action.id])})" if bound.get(action.id) else ""
        yield SystemCommand(f"{action.title}{key}", action.help, partial(run, action.id))
    for item in KEYS:
        if item.id not in LEFT_OUT:
            title = f"{item.title.capitalize()} ({shown(keys[item.id])})"
            yield SystemCommand(title, item.group, partial(app.run_action, item.action))
    for name in themes:
        yield SystemCommand(f"Theme: {name}", "View", partial(setattr, app, "theme", name))
