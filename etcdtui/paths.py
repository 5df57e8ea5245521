"""Where etcdtui keeps its files: the XDG directories, the themes and the audit log."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says that a relative path is to be ignored.
    base = Path(value) if value and Path(value).is_absolute() else Path.home() / default
    return base / "etcdtui"


def config_dir() -> Path:
    """Directory of the user's configuration; not created."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def config_file() -> Path:
    """The configuration file that is read when none is named; it may not exist."""
    return config_dir() / "config.yaml"


def data_dir() -> Path:
    """Directory of things that must survive, such as the demo cluster's members; not created."""
    return _xdg("XDG_DATA_HOME", ".local/share")


def state_dir() -> Path:
    """Directory of logs and audit records; not created."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def audit_file() -> Path:
    """The audit log: one JSON object a line, appended and fsynced."""
    return state_dir() / "audit.jsonl"


def plans_dir() -> Path:
    """Directory of the plans that run or were left unfinished; not created."""
    return state_dir() / "plans"


def demo_dir() -> Path:
    """Directory of the embedded demo cluster."""
    return data_dir() / "demo"


def theme_dirs() -> list[Path]:
    """Directories searched for ``*.yaml`` themes, later ones overriding earlier ones.

    The wheel carries the themes as ``etcdtui/themes``; a checkout has them beside the package.
    """
    shipped = _PACKAGE / "themes"
    return [shipped if shipped.is_dir() else _PACKAGE.parent / "themes", config_dir() / "themes"]
