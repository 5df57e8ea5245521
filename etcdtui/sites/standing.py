"""What a member's configuration file says of a cluster that stands, held against a plan for it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from etcdtui.errors import SiteError
from etcdtui.model.etcd_settings import OWN_SETTINGS, Settings
from etcdtui.model.text import clean

_STATE, _OTHERS = "initial-cluster-state", "initial-cluster"
_FIRST = frozenset({_STATE, _OTHERS, "discovery", "discovery-srv", "discovery-config"})
"""What members are told of each other the first time: it may have changed since, and matters no more."""


def settings_in(text: str) -> dict[str, Any]:
    """A configuration file as etcd reads it; nothing where somebody has made another thing of it."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def is_founded(settings: Settings) -> bool:
    """Whether it says that its cluster exists."""
    return settings.get(_STATE) == "existing"


def is_same(there: Settings, planned: Settings) -> bool:
    """Whether nothing but who the others are differs: that matters to none that has its data."""

    def rest(found: Settings) -> dict[str, Any]:
        return {key: value for key, value in found.items() if key != _OTHERS}

    return rest(there) == rest(planned)


def changes(there: Settings, planned: Settings) -> str:
    """What a plan would change of that which its member was set up with, in words; empty for nothing.

    etcd reads its file when it is started: another data directory would have it begin anew, with nothing.
    """
    changed = [key for key in sorted(OWN_SETTINGS - _FIRST) if there.get(key) != planned.get(key)]
    return ", ".join(_change(key, there.get(key), planned.get(key)) for key in changed)


def _change(key: str, was: object, now: object) -> str:
    if isinstance(was, Mapping) or isinstance(now, Mapping):
        return f"another {key}"
    return f"{key} {clean(str(was), 200)} (now {clean(str(now), 200)})"


def see_unchanged(there: Mapping[str, str], planned: Mapping[str, str]) -> None:
    """See that files of members may be written over those that are there, by name.

    Raises:
        SiteError: the cluster stands, and the plan has other members, or has them set up in another way.
    """
    have = {name: settings_in(text) for name, text in there.items()}
    if not any(map(is_founded, have.values())):
        return
    if missing := [name.removesuffix(".yaml") for name in planned if name not in have]:
        text = f"the cluster stands without {', '.join(missing)}: a bring-up adds nobody to it"
        raise SiteError(text, "`etcdtui scale` does, or say as many `members` as it has")
    for name, text in planned.items():
        if is_founded(have[name]) and (words := changes(have[name], settings_in(text))):
            member = name.removesuffix(".yaml")
            raise SiteError(
                f"{member} was set up with {words}: a bring-up does not change that", "say it as it was"
            )
