"""Themes are YAML files: found, checked and turned into Textual's, a broken one reported and skipped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etcdtui import paths
from etcdtui.errors import ConfigError

if TYPE_CHECKING:
    from textual.theme import Theme

DEFAULT = "dark"
"""The theme that is used when none is named."""
COLOURS = ("primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost",
           "success", "warning", "error")  # fmt: skip
"""Keys that take a colour; `primary` must be there."""
VARIABLES = ("tone-leader", "tone-learner", "tone-dim", "on-loud", "bar", "cursor", "cursor-blurred")
STYLE_VARIABLES = ("tone-dim-style", "cursor-style", "cursor-blurred-style")
"""Theme variables that take a text style, such as ``reverse`` or ``bold underline``."""
_STYLES = {"none", "bold", "dim", "italic", "underline", "reverse", "strike", "not"}
"""The console's own theme variables; see `defaults` for what they are without a theme's word."""
_ANSI = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"}


@dataclass(frozen=True, slots=True)
class ThemeSpec:
    """A theme as its file gives it, checked."""

    name: str
    file: Path
    dark: bool = True
    ansi: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def to_textual(self) -> Theme:
        """Textual's own object."""
        from textual.theme import BUILTIN_THEMES, Theme

        variables = dict(self.variables)
        if self.ansi:
            # Textual's style sheets need variables that only its own ansi themes have.
            basis = BUILTIN_THEMES["ansi-dark" if self.dark else "ansi-light"]
            variables = {**basis.variables, **variables}
        kwargs: dict[str, Any] = dict(self.colours)
        return Theme(name=self.name, dark=self.dark, ansi=self.ansi, variables=variables, **kwargs)


DARK = ThemeSpec(
    DEFAULT,
    Path("dark.yaml"),
    colours={
        "primary": "#5fa8d3",
        "secondary": "#7a8fa6",
        "accent": "#5fa8d3",
        "foreground": "#d5dce4",
        "background": "#12161b",
        "surface": "#181d24",
        "panel": "#1f262f",
        "success": "#7fb985",
        "warning": "#e5b567",
        "error": "#f07178",
    },
    variables={
        "tone-leader": "#8cd0ff",
        "tone-learner": "#c3a6ff",
        "tone-dim": "#74808d",
        "bar": "#1b222a",
        "cursor": "#2b3948",
        "cursor-blurred": "#212a34",
    },
)
"""The shipped ``dark.yaml`` as it is loaded, so that the first frame does not wait for a YAML parser."""


def defaults(theme: Theme) -> dict[str, str]:
    """Values of `VARIABLES` for a theme that does not give them: its own colours, used sensibly."""
    foreground = theme.foreground or ("#e0e0e0" if theme.dark else "#202020")
    background = theme.background or ("#121212" if theme.dark else "#f0f0f0")
    panel = theme.panel or theme.surface or background
    return {
        "tone-leader": theme.primary,
        "tone-learner": theme.accent or theme.primary,
        "tone-dim": theme.secondary or foreground,
        "on-loud": background,
        "bar": panel,
        "cursor": panel,
        "cursor-blurred": theme.surface or background,
        **dict.fromkeys(STYLE_VARIABLES, "none"),
    }


def is_colour(value: object) -> bool:
    """Whether a value is a colour: ``#rgb``, ``#rrggbb`` or ``ansi_red`` and the like."""
    if not isinstance(value, str):
        return False
    if re.fullmatch(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})", value):
        return True
    name = value.removeprefix("ansi_").removeprefix("bright_")
    return value.startswith("ansi_") and (name in _ANSI or value == "ansi_default")


def _line_of(text: str, key: str) -> int | None:
    wanted = re.compile(rf"^\s*{re.escape(key)}\s*:")
    return next((n for n, line in enumerate(text.splitlines(), 1) if wanted.match(line)), None)


def load(file: Path) -> ThemeSpec:
    """Read one theme; raises ConfigError naming file, line, key and what was expected."""
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), None, "", f"cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "not YAML"
        raise ConfigError(str(file), mark.line + 1 if mark else None, "", f"not YAML: {what}") from None
    if not isinstance(data, dict):
        raise ConfigError(str(file), 1, "", "expected keys such as 'primary: \"#5fa8d3\"'")
    return _checked(file, text, data)


def _checked(file: Path, text: str, data: Mapping[Any, Any]) -> ThemeSpec:
    def wrong(key: str, expected: str) -> ConfigError:
        return ConfigError(str(file), _line_of(text, key.split(".")[-1]), key, expected)

    colour = 'expected a colour such as "#5fa8d3" or ansi_cyan'
    for key, value in data.items():
        if key in ("dark", "ansi"):
            if not isinstance(value, bool):
                raise wrong(key, "expected true or false")
        elif key in COLOURS:
            if not is_colour(value):
                raise wrong(key, colour)
        elif key not in ("name", "variables"):
            raise wrong(str(key), f"no such key; expected name, dark, ansi, variables, {', '.join(COLOURS)}")
    if "primary" not in data:
        raise wrong("primary", f"is missing; {colour}")
    name = data.get("name", file.stem)
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        raise wrong("name", "expected a word of letters, digits and dashes")
    variables = data.get("variables") or {}
    if not isinstance(variables, dict):
        raise wrong("variables", "expected keys and values")
    for key, value in variables.items():
        if not isinstance(key, str) or not re.fullmatch(r"[a-z0-9-]+", key):
            raise wrong(f"variables.{key}", "expected a name of small letters, digits and dashes")
        if key in VARIABLES and not is_colour(value):
            raise wrong(f"variables.{key}", colour)
        words = value.split() if isinstance(value, str) else []
        if key in STYLE_VARIABLES and not (words and _STYLES.issuperset(words)):
            raise wrong(f"variables.{key}", f"expected words of {', '.join(sorted(_STYLES))}")
        if not words or not re.fullmatch(r"[\w#%$. -]+", value):
            raise wrong(f"variables.{key}", "expected a colour or a text style")
    colours = {k: data[k] for k in COLOURS if k in data}
    return ThemeSpec(name, file, data.get("dark", True), data.get("ansi", False), colours, dict(variables))


def _files(dirs: list[Path] | None) -> Iterator[Path]:
    for folder in paths.theme_dirs() if dirs is None else dirs:
        if folder.is_dir():
            yield from sorted(folder.glob("*.yaml"))


def available_themes(dirs: list[Path] | None = None) -> tuple[dict[str, ThemeSpec], list[ConfigError]]:
    """Every theme that can be used, by name, and what is wrong with the others.

    Later directories override earlier ones, so a user's own ``dark.yaml`` replaces the shipped one.
    """
    loaded: dict[str, ThemeSpec] = {}
    failed: list[ConfigError] = []
    for file in _files(dirs):
        try:
            spec = load(file)
        except ConfigError as error:
            failed.append(error)
        else:
            loaded[spec.name] = spec
    return loaded, failed


def find_theme(name: str, dirs: list[Path] | None = None) -> tuple[ThemeSpec | None, list[ConfigError]]:
    """One theme by name, reading as few files as possible: the first frame waits for it."""
    failed: list[ConfigError] = []
    own = (paths.config_dir() / "themes").glob("*.yaml") if dirs is None else iter(dirs)
    if name == DEFAULT and next(own, None) is None:
        return DARK, []
    for file in reversed([f for f in _files(dirs) if f.stem == name]):
        try:
            spec = load(file)
        except ConfigError as error:
            failed.append(error)
            continue
        if spec.name == name:
            return spec, failed
    loaded, failed = available_themes(dirs)
    return loaded.get(name), failed
