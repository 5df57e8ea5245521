"""A YAML mapping read key by key, so that every complaint names its file, line and dotted key."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NoReturn

import yaml

from etcdtui.config.values import endpoint, seconds
from etcdtui.errors import ConfigError
from etcdtui.model.text import clean

_STR = "tag:yaml.org,2002:str"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_BOOL = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_NAMES = {
    _STR: "text", _INT: "a number", _FLOAT: "a number", _BOOL: "true or false", _NULL: "nothing",
    "tag:yaml.org,2002:timestamp": "a date", "tag:yaml.org,2002:map": "a mapping",
    "tag:yaml.org,2002:seq": "a list",
}  # fmt: skip


def kind_of(node: yaml.Node) -> str:
    """What a node is, in words."""
    return _NAMES.get(node.tag, f"a value tagged {clean(node.tag)}")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """``; did you mean X?``, or the list of what there is when nothing comes near."""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there is {', '.join(sorted(known))}" if known else ""


class Tree:
    """One mapping of the file and the way to it.

    Every getter takes the key's name and raises `ConfigError` when its value is not what is wanted.
    A key that is absent, or present without a value, gives the default.
    """

    def __init__(self, file: str, node: yaml.Node, key: str = "") -> None:
        self.file = file
        self.key = key
        self.node = node
        if not isinstance(node, yaml.MappingNode):
            self.fail("expected a mapping (key: value lines)", node)
        self.items = self._items(node, frozenset())

    def _items(self, node: yaml.MappingNode, seen: frozenset[int]) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for name, value in node.value:
            if name.tag == _MERGE:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            if not isinstance(name, yaml.ScalarNode):
                self.fail("expected a plain word as key", name, got=False)
            if name.value in own:
                first = own[name.value][0].start_mark.line + 1
                self._raise(name, name.value, f"stands here twice, first on line {first}")
            own[name.value] = (name, value)
        for other in merged:
            if not isinstance(other, yaml.MappingNode) or id(other) in seen or other is node:
                self.fail("<< expects another mapping", other)
            for name, pair in self._items(other, seen | {id(node)}).items():
                own.setdefault(name, pair)
        return own

    def dotted(self, name: str) -> str:
        """The key of the file that `name` is, from its top."""
        return f"{self.key}.{clean(name)}" if self.key else clean(name)

    def _raise(self, node: yaml.Node, name: str, message: str) -> NoReturn:
        key = self.dotted(name) if name else self.key
        raise ConfigError(self.file, node.start_mark.line + 1, key, message)

    def fail(
        self, expected: str, node: yaml.Node | None = None, name: str = "", got: bool = True, dotted: str = ""
    ) -> NoReturn:
        """Raise for the value of `name`, or for the whole mapping.

        Args:
            dotted: the key to name instead, when what is wrong stands deeper.
        """
        where = node or (self.items[name][1] if name in self.items else self.node)
        self._raise(where, dotted or name, f"{expected}, got {kind_of(where)}" if got else expected)

    def only(self, known: Collection[str]) -> None:
        """Raise for the first key that is not among `known`."""
        for name, (node, _) in self.items.items():
            if name not in known:
                self._raise(node, name, f"unknown key{did_you_mean(name, known)}")

    def has(self, name: str) -> bool:
        """Whether the key is there with a value."""
        return name in self.items and self.items[name][1].tag != _NULL

    def _scalar(self, name: str, tags: tuple[str, ...], expected: str) -> str | None:
        if not self.has(name):
            return None
        node = self.items[name][1]
        if not isinstance(node, yaml.ScalarNode) or node.tag not in tags:
            quote = " (put it in quotes)" if tags == (_STR,) and isinstance(node, yaml.ScalarNode) else ""
            self._raise(node, name, f"expected {expected}, got {kind_of(node)}{quote}")
        return str(node.value)

    def text(self, name: str, expected: str = "text", default: str = "") -> str:
        """A text; an empty one is refused."""
        value = self._scalar(name, (_STR,), expected)
        if value is not None and not value.strip():
            self.fail(f"expected {expected}, got nothing", name=name, got=False)
        return default if value is None else value

    def boolean(self, name: str) -> bool:
        """true or false; false when absent."""
        value = self._scalar(name, (_BOOL,), "true or false")
        return value is not None and value.lower() in ("true", "yes", "on")

    def integer(self, name: str, low: int, high: int) -> int | None:
        """A whole number between two limits."""
        expected = f"a whole number from {low} to {high}"
        value = self._scalar(name, (_INT,), expected)
        if value is None:
            return None
        number = int(value) if value.isdecimal() else low - 1
        if not low <= number <= high:
            self.fail(f"expected {expected}, got {clean(value)}", name=name, got=False)
        return number

    def seconds(self, name: str) -> float | None:
        """A span of time: a number of seconds, or text such as ``500ms``."""
        value = self._scalar(name, (_STR, _INT, _FLOAT), "a time such as 500ms, 1s or 2.5")
        try:
            return None if value is None else seconds(value)
        except ValueError as error:
            self.fail(f"{error}, got {clean(str(value))!r}", name=name, got=False)

    def path(self, name: str) -> Path | None:
        """A path; ``~`` is the home directory and a relative one begins beside the file."""
        value = self.text(name, "a path")
        if not value:
            return None
        try:
            path = Path(value).expanduser()
        except RuntimeError:
            self.fail(f"expected a path, got {clean(value)!r} with an unknown user", name=name, got=False)
        return path if path.is_absolute() else Path(self.file).absolute().parent / path

    def texts(self, name: str, expected: str, one: bool = False) -> tuple[str, ...]:
        """A list of texts; with `one`, a single text stands for a list of itself."""
        return tuple(value for value, _ in self._texts(name, expected, one))

    def _texts(self, name: str, expected: str, one: bool) -> Iterator[tuple[str, yaml.Node]]:
        if not self.has(name):
            return
        node = self.items[name][1]
        if one and isinstance(node, yaml.ScalarNode):
            yield self.text(name, expected), node
            return
        if not isinstance(node, yaml.SequenceNode):
            self.fail(f"expected {expected}", name=name)
        if not node.value:
            self.fail(f"expected {expected}, got an empty list", name=name, got=False)
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode) or item.tag != _STR or not item.value.strip():
                self._raise(item, name, f"expected {expected}, got {kind_of(item)} in it")
            yield item.value, item

    def endpoints(self, name: str) -> tuple[str, ...]:
        """A list of endpoints."""
        out = []
        for value, node in self._texts(name, "a list of host:port", one=False):
            try:
                out.append(endpoint(value))
            except ValueError as error:
                self._raise(node, name, f"{error}, got {clean(value)!r}")
        return tuple(out)

    def child(self, name: str) -> Tree | None:
        """The mapping under that key."""
        return Tree(self.file, self.items[name][1], self.dotted(name)) if self.has(name) else None

    def mappings(self, name: str, expected: str) -> Iterator[Tree]:
        """The mappings of a list."""
        if not self.has(name):
            return
        node = self.items[name][1]
        if not isinstance(node, yaml.SequenceNode):
            self.fail(f"expected {expected}", name=name)
        for number, item in enumerate(node.value):
            yield Tree(self.file, item, f"{self.dotted(name)}[{number}]")

    def children(self) -> Iterator[tuple[str, Tree]]:
        """Every key with the mapping under it."""
        for name, (_, node) in self.items.items():
            yield name, Tree(self.file, node, self.dotted(name))
