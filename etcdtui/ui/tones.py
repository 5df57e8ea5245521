"""What each tone looks like: one table, used by drawn lines, table cells and panels alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rich.color import Color as RichColor
from rich.style import Style
from textual.app import App
from textual.color import Color

STYLES: Mapping[str, str] = {
    "ok": "$success",
    "warn": "$warning",
    "bad": "bold $error",
    "dim": "$tone-dim-style $tone-dim",
    "strong": "bold",
    "leader": "bold $tone-leader",
    "learner": "$tone-learner",
    "key": "bold $accent",
    "title": "bold $tone-leader",
    "badge": "bold $on-loud on $accent",
    "caution": "bold $on-loud on $warning",
    "alert": "bold $on-loud on $error",
    "cursor": "$cursor-style on $cursor",
    "cursor-blurred": "$cursor-blurred-style on $cursor-blurred",
}
"""Tone to style, with the theme's variables. Component classes would say the same in CSS, but twelve of
them in each of eight widgets cost a quarter of the time to the first frame."""

Variables = tuple[str | None, ...]
_NAMES = tuple(sorted({w[1:] for style in STYLES.values() for w in style.split() if w.startswith("$")}))


def variables_of(app: App[Any]) -> Variables:
    """The theme's values that tones depend on; they are others after a change of theme."""
    return tuple(app.theme_variables.get(name) for name in _NAMES)


@lru_cache(maxsize=256)
def tone_style(tone: str, variables: Variables) -> Style:
    """The rich style of a tone under `variables_of` a theme."""
    values = dict(zip(_NAMES, variables, strict=True))
    colour: RichColor | None = None
    background: RichColor | None = None
    words: set[str] = set()
    behind = False
    for word in STYLES[tone].split():
        value = values[word[1:]] if word.startswith("$") else word
        if word == "on":
            behind = True
        elif word.startswith("$") and not word.endswith("-style"):
            found = Color.parse(value or "ansi_default").rich_color
            colour, background = (colour, found) if behind else (found, background)
        else:
            words.update((value or "").split())
    return Style(
        color=colour,
        bgcolor=background,
        bold="bold" in words or None,
        dim="dim" in words or None,
        italic="italic" in words or None,
        underline="underline" in words or None,
        reverse="reverse" in words or None,
        strike="strike" in words or None,
    )
