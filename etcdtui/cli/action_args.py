"""A command for every action of the registry: its target, its fields as arguments, what to do then."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etcdtui.errors import UsageError

if TYPE_CHECKING:
    from etcdtui.ops.action import Action, Field


AGAIN = "again"
"""Name of a field in which a secret is repeated."""
HAND_MADE = frozenset({"snapshot-save"})
"""Actions that have a command of another name: ``snapshot save``."""


def command_name(action: Action) -> str:
    """``stop`` for ``stop-node``; else the action's ID."""
    return action.id.removesuffix("-node")


def add_actions(make: Callable[[str, str], Any], target: Callable[[Any], None]) -> None:
    """Add all of them.

    Args:
        make: adds a command of that name and help.
        target: adds the arguments that name a cluster.
    """
    from etcdtui.ops.registry import ACTIONS, Scope

    for action in ACTIONS:
        if action.id in HAND_MADE:
            continue
        command = make(command_name(action), f"{action.help[0].lower()}{action.help[1:]}")
        command.set_defaults(action=action.id)
        if action.scope is Scope.NODE:
            command.add_argument("node", metavar="NODE", help="a node's or member's name, ID or endpoint")
        for field in action.fields:
            if field.required and str(field.kind) != "secret":
                command.add_argument(_dest(field), metavar=_metavar(field), help=_help(field))
        target(command)
        group = command.add_argument_group("options of this change")
        for field in action.fields:
            if str(field.kind) == "secret":
                _secret_flag(group, field)
            elif not field.required:
                _flag(group, field)
        add_decision(command)
        command.add_argument("--save", metavar="FILE", help="save the plan for etcdtui run, change nothing")


def add_decision(command: argparse.ArgumentParser) -> None:
    """What to do with a plan."""
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument(
        "--dry-run", action="store_true", help="show the plan and the guards, change nothing"
    )
    command.add_argument(
        "--override", metavar="CLUSTER", help="overrule a guard that can be, by the cluster's name"
    )
    command.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="form of the output"
    )


def options(args: argparse.Namespace) -> dict[str, Any]:
    """What was given for the action's fields. Raises UsageError, naming the field."""
    from etcdtui.ops import fields
    from etcdtui.ops.registry import ACTIONS

    action = next(a for a in ACTIONS if a.id == args.action)
    given = {field.name: getattr(args, _dest(field), None) for field in action.fields}
    secret = [field for field in action.fields if str(field.kind) == "secret" and field.name != AGAIN]
    for field in secret:
        needed = field.required or bool(given.get(field.beside))
        given[field.name] = _secret(field, given[field.name], needed)
    if AGAIN in given and secret:
        # Whoever is asked on a terminal is asked twice there.
        given[AGAIN] = given[secret[0].name]
    return fields.values(action, given)


def _secret(field: Field, file: str | None, needed: bool) -> str | None:
    """What is in its file, or what is typed on the terminal. Raises UsageError."""
    if file:
        try:
            line = Path(file).expanduser().read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "expected UTF-8 text"
            raise UsageError(f"{file}: {why}") from None
        if not line:
            raise UsageError(f"{file}: its first line is empty")
        return line
    if not needed:
        return None
    if not sys.stdin.isatty():
        raise UsageError(f"{field.label}: nobody is there to be asked", f"give {_flag_name(field)}-file FILE")
    import getpass

    typed = getpass.getpass(f"{field.label}: ")
    if typed != getpass.getpass(f"{field.label}, once more: "):
        raise UsageError(f"{field.label}: the two are not the same", "type it twice")
    return typed


def _secret_flag(group: Any, field: Field) -> None:
    if field.name != AGAIN:
        text = f"file whose first line is {field.label[0].lower()}{field.label[1:]}; asked for without it"
        group.add_argument(f"{_flag_name(field)}-file", dest=_dest(field), metavar="FILE", help=text)


def _flag_name(field: Field) -> str:
    return f"--{field.name.replace('_', '-')}"


def _flag(group: Any, field: Field) -> None:
    flag = _flag_name(field)
    if str(field.kind) == "bool":
        group.add_argument(flag, dest=_dest(field), action=argparse.BooleanOptionalAction, help=_help(field))
    else:
        group.add_argument(flag, dest=_dest(field), metavar=_metavar(field), help=_help(field))


def _dest(field: Field) -> str:
    return f"field_{field.name}"


def _metavar(field: Field) -> str:
    words = {"int": "N", "duration": "TIME", "path": "FILE"}
    return words.get(str(field.kind), field.name.upper().replace("_", "-"))


def _help(field: Field) -> str:
    # argparse takes a percent sign for a placeholder of its own.
    text = f"{field.label[0].lower()}{field.label[1:]}" + (f": {field.help}" if field.help else "")
    return text.replace("%", "%%")
