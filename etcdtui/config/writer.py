"""Writes a profile into the configuration file and leaves everything else in it as it is, comments too."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from etcdtui.config.load import read_text
from etcdtui.config.paper import as_flow, as_yaml
from etcdtui.config.parse import parse
from etcdtui.config.profiles import Profile
from etcdtui.config.syntax import compose
from etcdtui.config.tree import Tree
from etcdtui.errors import ConfigError
from etcdtui.files import replace_file
from etcdtui.model.text import clean

STEP = 2
"""Columns by which a level is indented where the file does not show how it does it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file with a profile in it that was not there before, not on the disk yet."""

    file: Path
    before: str
    """Empty when there is no file."""
    after: str
    profile: Profile
    """As it is read from there."""


def with_profile(file: Path, name: str, mapping: Mapping[str, Any], *, replace: bool = False) -> Written:
    """The file's text with the profile in it; nothing is written.

    Args:
        mapping: the profile's keys as the file has them.
        replace: whether a profile of the same name gives way.

    Raises:
        ConfigError: the file cannot be read or used, there is such a profile, or the new one is wrong.
    """
    before = _now(file)
    root = compose(str(file), before)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ConfigError(str(file), 1, "", "expected a mapping (key: value lines)")
    pairs = _pairs(root)
    profiles = pairs.get("profiles")
    there = _pairs(profiles[1] if profiles else None)
    if name in there and not replace:
        line = there[name][0].start_mark.line + 1
        raise ConfigError(str(file), line, f"profiles.{clean(name)}", "there is such a profile already")
    if profiles is None or not isinstance(profiles[1], yaml.MappingNode):
        after = _first(before, profiles, name, mapping)
    elif profiles[1].flow_style:
        after = _in_flow(before, profiles[1], there, name, mapping)
    else:
        after = _in_block(before, profiles[1], there, name, mapping)
    return Written(file, before, after, _proved(file, before, after, name))


def save(written: Written) -> Path | None:
    """Put it on the disk as a whole or not at all; where the file as it was before is kept.

    Raises:
        ConfigError: the file was changed meanwhile, or cannot be written.
    """
    file = written.file
    if _now(file) != written.before:
        raise ConfigError(str(file), None, "", "somebody changed it meanwhile; nothing was written")
    try:
        # A file that is kept elsewhere and linked here stays linked.
        real = file.resolve()
        real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o600
        kept = real.with_name(f"{real.name}.before") if written.before else None
        if kept is not None:
            replace_file(kept, written.before, mode=mode)
        replace_file(real, written.after, mode=mode)
    except OSError as error:
        raise ConfigError(str(file), None, "", f"cannot be written: {error.strerror or error}") from None
    return kept


def see_writable(file: Path) -> None:
    """Raises ConfigError when `save` could not put a file there: told before anything is typed for it."""
    real = file.resolve()
    folder = real.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if real.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        text = "is a directory" if real.is_dir() else f"cannot be written: {folder} lets nobody write"
        raise ConfigError(str(file), None, "", text)


def _now(file: Path) -> str:
    """Its text, empty when there is no file. Raises ConfigError."""
    try:
        return read_text(file)
    except FileNotFoundError:
        return ""


def _proved(file: Path, before: str, after: str, name: str) -> Profile:
    """The new profile, read from the new text; the others are as they were. Raises ConfigError."""
    root = compose(str(file), after)
    old = compose(str(file), before)
    assert root is not None  # noqa: S101  # there is a profile in it
    config = parse(Tree(str(file), root), file, None)
    if old is not None:
        was = parse(Tree(str(file), old), file, None)
        others = {key: value for key, value in config.profiles.items() if key != name}
        if others != {k: v for k, v in was.profiles.items() if k != name} or config.ui != was.ui:
            raise ConfigError(str(file), None, "", "the profile cannot be put in without changing others")
    return config.profiles[name]


def _pairs(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}


# -- where it goes -----------------------------------------------------------------------------


def _block(name: str, mapping: Mapping[str, Any], indent: int) -> list[str]:
    return as_yaml({name: mapping}, indent).splitlines()


def _first(
    text: str, profiles: tuple[yaml.Node, yaml.Node] | None, name: str, mapping: Mapping[str, Any]
) -> str:
    """The first profile of all: below the key that is there with nothing in it, or at the end."""
    lines = text.removeprefix("\ufeff").splitlines()
    block = _block(name, mapping, STEP)
    if profiles is None:
        gap = [""] if lines and lines[-1].strip() else []
        lines += [*gap, "profiles:", *block]
    else:
        key, nothing = profiles[0].end_mark, profiles[1].end_mark
        behind = lines[key.line][nothing.column :].removeprefix(":")
        lines[key.line : key.line + 1] = [f"{lines[key.line][: key.column]}:{behind}", *block]
    return "\n".join(lines) + "\n"


def _in_flow(
    text: str,
    node: yaml.MappingNode,
    there: Mapping[str, tuple[yaml.Node, yaml.Node]],
    name: str,
    mapping: Mapping[str, Any],
) -> str:
    """Into ``{...}``, on its line."""
    new = f"{as_flow(name)}: {as_flow(dict(mapping))}"
    if name in there:
        key, value = there[name]
        return text[: key.start_mark.index] + new + text[value.end_mark.index :]
    if not there:
        at = node.start_mark.index + 1
        return text[:at] + new + text[at:]
    at = max(value.end_mark.index for _, value in there.values())
    return f"{text[:at]}, {new}{text[at:]}"


def _in_block(
    text: str,
    node: yaml.MappingNode,
    there: Mapping[str, tuple[yaml.Node, yaml.Node]],
    name: str,
    mapping: Mapping[str, Any],
) -> str:
    """Behind the last profile and the comments that belong to it, or in the place of its namesake."""
    lines = text.splitlines()
    column = node.start_mark.column
    block = _block(name, mapping, column)
    if name in there:
        key, value = there[name]
        lines[key.start_mark.line : _end(lines, value, column)] = block
    else:
        at = _end(lines, node.value[-1][1], column)
        spaced = at > 1 and any(not line.strip() for line in lines[node.start_mark.line : at])
        lines[at:at] = ["", *block] if spaced else block
    return "\n".join(lines) + "\n"


def _end(lines: list[str], value: yaml.Node, column: int) -> int:
    """The line behind a profile: its own comments, deeper than its name, still belong to it."""
    last = _last_leaf(value)
    at = last.end_mark.line + (1 if last.end_mark.column or last is value else 0)
    end = at
    while at < len(lines):
        line = lines[at]
        inside = line.strip() and len(line) - len(line.lstrip()) > column
        if line.strip() and not inside:
            break
        at += 1
        end = at if inside else end
    return end


def _last_leaf(node: yaml.Node) -> yaml.Node:
    while isinstance(node, yaml.MappingNode | yaml.SequenceNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node
