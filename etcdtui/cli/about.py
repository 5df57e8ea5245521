"""``config``, ``themes`` and ``audit``: what etcdtui itself is set to, has and has done."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etcdtui import paths
from etcdtui.cli.printing import complain, print_json, table
from etcdtui.cli.target import keymap_ids
from etcdtui.config import find_file, load
from etcdtui.config.tree import did_you_mean
from etcdtui.errors import ConfigError, UsageError
from etcdtui.model.text import clean, plural


def config_check(args: argparse.Namespace) -> int:
    """``etcdtui config check``: 0 when the file can be used, 2 and one line when it cannot."""
    if args.file and args.config:
        raise UsageError("FILE and --config name two files", "give one of them")
    file, named = find_file(args.file or args.config)
    config = load(file, required=named, actions=keymap_ids)
    _check_ui(file, config.ui.theme, dict(config.ui.keymap))
    for warning in config.warnings:
        complain(f"warning: {warning}")
    if config.file is None:
        print(f"{file}: there is no such file, and none is needed")
        return 0
    count = len(config.profiles)
    names = ": " + ", ".join(f"{p.name} ({p.kind})" for p in config.profiles.values()) if count else ""
    print(f"{file}: good, {plural(count, 'profile')}{names}")
    return 0


def _check_ui(file: Path, theme: str, keymap: dict[str, str]) -> None:
    """What only the console knows to be wrong. Raises ConfigError."""
    from etcdtui.ui.keymap import keymap_problems
    from etcdtui.ui.themes import available_themes

    found, _ = available_themes()
    if theme and theme not in found:
        known = did_you_mean(theme, found)
        raise ConfigError(str(file), None, "ui.theme", f"there is no theme {clean(theme)!r}{known}")
    if wrong := keymap_problems(keymap):
        raise ConfigError(str(file), None, "ui.keymap", clean(wrong[0]))


def config_path(args: argparse.Namespace) -> int:
    """``etcdtui config path``: the file that is read, whether it exists or not."""
    print(find_file(args.config)[0])
    return 0


def themes(_args: argparse.Namespace) -> int:
    """``etcdtui themes``: every theme; a broken one is a line on stderr and exit code 1."""
    from etcdtui.ui.themes import available_themes

    found, broken = available_themes()
    for name in sorted(found):
        print(f"{name:<20} {found[name].file}")
    for error in broken:
        complain(str(error))
    return 1 if broken else 0


def audit(args: argparse.Namespace) -> int:
    """``etcdtui audit``: the last records of the audit log, oldest first."""
    from etcdtui.ops.audit import AuditLog

    log = AuditLog(paths.audit_file())
    records = list(deque(log.read(), maxlen=args.last))
    if args.output == "json":
        print_json(records)
        return 0
    if not records:
        print(f"{log.path}: no record yet")
        return 0
    titles = ("time", "user", "cluster", "action", "step", "phase", "what")
    print(table(titles, [_cells(record) for record in records]))
    return 0


def _cells(record: Mapping[str, Any]) -> list[str]:
    """One record of the log; a file that others can write to is untrusted text too."""
    who = record.get("who")
    what = [record.get(key) or "" for key in ("call", "outcome", "result")]
    cells = [
        record.get("time"),
        who.get("user") if isinstance(who, dict) else "",
        record.get("cluster"),
        record.get("action"),
        f"{record.get('step')}/{record.get('total')}",
        record.get("phase"),
        ": ".join(str(part) for part in what if part),
    ]
    return [clean("" if cell is None else str(cell)) for cell in cells]
