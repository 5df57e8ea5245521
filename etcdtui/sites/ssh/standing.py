"""A host held against a plan: a member that was set up there in another way, a clock that is off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Tls
from etcdtui.model.etcd_settings import OWN_SETTINGS, Settings, host_settings
from etcdtui.model.text import clean
from etcdtui.sites.pki import SLACK
from etcdtui.sites.ssh.preflight import SKEW, Look

_STATE = "initial-cluster-state"
_FIRST = frozenset({_STATE, "initial-cluster", "discovery", "discovery-srv", "discovery-config"})
"""What members are told of each other the first time: it may have changed since, and matters no more."""


def is_founded(settings: Mapping[str, Any]) -> bool:
    """Whether a configuration file says that its cluster exists."""
    return settings.get(_STATE) == "existing"


def is_as_planned(there: Settings, plan: HostsBootstrap, member: MemberPlan, cluster: str) -> bool:
    """Whether a configuration file says that the cluster exists, and everything else as the plan has it.

    Who the others are may have changed since: it matters to none that has its data.
    """

    def rest(found: Settings) -> dict[str, Any]:
        return {key: value for key, value in found.items() if key != "initial-cluster"}

    return rest(there) == rest(host_settings(plan, member, cluster, founded=True))


def judge_standing(look: Look, planned: Settings, token: str) -> tuple[str, ...]:
    """What forbids the plan because its member runs already, or has run, and was set up in another way.

    etcd reads its file when it is started: another data directory would have it begin anew, with nothing.

    Args:
        planned: the member's settings by the plan.
        token: as in `etcdtui.sites.ssh.preflight.judge`.
    """
    ours = look.config == "ours" and look.token == token
    if not ours or not (is_founded(look.settings) or look.taken):
        return ()
    keys = sorted(OWN_SETTINGS - _FIRST)
    changed = [key for key in keys if look.settings.get(key) != planned.get(key)]
    if not changed:
        return ()
    words = ", ".join(_change(key, look.settings.get(key), planned.get(key)) for key in changed)
    way_out = "say it as it was"
    if not is_founded(look.settings):
        way_out += ", or take the bring-up back first (`etcdtui plans`)"
    return (f"its member was set up with {words}: a bring-up does not change that; {way_out}",)


def _change(key: str, was: object, now: object) -> str:
    if isinstance(was, Mapping) or isinstance(now, Mapping):
        return f"another {key}"
    return f"{key} {clean(str(was), 200)} (now {clean(str(now), 200)})"


def judge_clock(look: Look, boot: HostsBootstrap) -> Iterator[tuple[bool, str]]:
    """A clock that is not the console's: whether that forbids the plan, and the sentence."""
    if look.clock is None or abs(look.clock) - look.doubt <= SKEW:
        return
    way = "ahead of" if look.clock > 0 else "behind"
    text = f"its clock is {abs(look.clock):.1f} s {way} this machine's"
    if boot.tls is Tls.MADE and -look.clock - look.doubt > SLACK.total_seconds():
        yield True, f"{text}: a certificate made here would not be valid there yet"
    else:
        yield False, text
