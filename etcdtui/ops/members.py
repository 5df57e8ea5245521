"""Planning membership changes: what must hold, and the steps of a join."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from etcdtui.errors import GuardRefused, NotOffered, SiteError, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Member
from etcdtui.model.quorum import budget, quorum_of
from etcdtui.model.reconfig import has_learners, leader_version
from etcdtui.model.text import clean, plural
from etcdtui.ops.actions import nodes
from etcdtui.ops.member_exec import RETIRE
from etcdtui.ops.plan import Check, Step
from etcdtui.sites.base import Growable, HasNodes, NewNode, Site, Startable
from etcdtui.sites.manager import Discarding

HOLD = 6.0
"""Seconds a member that joined must be healthy without a break: etcd counts it as connected after 5."""
WAIT_TIMEOUT = 30.0
CHANGE_TIMEOUT = 15.0
START_TIMEOUT = 30.0
SYNC_TIMEOUT = 900.0
"""Seconds a learner may take to catch up: a database of several GB over a slow line."""
JOIN_TIMEOUT = 120.0


def can_grow(site: Site) -> bool:
    """Whether a site prepares nodes for further members, starts them and gives them up."""
    return isinstance(site, Growable) and isinstance(site, Startable) and isinstance(site, HasNodes)


def growable(site: Site) -> Growable:
    """The site's capability. Raises NotOffered."""
    if not isinstance(site, Growable) or not isinstance(site, Startable):
        raise NotOffered(f"{site.name}: a {site.kind} site cannot prepare nodes for members")
    return site


def known_members(snapshot: ClusterSnapshot) -> None:
    """Refuse to plan without a member list or a quorum. Raises UsageError or GuardRefused."""
    name = clean(snapshot.name)
    if not snapshot.members_known:
        raise UsageError(f"{name}: the member list is not known", clean(snapshot.members_error))
    if snapshot.leader_id is None or not budget(snapshot).has_quorum:
        text = f"{name}: {budget(snapshot).sentence()}"
        raise GuardRefused(
            f"{text}: without a quorum the membership cannot change", "start what is down first"
        )


def member_row(row: EndpointRow | None, doing: str) -> tuple[EndpointRow, Member]:
    """The row and member that an action is meant for. Raises UsageError when there is none."""
    if row is None:
        raise UsageError(f"{doing} needs a member", "select or name one")
    if row.member is None:
        raise UsageError(f"{clean(row.name)}: no member of this cluster is known here")
    return row, row.member


def learners(snapshot: ClusterSnapshot) -> bool:
    """Whether the members that answer know learners."""
    version = leader_version(snapshot)
    return not version or has_learners(version)


def split_urls(text: str, flag: str) -> list[str]:
    """Peer URLs from ``http://a:2380,http://b:2380``. Raises UsageError naming the one that is none."""
    urls = [part.strip().rstrip("/") for part in text.split(",") if part.strip()]
    for url in urls:
        if not re.fullmatch(r"https?://[^\s/,?#]+:\d{1,5}", url):
            raise UsageError(
                f"{flag}: {clean(url, 80)!r} is no peer URL", "http://HOST:PORT or https://HOST:PORT"
            )
    if not urls:
        raise UsageError(f"{flag}: no peer URL was given", "http://HOST:PORT or https://HOST:PORT")
    return list(dict.fromkeys(urls))


def seat_of(row: EndpointRow, member: Member) -> dict[str, Any]:
    """The arguments that name a member that is in the list."""
    node = row.node.name if row.node is not None else None
    return {"member": member.id, "peer_urls": list(member.peer_urls), "node": node}


def size_sentence(voters: int) -> str:
    """What a number of voters stands, and that an even one is no better than the odd one below."""
    may = voters - quorum_of(voters)
    text = f"{plural(voters, 'voter')}: quorum is {quorum_of(voters)}, {may or 'none'} may fail"
    if voters % 2 == 0:
        text = f"WARNING: {text}; {voters} is even and stands no more than {voters - 1} would"
    return text


# -- joining -------------------------------------------------------------------------------


def wait_step(title: str, check: Check, timeout: float, guards: tuple[Check, ...] = ()) -> Step:
    """A step that sends nothing and is over when its verification holds."""
    return Step("wait", {}, title, "nothing is sent", guards, check, timeout)


def unadd_step(peer_urls: Sequence[str], name: str) -> Step:
    """Take a member out again by the only thing that is known of it before it is added."""
    args = {"member": None, "peer_urls": list(peer_urls), "node": name}
    change = {**args, "change": "remove"}
    return Step(
        verb="member.remove",
        args=args,
        title=f"remove {clean(name)}",
        call=f"Cluster.MemberRemove(ID of the member with {clean(', '.join(peer_urls))})",
        guards=(Check("etcd-allows", change), Check("quorum-after-change", change)),
        verify=Check("member-gone", args),
        verify_timeout=CHANGE_TIMEOUT,
    )


