"""What an action asks before it can plan: proposals for its fields, and typed text turned into values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops.action import Action, Field, Kind, Request

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")
_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_YES, _NO = ("yes", "true", "on", "1", "y"), ("no", "false", "off", "0", "n")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of a form."""

    name: str
    label: str
    kind: Kind
    help: str
    required: bool
    proposal: str
    """What stands there at first; ``yes`` or ``no`` for `Kind.BOOL`."""
    choices: tuple[str, ...] = ()


def prompts(action: Action, request: Request, typed: Mapping[str, str] | None = None) -> tuple[Prompt, ...]:
    """The form of an action, with what was typed before in place of the proposals."""
    typed = typed or {}
    return tuple(
        Prompt(
            field.name,
            field.label,
            field.kind,
            field.help,
            field.required,
            typed.get(field.name, _text(field, field.default(request) if field.default else None)),
            field.choices(request) if field.choices else (),
        )
        for field in action.fields
        if field.offered is None or field.offered(request.site)
    )


def _text(field: Field, value: Any) -> str:
    if field.kind is Kind.BOOL:
        return "yes" if value else "no"
    if value is None:
        return ""
    return f"{value:g}s" if field.kind is Kind.DURATION else str(value)


def values(action: Action, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a request, text parsed by the kind of its field; empty text counts as not given.

    Raises:
        UsageError: an unknown option, a required one that is missing, or a value that is not of its
            kind; the message names the field.
    """
    known = {field.name: field for field in action.fields}
    for name in options:
        if name not in known:
            raise UsageError(
                f"{action.id} takes no {clean(name)!r}", f"it takes {', '.join(known) or 'none'}"
            )
    found: dict[str, Any] = {}
    for name, field in known.items():
        given = options.get(name)
        if isinstance(given, str) and field.kind is Kind.SECRET:
            # Spaces may belong to it.
            given = given or None
        elif isinstance(given, str):
            given = _parsed(field, given.strip()) if given.strip() else None
        if given is None and field.required:
            raise UsageError(f"{field.label}: nothing is given", field.help or f"give --{name}")
        if given is not None:
            found[name] = given
    return found


def _parsed(field: Field, text: str) -> Any:
    match field.kind:
        case Kind.INT:
            if not re.fullmatch(r"-?\d{1,19}", text):
                raise UsageError(f"{field.label}: expected a whole number, got {clean(text, 40)!r}")
            return int(text)
        case Kind.DURATION:
            span = _SPAN.fullmatch(text)
            if span is None:
                raise UsageError(
                    f"{field.label}: expected a time such as 90, 5m or 24h, got {clean(text, 40)!r}"
                )
            return float(span[1]) * _UNITS[span[2]]
        case Kind.BOOL:
            if text.lower() not in (*_YES, *_NO):
                raise UsageError(f"{field.label}: expected yes or no, got {clean(text, 40)!r}")
            return text.lower() in _YES
        case Kind.PATH:
            return str(Path(text).expanduser())
        case _:
            return text
