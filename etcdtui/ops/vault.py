"""Secrets that a plan needs and must not hold: kept in this process's memory, named in the plan."""

from __future__ import annotations

import secrets

from etcdtui.errors import UsageError

_kept: dict[str, str] = {}


def keep(secret: str) -> str:
    """Keep a secret until this process ends; its name, which tells nothing of it."""
    name = f"kept-{secrets.token_hex(8)}"
    _kept[name] = secret
    return name


def redeem(name: str) -> str:
    """The secret of that name. Raises UsageError in another process than the one that was given it."""
    if name not in _kept:
        raise UsageError(
            "the password was kept in the memory of the console that made this plan",
            "begin the action anew and give it again",
        )
    return _kept[name]
