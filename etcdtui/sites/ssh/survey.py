"""A look at every host that is to take a member, at all of them at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from etcdtui.errors import EtcdtuiError, OutcomeUnknown, SiteError
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Runner, Source, Tls, is_address
from etcdtui.sites.founding import Sight
from etcdtui.sites.pki_store import utc_now
from etcdtui.sites.ssh import brought, installing, paper, preflight, standing
from etcdtui.sites.ssh.shell import Done, checked
from etcdtui.sites.ssh.together import AT_ONCE

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

LOOK_TIMEOUT = 60.0
AGAIN = 10.0
"""Seconds that a connection lost in mid-look may take to come back."""
Run = Callable[..., Done]


def survey(
    pairs: Sequence[tuple[Host, MemberPlan]],
    boot: HostsBootstrap,
    cluster: str,
    run_of: Callable[[Host], Run],
) -> tuple[Sight, ...]:
    """What was found; a host that cannot be looked at is among it, with the reason.

    Args:
        cluster: the profile's name.
        run_of: what runs commands on a host with the rights that the bring-up will have.
    """

    def one(pair: tuple[Host, MemberPlan]) -> preflight.Look | EtcdtuiError:
        host, member = pair
        before = host.link.reconnects
        try:
            try:
                return _look(host, member, boot, run_of(host))
            except (SiteError, OutcomeUnknown):
                # It only looks, so what a lost connection cut off may be done once more.
                if not host.link.again(before, AGAIN):
                    raise
                return _look(host, member, boot, run_of(host))
        except EtcdtuiError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="etcdtui-survey") as pool:
        looks = dict(zip([host.name for host, _ in pairs], pool.map(one, pairs), strict=True))
    tarball = installing.tarball_name(boot) if boot.release.source is not Source.THERE else ""
    good = {host: look for host, look in looks.items() if isinstance(look, preflight.Look)}
    token = settings.token_of(boot, cluster)
    found = {sight.place: sight for sight in preflight.judge(good, token, tarball)}
    for each, member in pairs:
        if each.name in good:
            found[each.name] = _judged(found[each.name], good[each.name], member, boot, cluster)
    for host, look in looks.items():
        if isinstance(look, EtcdtuiError):
            found[host] = Sight(host, (look.message.removeprefix(f"{host}: "),))
    order = [*looks, *([""] if "" in found else [])]
    return tuple(found[place] for place in order)


def _judged(
    sight: Sight, look: preflight.Look, member: MemberPlan, boot: HostsBootstrap, cluster: str
) -> Sight:
    """A sight with what the plan has to do with what was seen."""
    token = settings.token_of(boot, cluster)
    wrong, advice = map(list, preflight.judge_release(look, boot, token))
    planned = settings.host_settings(boot, member, cluster, founded=True)
    wrong += standing.judge_standing(look, planned, token)
    for forbids, text in standing.judge_clock(look, boot):
        (wrong if forbids else advice).append(text)
    if boot.tls is Tls.GIVEN:
        for forbids, text in brought.faults(boot, member, utc_now()):
            (wrong if forbids else advice).append(text)
    return replace(sight, wrong=(*sight.wrong, *wrong), advice=(*sight.advice, *advice))


def _look(host: Host, member: MemberPlan, boot: HostsBootstrap, run: Run) -> preflight.Look:
    unit = f"{paper.UNITS}/{paper.unit_name(boot, member)}" if boot.runner is Runner.SYSTEMD else ""
    words = [settings.data_dir(boot, member), settings.config_file(boot, member), unit]
    words.append(paper.program(boot) if boot.release.source is Source.THERE else "")
    words += [" ".join(each) for each in (_folders(boot), _tools(boot), _names(boot))]
    ports = [str(member.client_port), str(member.peer_port)]
    # The login is made before the clock is asked.
    checked(run(["true"]), host.name)
    asked = time.time()
    clock = checked(run(["date", "+clock %s.%N"]), host.name).text
    answered = time.time()
    script = ["sh", "-c", preflight.LOOK, "sh", *words, *ports]
    text = checked(run(script, timeout=LOOK_TIMEOUT), host.name).text
    return preflight.parse(text + clock, asked, answered)


def _folders(boot: HostsBootstrap) -> list[str]:
    """Where something is to be made, beside the data."""
    return [boot.config_dir, *([boot.install_dir] if boot.release.source is not Source.THERE else [])]


def _tools(boot: HostsBootstrap) -> list[str]:
    """What installing a release takes there."""
    if boot.release.source is Source.THERE:
        return []
    return ["tar", "gzip", "sha256sum", *(["fetcher"] if boot.release.source is Source.HOST_URL else [])]


def _names(boot: HostsBootstrap) -> list[str]:
    """The members' addresses that are names."""
    names = [member.dialled for member in boot.members]
    return [name for name in names if not name.startswith("[") and not is_address(name)]
