"""A profile as YAML: its mapping written the way a person would write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

Value = Any
"""Text, numbers, true or false, lists and mappings of them."""


def as_yaml(mapping: Mapping[str, Value], indent: int = 0) -> str:
    """A mapping in block style, one level a line; lists and what stands in them in flow style.

    Args:
        indent: columns before every line.
    """
    return "".join(" " * indent + line + "\n" for line in _lines(mapping))


def as_flow(value: Value) -> str:
    """A value on a single line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=2**31, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _lines(mapping: Mapping[str, Value]) -> Iterator[str]:
    for key, value in mapping.items():
        name = as_flow(key)
        if isinstance(value, Mapping) and value:
            yield f"{name}:"
            yield from (f"  {line}" for line in _lines(value))
        elif isinstance(value, Sequence) and any(isinstance(item, Mapping) for item in value):
            yield f"{name}:"
            yield from (f"  - {as_flow(item)}" for item in value)
        else:
            yield f"{name}: {as_flow(value)}"
