"""What the poller knows at one moment, and the pure choice of which endpoints to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from etcdtui.errors import EtcdError, EtcdtuiError, NotPermitted, SiteError
from etcdtui.model.cluster import Alarm, EndpointStatus, Member, Node, Reading, State
from etcdtui.model.text import rtt_step


@dataclass
class Known:
    """The poller's mutable state; guarded by the poller's lock, never handed out."""

    readings: dict[str, Reading] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    members_known: bool = False
    members_error: str = ""
    alarms: tuple[Alarm, ...] | None = None
    alarms_error: str = ""
    nodes: tuple[Node, ...] = ()
    site_error: str = ""


def answered(previous: Reading, status: EndpointStatus, began: float, ended: float) -> Reading:
    """The reading of an endpoint that answered."""
    rtt = ended - began
    if not previous.answered:
        # The first call also pays for the connection: it is no measure of the network.
        return Reading(None, status, "", rtt, ended, ended, answering_since=ended)
    since = previous.answering_since if _same_member(previous, status) else ended
    mean = rtt if previous.mean_rtt is None else previous.mean_rtt + (rtt - previous.mean_rtt) / 8
    return Reading(None, status, "", rtt, ended, ended, mean, rtt_step(previous.rtt_step, mean), since)


def _same_member(previous: Reading, status: EndpointStatus) -> bool:
    return previous.status is not None and previous.status.member_id == status.member_id


def lost(previous: Reading, error: EtcdtuiError, ended: float) -> Reading:
    """The reading of an endpoint that did not; its last answer is kept beside the reason.

    A refusal for lack of rights is not permitted, a lost way to the node is unknown, all else down.
    """
    if isinstance(error, NotPermitted):
        outcome = State.NOT_PERMITTED
    elif isinstance(error, SiteError):
        outcome = State.UNKNOWN
    else:
        outcome = State.DOWN
    reason = error.message if isinstance(error, EtcdError | SiteError) else str(error)
    return replace(previous, outcome=outcome, reason=reason, rtt=None, read_at=ended, answering_since=None)


def lapsed(error: str) -> bool:
    """Whether what could not be read may be read again soon: nobody refused it."""
    return bool(error) and not error.startswith("not permitted")


def wanted_urls(
    seeds: Iterable[str], members: Iterable[Member], readings: Mapping[str, Reading]
) -> tuple[str, ...]:
    """The endpoints to read, one a member where one answers.

    A member that answers under one URL is read there alone; one that does not is tried under every
    client URL it advertises. Seeds stay, dead or alive, unless they are a second name of a member
    that is read already.
    """
    seeds = tuple(seeds)
    wanted: dict[str, None] = {}
    covered: dict[int, str] = {}
    order = [*seeds, *(u for u in readings if u not in seeds)]
    for url in order:
        reading = readings.get(url)
        if reading is not None and reading.answered and reading.status is not None:
            covered.setdefault(reading.status.member_id, url)
    for member in members:
        urls = (covered[member.id],) if member.id in covered else member.client_urls
        wanted.update(dict.fromkeys(urls))
    chosen = set(wanted)
    for url in seeds:
        status = readings[url].status if url in readings else None
        if status is None or covered.get(status.member_id, url) == url:
            chosen.add(url)
    return tuple(u for u in dict.fromkeys([*seeds, *wanted]) if u in chosen)


_ALARM = re.compile(r"memberID:(\d+)\s+alarm:(\w+)")


def alarms_in(readings: Iterable[Reading]) -> tuple[Alarm, ...] | None:
    """The alarms that answering members carry in their errors; None when none answers.

    etcd 3.4 and newer append every active alarm to StatusResponse.errors
    (``server/etcdserver/api/v3rpc/maintenance.go``), with the member in decimal.
    """
    answers = [r.status for r in readings if r.answered and r.status is not None]
    if not answers:
        return None
    found = {Alarm(int(m[1]), m[2]) for s in answers for e in s.errors for m in _ALARM.finditer(e)}
    return tuple(sorted(found, key=lambda a: (a.member_id, a.kind)))


def before_3_4(readings: Iterable[Reading]) -> bool:
    """Whether an answering member is so old that its status says nothing of alarms."""
    return any(r.answered and r.status is not None and r.status.raft_applied_index is None for r in readings)


def unsettled(readings: Iterable[Reading]) -> bool:
    """Whether an election seems under way: a voter knows no leader, or one that does not answer."""
    answers = [r.status for r in readings if r.answered and r.status is not None]
    ids = {s.member_id for s in answers}
    leaders = {s.leader for s in answers if not s.is_learner}
    return bool(answers) and (0 in leaders or len(leaders) > 1 or not leaders <= ids)


def current_revision(readings: Iterable[Reading]) -> tuple[float, int] | None:
    """The highest revision of those that answer, and when it was read (monotonic seconds).

    Members answer from what they have applied: the highest is the nearest to the truth. Answers of
    different clusters tell nothing together.
    """
    answers = [(r.answered_at, r.status) for r in readings if r.answered]
    known = [(at, s.revision) for at, s in answers if at is not None and s is not None]
    if not known or len({s.cluster_id for _, s in answers if s is not None}) > 1:
        return None
    return max(known, key=lambda item: item[1])
