"""How membership changes are carried out: each looks before it acts and finds a member by its peer URLs."""

from __future__ import annotations

import time
from collections.abc import Callable

from etcdtui.errors import DeadlineExceeded, EtcdtuiError, NotOffered, OutcomeUnknown, Refused, Unreachable
from etcdtui.etcd.api import EtcdWriter
from etcdtui.etcd.errors import is_transient
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.joining import initial_cluster
from etcdtui.model.quorum import is_healthy_voter
from etcdtui.model.reconfig import SETTLED, UNHEALTHY
from etcdtui.model.text import clean
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.membership import called, find, foretell
from etcdtui.ops.plan import Args
from etcdtui.ops.rolling_exec import FRESH, MOVE_TIMEOUT, lag
from etcdtui.sites.base import Growable, NewNode, Startable

RETIRE = "node.retire"
CALL_TIMEOUT = 8.0
"""Seconds of a call; etcd itself gives up after 5 s and two election timeouts."""
LIST_TIMEOUT = 2.0
CONFIRM_TIMEOUT = 10.0
"""Seconds until every member that answers must have applied a removal."""
PAUSE = 0.1
SETTLING = 0.5
"""Seconds between two questions whether all are connected by now."""
STOP_TIMEOUT = 20.0


# -- the membership ------------------------------------------------------------------------


@executor("member.add")
def _add(args: Args, context: Context) -> str:
    """Cluster.MemberAdd, sent to the leader. Args: ``peer_urls``, ``learner``."""
    change = {**args, "change": "add"}
    snapshot = _settled(change, context)
    if (known := find(args, snapshot.members)) is not None:
        return f"{clean(known.label)} is a member already"
    _send(
        context,
        _asked(snapshot),
        lambda api: api.member_add(args["peer_urls"], CALL_TIMEOUT, learner=args["learner"]),
        lambda shot: find(args, shot.members) is not None,
    )
    return f"added {called(args, context.fresh(FRESH))} as a {'learner' if args['learner'] else 'voter'}"


@executor("member.promote")
def _promote(args: Args, context: Context) -> str:
    """Cluster.MemberPromote, sent to the leader. Args: the member."""
    snapshot = context.fresh(FRESH)
    member = find(args, snapshot.members)
    name = called(args, snapshot)
    if member is None:
        raise Refused(f"{name} is no member", "add it again")
    if not member.is_learner:
        return f"{name} is a voter already"

    def promoted(shot: ClusterSnapshot) -> bool:
        found = find(args, shot.members)
        return found is not None and not found.is_learner

    _send(context, _asked(snapshot), lambda api: api.member_promote(member.id, CALL_TIMEOUT), promoted)
    return f"promoted {name}"


@executor("member.remove")
def _remove(args: Args, context: Context) -> str:
    """Cluster.MemberRemove, sent to another member than the one that goes; confirmed by all that answer.

    A leader is never removed as such: leadership is moved first, for the plan may be an old one.

    Args: the member.
    """
    snapshot = _settled({**args, "change": "remove"}, context)
    member, name = find(args, snapshot.members), called(args, snapshot)
    if member is None:
        _confirm(args, context)
        return f"{name} is a member no more"
    moved = ""
    if snapshot.leader_id == member.id:
        moved = f"leadership moved to {_hand_over(snapshot, member.id, context)}; "
        snapshot = context.fresh(FRESH)
    _send(
        context,
        _asked(snapshot, member.id),
        lambda api: api.member_remove(member.id, CALL_TIMEOUT),
        lambda shot: not shot.members_error and find(args, shot.members) is None,
    )
    asked = _confirm({"member": member.id}, context)
    return f"{moved}removed {name}; {asked} say so"


@executor("member.update")
def _update(args: Args, context: Context) -> str:
    """Cluster.MemberUpdate, sent to the leader. Args: ``member``, ``peer_urls``."""
    snapshot = context.fresh(FRESH)
    wanted = sorted(args["peer_urls"])

    def updated(shot: ClusterSnapshot) -> bool:
        return any(m.id == args["member"] and sorted(m.peer_urls) == wanted for m in shot.members)

    name, urls = clean(snapshot.label(args["member"])), clean(", ".join(args["peer_urls"]))
    if updated(snapshot):
        return f"{name} has {urls} already"
    _send(
        context,
        _asked(snapshot),
        lambda api: api.member_update(args["member"], args["peer_urls"], CALL_TIMEOUT),
        updated,
    )
    return f"{name} is known to its peers as {urls} from now on"


def _settled(args: Args, context: Context) -> ClusterSnapshot:
    """A fresh snapshot in which etcd would not refuse for want of 5 s of connection, or the last look."""
    deadline = time.monotonic() + SETTLED + 2
    while True:
        snapshot = context.fresh(FRESH)
        if foretell(args, snapshot).wait <= 0 or time.monotonic() >= deadline:
            return snapshot
        time.sleep(PAUSE)


def _asked(snapshot: ClusterSnapshot, apart: int | None = None) -> int:
    """ID of the member to send a change to: the leader, or a healthy voter when that is the one that goes."""
    leader = snapshot.leader_id
    if leader is None:
        raise Refused("no member knows a leader: nothing can be agreed on", "wait for an election")
    if leader != apart:
        return leader
    healthy = [r.member_id for r in snapshot.voters if is_healthy_voter(snapshot, r) and r.member_id != apart]
    if not healthy or healthy[0] is None:
        raise Refused("no other healthy voter is there to ask")
    return healthy[0]


