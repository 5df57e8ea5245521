"""Executors, guards and verifications of maintenance: compacting, defragmenting, alarms, proving a write."""

from __future__ import annotations

import contextlib
import time

from etcdtui.errors import EtcdError, NotPermitted, Refused, Unreachable
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.space import Space, space_of, spaces, successor
from etcdtui.model.text import clean, si_bytes
from etcdtui.ops.context import Context
from etcdtui.ops.executors import EXECUTORS, executor, tell
from etcdtui.ops.guards import _Answer, guard
from etcdtui.ops.holder import candidates
from etcdtui.ops.plan import Args
from etcdtui.ops.verify import VERIFICATIONS, Look, verification

CALL = 8.0
"""Seconds one small call may take; etcd itself gives up after 5 s and two elections."""
FRESH = 6.0
COMPACT_TIMEOUT = 600.0
"""Seconds of a compaction that waits until the database has carried it out."""
DEFRAG_TIMEOUT = 900.0
"""Seconds of a defragmentation; etcd goes on with it even when nobody waits any more."""
PROBE = "/etcdtui/probe"
"""The key of the write that proves that writing works again; deleted at once."""
LITTLE = 1_000_000
"""Bytes free that are not worth speaking of."""
FEW = 20
"""Percent free that even a file that was just defragmented may have."""
FULL = 95
"""Percent of the quota from which it counts as full: what a write costs is added before etcd compares."""
STILL = 10.0
"""Seconds without any change after which a member that has more in use than others is not waited for."""
PAUSE = 0.5
COMPACTED = "mvcc: required revision has been compacted"
FUTURE = "mvcc: required revision is a future revision"


def voter(context: Context) -> EtcdWriter:
    """A voter that answers, the leader first. Raises Unreachable."""
    member = next(candidates(context.snapshot()), None)
    if member is None:
        raise Unreachable("no voter answers", "wait for an election, or start what is down")
    return context.writer(member)


# -- compacting ------------------------------------------------------------------------------


@executor("store.compact")
def _compact(args: Args, context: Context) -> str:
    """Args: ``revision``, ``physical``; ``or_older``: whether a compaction beyond it is as good."""
    revision, api = args["revision"], voter(context)
    try:
        # Compacting twice to one revision is refused too, and that one can still be read.
        api.count(PROBE.encode(), CALL, revision=revision)
    except NotPermitted:
        pass
    except Refused as error:
        if COMPACTED not in error.details or not args["or_older"]:
            raise
        return f"the history before revision {revision} was gone already"
    try:
        api.compact(revision, COMPACT_TIMEOUT, physical=args["physical"])
    except Refused as error:
        if COMPACTED not in error.details:
            raise
        return f"was compacted to revision {revision} before"
    return f"compacted: the history before revision {revision} is gone"


