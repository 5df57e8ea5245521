"""A command for every action of the registry: its target, its fields as arguments, what to do then."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etcdtui.ops.action import Action, Field


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
            if field.required:
                command.add_argument(_dest(field), metavar=_metavar(field), help=_help(field))
        target(command)
        group = command.add_argument_group("options of this change")
        for field in action.fields:
            if not field.required:
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
    return fields.values(action, {field.name: getattr(args, _dest(field)) for field in action.fields})


def _flag(group: Any, field: Field) -> None:
    flag = f"--{field.name.replace('_', '-')}"
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