def _send(
    context: Context,
    member: int,
    call: Callable[[EtcdWriter], object],
    happened: Callable[[ClusterSnapshot], bool],
) -> None:
    """Send a change once; where its answer was lost, look whether it happened.

    The members of a cluster that has just come up may have found each other after they answered us: etcd
    refuses then, in so many words and without doing anything, and is asked again until it cannot be that.

    Raises:
        OutcomeUnknown: it was sent, its answer was not seen, and its effect is not there, or not yet.
    """
    deadline = time.monotonic() + SETTLED + 2
    try:
        while True:
            try:
                call(context.writer(member))
                return
            except Refused as error:
                if UNHEALTHY not in error.details or time.monotonic() >= deadline:
                    raise
            time.sleep(SETTLING)
    except (DeadlineExceeded, Unreachable, Refused) as error:
        if happened(context.fresh(FRESH)):
            return
        if isinstance(error, Refused) and not is_transient(error):
            raise
        raise OutcomeUnknown(error.message, error.hint) from error


def _hand_over(snapshot: ClusterSnapshot, member: int, context: Context) -> str:
    """Move leadership from a member to the voter that is nearest to it; its name."""
    leader = snapshot.leader_row
    able = [r for r in snapshot.voters if r.member_id != member and is_healthy_voter(snapshot, r)]
    if leader is None or not able:
        raise Refused(
            f"{clean(snapshot.label(member))} leads and nobody else can", "bring a voter back first"
        )
    target = min(able, key=lambda row: lag(row, leader)).member_id
    if target is None:
        raise Refused("the voter that is to lead has no ID yet")

    def moved(shot: ClusterSnapshot) -> bool:
        return shot.leader_id not in (None, member)

    lost: OutcomeUnknown | None = None
    if leader.reading.answered:
        try:
            _send(context, member, lambda api: api.move_leader(target, MOVE_TIMEOUT), moved)
        except OutcomeUnknown as error:
            lost = error
    # One that has just ended is named the leader by the others until they have elected another.
    deadline = time.monotonic() + MOVE_TIMEOUT
    while not moved(now := context.fresh(FRESH)):
        if time.monotonic() >= deadline:
            raise lost or Refused(f"{clean(snapshot.label(member))} still leads", "try again")
        time.sleep(PAUSE)
    return clean(now.label(now.leader_id))


def _confirm(args: Args, context: Context) -> str:
    """Wait until no member that answers lists the one that was removed; how many were asked, in words.

    Raises:
        Refused: one of them lists it still.
    """
    deadline = time.monotonic() + CONFIRM_TIMEOUT
    while True:
        asked, listing = _who_lists(args, context)
        if asked and not listing:
            return f"all {asked} members that answer" if asked > 1 else "the one member that answers"
        if time.monotonic() >= deadline:
            who = ", ".join(listing) or "nobody answers: whether somebody"
            raise Refused(f"the removal was sent, and {who} lists the member still", "look again")
        time.sleep(PAUSE)


def _who_lists(args: Args, context: Context) -> tuple[int, list[str]]:
    snapshot = context.fresh(FRESH)
    listed = {m.id for m in snapshot.members}
    asked, listing = 0, []
    for row in snapshot.rows:
        # The one that was removed may answer for a moment yet, with a list of its own.
        if not row.reading.answered or row.member_id not in listed or row.member_id == args.get("member"):
            continue
        try:
            members = context.writer(row.member_id).member_list(LIST_TIMEOUT)
        except EtcdtuiError:
            continue
        asked += 1
        if find(args, members) is not None:
            listing.append(clean(row.name))
    return asked, listing


# -- the nodes -----------------------------------------------------------------------------


def _growable(context: Context) -> Growable:
    if not isinstance(context.site, Growable):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site cannot prepare nodes")
    return context.site


@executor("node.prepare")
def _prepare(args: Args, context: Context) -> str:
    """Write what the node needs to join the membership as it is now.

    Args: ``node``, ``peer_url``, ``client_url``, ``member_name``.
    """
    site, snapshot = _growable(context), context.fresh(FRESH)
    place = NewNode(args["node"], args["peer_url"], args["client_url"], args.get("member_name", ""))
    if find({"peer_urls": [place.peer_url]}, snapshot.members) is None:
        raise Refused(
            f"{clean(place.name)}: no member has the peer URL {clean(place.peer_url)}", "add it first"
        )
    return site.prepare_node(place, initial_cluster(snapshot.members, place.name, (place.peer_url,)))


@executor(RETIRE)
def _retire(args: Args, context: Context) -> str:
    """Stop the node if it runs, then give it up; its data is moved aside. Args: ``node``."""
    site = _growable(context)
    if args["node"] not in {n.name for n in context.fresh(FRESH).nodes}:
        return f"{clean(args['node'])} is listed no more"
    if isinstance(context.site, Startable):
        context.site.stop_node(args["node"], STOP_TIMEOUT)
    return site.retire_node(args["node"])


@executor("node.set-aside")
def _set_aside(args: Args, context: Context) -> str:
    """Move a stopped node's data directory aside. Args: ``node``."""
    return _growable(context).set_aside(args["node"])