@guard("revision-exists")
def _revision_exists(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether a revision is one that the cluster has reached. Args: ``revision``."""
    now = max((status.revision for status in snapshot.answers), default=None)
    if now is None:
        return _Answer(False, "no member answers, so the current revision is not known")
    if args["revision"] > now:
        text = f"revision {args['revision']} is yet to come, {now} is the current one"
        return _Answer(False, f"{text}: etcd refuses it ({FUTURE})")
    return _Answer(True, f"revision {now} is the current one")


# -- defragmenting ---------------------------------------------------------------------------


@executor("member.defrag")
def _defrag(args: Args, context: Context) -> str:
    """Args: ``member`` (ID); one that has come to lead meanwhile gives its leadership away first."""
    snapshot = context.fresh(FRESH)
    name = clean(snapshot.label(args["member"]))
    heir = successor(snapshot, ()) if snapshot.leader_id == args["member"] else None
    if heir is not None:
        tell(f"{name} has come to lead: its leadership moves to {clean(heir.name)}")
        EXECUTORS["leader.move"]({"from": args["member"], "target": heir.member_id}, context)
    _wait_for_compaction(args["member"], context)
    api = context.writer(args["member"])
    before = space_of(api.status(CALL))
    tell(f"{name} rewrites its {si_bytes(before.size)}")
    began = time.monotonic()
    api.defragment(DEFRAG_TIMEOUT)
    took = time.monotonic() - began
    return f"{_change(name, before.size, api.status(CALL).db_size)} in {took:.1f} s"


def still_compacts(snapshot: ClusterSnapshot, member: int) -> tuple[int, int] | None:
    """Bytes in use of a member and the fewest of any, where it has yet to drop history that others dropped.

    All have the same keys. etcd waits for a compaction on the member that was asked alone (``physical`` of
    KV.Compact); each of the others drops the history in its own time, minutes with a large database.
    """
    used = {row.member_id: space.in_use for row, space in spaces(snapshot) if space.in_use is not None}
    mine, least = used.get(member), min(used.values(), default=0)
    return (mine, least) if mine is not None and mine > least * (1 + FEW / 100) + LITTLE else None


def _wait_for_compaction(member: int, context: Context) -> None:
    """Until it has dropped what the others dropped: it would be copied into a file that stays as large."""
    seen, since = None, time.monotonic()
    while (now := still_compacts(snapshot := context.fresh(FRESH), member)) is not None:
        if now != seen:
            seen, since = now, time.monotonic()
            name = clean(snapshot.label(member))
            tell(f"{name} still drops history: {si_bytes(now[0])} in use, {si_bytes(now[1])} elsewhere")
        elif time.monotonic() - since >= STILL:
            return
        time.sleep(PAUSE)


def _change(name: str, before: int, after: int) -> str:
    given = si_bytes(before - after) if before > after else "nothing"
    return f"{name}: {si_bytes(before)} -> {si_bytes(after)}, {given} given back"


@guard("defrag-target")
def _defrag_target(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether the member can be blocked for as long as it takes. Args: ``member`` (ID)."""
    row = snapshot.row_of_member(args["member"])
    name = clean(snapshot.label(args["member"]))
    if row is None or not row.reading.answered or row.reading.status is None:
        return _Answer(False, f"{name} does not answer: it cannot be defragmented")
    if not row.is_voter:
        return _Answer(False, f"{name} is a learner: etcd defragments none")
    if len(snapshot.voters) == 1:
        text = f"{name} is the only voter: nothing is read or written while its file is rewritten"
        return _Answer(False, f"{text}, {about(space_of(row.reading.status))}", True)
    if snapshot.leader_id == args["member"]:
        heir = successor(snapshot, ())
        if heir is None:
            return _Answer(False, f"{name} leads, and no other voter is healthy: nobody can take over", True)
        return _Answer(True, f"{name} leads: its leadership moves to {clean(heir.name)} first")
    return _Answer(True, f"{name} does not lead: the others serve while its file is rewritten")


def about(space: Space) -> str:
    """How long a defragmentation takes, in words: it copies what is in use."""
    copied = space.in_use if space.in_use is not None else space.size
    return f"about {max(1, round(copied / 100e6))} s at 100 MB/s"


@verification("defragmented")
def _defragmented(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The member's file has shrunk or has hardly anything free, and the cluster has settled.

    Args: those of ``settled``, and ``size``: bytes of the file when it was planned.
    """
    row = snapshot.row_of_member(args["member"])
    status = row.reading.status if row is not None and row.reading.answered else None
    if row is not None and status is not None:
        space = space_of(status)
        little = space.free is None or space.share is None or space.free < LITTLE or space.share <= FEW
        if not little and space.size >= args["size"]:
            return Look(False, f"{clean(row.name)} still has {si_bytes(space.free)} free")
    return VERIFICATIONS["settled"](args, snapshot)


@verification("space-given-back")
def _given_back(args: Args, snapshot: ClusterSnapshot) -> Look:
    """Adds up what became smaller. Args: ``before``: bytes of each file by the member's ID in hex."""
    now = {f"{row.member_id or 0:x}": (clean(row.name), space.size) for row, space in spaces(snapshot)}
    known = [(*now[member], size) for member, size in args["before"].items() if member in now]
    total = sum(max(0, before - after) for _, after, before in known)
    each = "; ".join(_change(name, before, after) for name, after, before in known)
    return Look(len(known) == len(args["before"]), f"{si_bytes(total)} given back in all: {each}")


# -- alarms ----------------------------------------------------------------------------------


@executor("alarm.disarm")
def _disarm(args: Args, context: Context) -> str:
    """All alarms of a kind, as they are now. Args: ``kind``."""
    api, kind = voter(context), args["kind"]
    raised = [alarm for alarm in api.alarms(CALL) if alarm.kind == kind]
    for alarm in raised:
        api.alarm_disarm(alarm, CALL)
    names = ", ".join(clean(context.snapshot().label(alarm.member_id)) for alarm in raised)
    return f"alarm {kind} disarmed on {names}" if raised else f"no alarm {kind} is raised any more"


@guard("alarm-cause")
def _alarm_cause(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether what raised an alarm is over, as far as it can be seen. Args: ``kind``, ``quota`` or None."""
    if args["kind"] != "NOSPACE":
        return _Answer(True, "")
    known = spaces(snapshot, args.get("quota"))
    full = [(row, space) for row, space in known if space.quota and space.size * 100 >= space.quota * FULL]
    if full:
        row, space = full[0]
        text = f"{clean(row.name)} has {si_bytes(space.size)} of its quota of {si_bytes(space.quota)}"
        return _Answer(False, f"{text}: etcd raises the alarm again with the next write", True)
    if any(not space.quota for _, space in known):
        return _Answer(True, "whether the databases are below their quota is not known: etcd < 3.6 keeps it")
    return _Answer(True, "every database is below its quota")


@verification("alarm-gone")
def _alarm_gone(args: Args, snapshot: ClusterSnapshot) -> Look:
    """No member reports an alarm of that kind. Args: ``kind``, ``hold`` in seconds."""
    if snapshot.alarms is None:
        return Look(False, "the alarms are not known: no member answers")
    left = [clean(snapshot.label(a.member_id)) for a in snapshot.alarms if a.kind == args["kind"]]
    if left:
        return Look(False, f"alarm {args['kind']} is still raised on {', '.join(left)}")
    return Look(True, f"no alarm {args['kind']} is raised", hold=float(args["hold"]))


# -- proof -----------------------------------------------------------------------------------


@executor("write.prove")
def _prove(args: Args, context: Context) -> str:
    """Put a key of etcdtui's own, read it back and delete it. Args: ``value``."""
    api, key, value = voter(context), PROBE.encode(), str(args["value"]).encode()
    try:
        revision = api.put(key, value, CALL)
    except Refused as error:
        if "database space exceeded" not in error.details:
            raise
        text = "writes are still refused: what the database holds fills its quota"
        raise Refused(
            f"{text} (etcd: {error.message})", "raise --quota-backend-bytes, or delete keys"
        ) from None
    found = api.get(key, CALL)
    with contextlib.suppress(EtcdError):
        api.delete(key, CALL)
    if found is None or found.value != value:
        raise Refused(f"{PROBE} was written at revision {revision} and could not be read back")
    return f"a write was acknowledged at revision {revision} and read back"