def add_steps(name: str, peer_urls: Sequence[str], *, learner: bool, apart: Sequence[int] = ()) -> list[Step]:
    """The member alone: wait until etcd allows it, then add it.

    Args:
        name: what to call it: its node's name, where there is one.
        apart: IDs of members that need not be healthy.
    """
    args = {"peer_urls": list(peer_urls), "learner": learner, "node": name}
    change = {**args, "change": "add"}
    guards = (
        Check("etcd-allows", change),
        Check("quorum-after-change", change),
        Check("others-well", {"apart": sorted(apart)}),
    )
    add = Step(
        verb="member.add",
        args=args,
        title=f"add {clean(name)} as a {'learner' if learner else 'voter'}",
        call=f"Cluster.MemberAdd(peerURLs=[{clean(', '.join(peer_urls))}], isLearner={str(learner).lower()})",
        guards=guards,
        verify=Check("member-listed", {**args, "voter": False}),
        verify_timeout=CHANGE_TIMEOUT,
        undo=unadd_step(peer_urls, name),
    )
    wait = f"see that {clean(name)} can be added"
    return [wait_step(wait, Check("etcd-allows", change), WAIT_TIMEOUT, guards), add]


def discard_steps(site: Site, node: str, peer_urls: Sequence[str]) -> list[Step]:
    """Delete what an earlier node of that name has left; none when it has left nothing."""
    call = site.describe_discard(node) if isinstance(site, Discarding) else ""
    if not call:
        return []
    return [
        Step(
            verb="node.discard",
            args={"node": node},
            title=f"delete the data that an earlier {clean(node)} has left",
            call=call,
            guards=(Check("no-member", {"peer_urls": list(peer_urls), "node": node}),),
        )
    ]


def join_steps(site: Site, place: NewNode, *, learner: bool, apart: Sequence[int] = ()) -> list[Step]:
    """A member with its node: added, prepared, started, in sync, promoted, a healthy voter.

    What an earlier node of that name left is deleted before.

    Whatever has happened, the way back is to remove the member first and give its node up then.
    """
    seat = {"member": None, "peer_urls": [place.peer_url], "node": place.name}
    out = unadd_step([place.peer_url], place.name)
    steps = [
        *discard_steps(site, place.name, [place.peer_url]),
        *add_steps(place.name, [place.peer_url], learner=learner, apart=apart),
        prepare_step(site, place, retire_step(site, place.name, seat)),
        Step(
            verb="node.start",
            args={"node": place.name},
            title=f"start {clean(place.name)}",
            call=_exact(
                lambda: nodes.startable(site).describe_start(place.name),
                f"start etcd on {place.name} as it was prepared",
            ),
            verify=Check("node-run-state", {"node": place.name, "states": ["running", "starting"]}),
            verify_timeout=START_TIMEOUT,
            undo=out,
        ),
    ]
    if learner:
        steps += promote_steps(place.name, seat, undo=out)
    return [*steps, joined_step(place.name, seat, apart)]


def prepare_step(site: Site, place: NewNode, undo: Step | None) -> Step:
    """Write what a node needs to join."""
    return Step(
        verb="node.prepare",
        args={
            "node": place.name,
            "peer_url": place.peer_url,
            "client_url": place.client_url,
            "member_name": place.member,
        },
        title=f"prepare {clean(place.name)}",
        call=growable(site).describe_prepare(place),
        undo=undo,
    )


def promote_steps(name: str, seat: dict[str, Any], undo: Step | None = None) -> list[Step]:
    """Wait until a learner has what the leader has, then let it vote."""
    change = {**seat, "change": "promote"}
    guards = (Check("etcd-allows", change), Check("quorum-after-change", change))
    which = f"{seat['member']:x}" if seat["member"] is not None else f"ID of {', '.join(seat['peer_urls'])}"
    promote = Step(
        verb="member.promote",
        args=seat,
        title=f"promote {clean(name)}",
        call=f"Cluster.MemberPromote({clean(which)})",
        guards=guards,
        verify=Check("member-listed", {**seat, "voter": True}),
        verify_timeout=CHANGE_TIMEOUT,
        undo=undo,
    )
    wait = f"wait until {clean(name)} is in sync"
    return [wait_step(wait, Check("learner-in-sync", seat), SYNC_TIMEOUT), promote]


def joined_step(name: str, seat: dict[str, Any], apart: Sequence[int] = ()) -> Step:
    """Wait until a member has been a healthy voter for long enough for the next change."""
    check = Check("joined", {**seat, "apart": sorted(apart), "hold": HOLD})
    return wait_step(f"see {clean(name)} as a healthy voter", check, JOIN_TIMEOUT)


def retire_step(site: Site, node: str, seat: dict[str, Any]) -> Step:
    """Give a node up whose member holds no vote any more; its data is moved aside, or stays."""
    place = growable(site)
    data = "its data stays" if isinstance(site, Discarding) else "its data moved aside"
    return Step(
        verb=RETIRE,
        args={"node": node},
        title=f"give {clean(node)} up, {data}",
        call=_exact(lambda: place.describe_retire(node), f"give {node} up"),
        guards=(Check("holds-no-vote", seat),),
        verify=Check("node-retired", {"node": node}),
        verify_timeout=CHANGE_TIMEOUT,
    )


def _exact(describe: Callable[[], str], otherwise: str) -> str:
    """The exact command, or what it will do: a node that is yet to be prepared has none."""
    try:
        return describe()
    except SiteError:
        return otherwise
