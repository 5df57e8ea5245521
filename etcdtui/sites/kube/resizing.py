"""The pods' files once a StatefulSet that a profile describes has another size: as `render` has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etcdtui.sites.standing import is_founded, settings_in

_BEGINNINGS = ("initial-cluster", "initial-cluster-token")
"""What etcd looks at when it starts without data alone; a member that joins has its cluster's own."""


def files_to_write(there: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Those of the files that say the same but for their form, the members to begin with and their token.

    One that says anything else was changed by somebody: it stays as it is.
    """
    return {
        key: text
        for key, text in wanted.items()
        if key in there and there[key] != text and _rest(there[key]) == _rest(text)
    }


def files_of_others(there: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[str, ...]:
    """The files that say something else, sorted."""
    return tuple(sorted(k for k, text in wanted.items() if k in there and _rest(there[k]) != _rest(text)))


def _rest(text: str) -> dict[str, Any] | None:
    found = settings_in(text)
    return (
        {key: value for key, value in found.items() if key not in _BEGINNINGS} if is_founded(found) else None
    )
