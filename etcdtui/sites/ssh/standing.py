"""A host held against a plan: a member that was set up there in another way, a clock that is off."""

from __future__ import annotations

from collections.abc import Iterator

from etcdtui.model.bootstrap import HostsBootstrap, Tls
from etcdtui.model.etcd_settings import Settings
from etcdtui.sites.pki import SLACK
from etcdtui.sites.ssh.preflight import SKEW, Look
from etcdtui.sites.standing import changes, is_founded


def judge_standing(look: Look, planned: Settings, token: str) -> tuple[str, ...]:
    """What forbids the plan because its member runs already, or has run, and was set up in another way.

    Args:
        planned: the member's settings by the plan.
        token: as in `etcdtui.sites.ssh.preflight.judge`.
    """
    ours = look.config == "ours" and look.token == token
    founded = is_founded(look.settings)
    if not ours or not (founded or look.taken):
        return ()
    words = changes(look.settings, planned)
    if not words:
        return ()
    way_out = "say it as it was"
    if not founded:
        way_out += ", or take the bring-up back first (`etcdtui plans`)"
    return (f"its member was set up with {words}: a bring-up does not change that; {way_out}",)


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
