"""Planning maintenance: the steps that compact, defragment and disarm, and what they mean in words."""

from __future__ import annotations

from collections.abc import Sequence

from etcdtui.errors import UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.space import Space, space_of, successor
from etcdtui.model.text import clean, si_bytes
from etcdtui.ops import rolling
from etcdtui.ops.action import Field, Kind
from etcdtui.ops.maintenance_exec import CALL, COMPACT_TIMEOUT, DEFRAG_TIMEOUT, PROBE, about
from etcdtui.ops.plan import Check, Step

SETTLE_TIMEOUT = 60.0
"""Seconds within which the cluster must be healthy after a member was blocked."""

PAUSE_FIELD = Field(
    name="pause",
    label="Healthy between two members for",
    kind=Kind.DURATION,
    help="without a break",
    default=lambda _request: rolling.HOLD,
)
QUOTA_FIELD = Field(
    name="quota",
    label="Quota in bytes, if known",
    kind=Kind.INT,
    help="--quota-backend-bytes of the members; etcd before 3.6 does not tell it",
)


def current_revision(snapshot: ClusterSnapshot) -> int:
    """The highest revision that a member answers. Raises UsageError when none does."""
    if not snapshot.answers:
        raise UsageError(f"{clean(snapshot.name)}: no member answers, so the current revision is not known")
    return max(status.revision for status in snapshot.answers)


def compact_step(revision: int, *, physical: bool, or_older: bool = False) -> Step:
    """Compact the history up to a revision.

    Args:
        physical: wait until the database has carried it out.
        or_older: whether a compaction beyond it, by somebody else, is as good.
    """
    return Step(
        verb="store.compact",
        args={"revision": revision, "physical": physical, "or_older": or_older},
        title=f"compact to revision {revision}",
        call=f"KV.Compact(revision={revision}, physical={str(physical).lower()}), {COMPACT_TIMEOUT:g} s",
        guards=(Check("revision-exists", {"revision": revision}),),
    )


def defrag_steps(snapshot: ClusterSnapshot, rows: Sequence[EndpointRow], pause: float) -> tuple[Step, ...]:
    """Defragment these members one after the other; before the leader its leadership moves.

    Args:
        rows: in their order, each of which has answered.
        pause: seconds for which the cluster is healthy between two of them.
    """
    made: list[Step] = []
    done: list[int] = []
    for row in rows:
        member = row.member_id or 0
        heir = successor(snapshot, tuple(done))
        if member == snapshot.leader_id and heir is not None:
            made.append(rolling.move_step(row, heir))
        made.append(_defrag_step(row, member, pause))
        done.append(member)
    before = {f"{row.member_id or 0:x}": _space(row).size for row in rows}
    return (*made, _sum_step(before))


def _defrag_step(row: EndpointRow, member: int, pause: float) -> Step:
    args = {
        "member": member,
        "node": row.node.name if row.node is not None else "",
        "apart": [],
        "hold": pause,
        "version": None,
        "size": _space(row).size,
    }
    return Step(
        verb="member.defrag",
        args={"member": member},
        title=f"defragment {clean(row.name)}",
        call=f"Maintenance.Defragment of {clean(row.endpoint)}, {DEFRAG_TIMEOUT:g} s at most",
        guards=(Check("defrag-target", {"member": member}), Check("others-well", {"apart": [member]})),
        verify=Check("defragmented", args),
        verify_timeout=SETTLE_TIMEOUT + pause,
        # A file that was compacted and not written to since says that it has nothing free.
        again=True,
    )


def _sum_step(before: dict[str, int]) -> Step:
    return Step(
        verb="wait",
        args={},
        title="add up what was given back",
        call="Maintenance.Status of every member",
        verify=Check("space-given-back", {"before": before}),
        verify_timeout=CALL,
    )


def disarm_step(kind: str, quota: int | None) -> Step:
    """Disarm all alarms of a kind."""
    return Step(
        verb="alarm.disarm",
        args={"kind": kind},
        title=f"disarm the alarm {clean(kind)}",
        call=f"Maintenance.Alarm(GET), then Alarm(DEACTIVATE, {clean(kind)}) of each member that has it",
        guards=(Check("alarm-cause", {"kind": kind, "quota": quota}),),
        verify=Check("alarm-gone", {"kind": kind, "hold": 0.0}),
        verify_timeout=CALL,
    )


def prove_step(value: str) -> Step:
    """Prove that writes are taken. Without a verification: cut off, it is done again, not judged."""
    return Step(
        verb="write.prove",
        args={"value": value},
        title="prove a write",
        call=f"KV.Put({PROBE}), KV.Range of it, KV.DeleteRange",
    )


def quiet_step(kind: str, hold: float) -> Step:
    """Wait until no member has raised an alarm for so many seconds."""
    return Step(
        verb="wait",
        args={},
        title=f"see that no member raises {kind} again",
        call="Maintenance.Status of every member",
        verify=Check("alarm-gone", {"kind": kind, "hold": hold}),
        verify_timeout=CALL,
    )


def _space(row: EndpointRow) -> Space:
    if row.reading.status is None:
        raise UsageError(f"{clean(row.name)} does not answer")
    return space_of(row.reading.status)


def blocking(snapshot: ClusterSnapshot, rows: Sequence[EndpointRow]) -> tuple[str, ...]:
    """What defragmenting these members means, for the review."""
    each = ", ".join(f"{clean(row.name)} {_free(_space(row))} ({about(_space(row))})" for row in rows)
    said = [
        "a member answers its clients nothing while its file is rewritten; the others serve on",
        f"to be given back: {each}",
    ]
    leader = next((row for row in rows if row.member_id == snapshot.leader_id), None)
    if leader is not None and len(snapshot.voters) == 1:
        said[0] = "NOTHING IS READ OR WRITTEN meanwhile: the cluster has a single voter"
    elif leader is not None:
        said.append(f"{clean(leader.name)} leads: its leadership moves to another voter before")
    if learners := [clean(row.name) for row in snapshot.rows if row.member and row.member.is_learner]:
        said.append(f"learners are left out, etcd defragments none: {', '.join(learners)}")
    silent = [row for row in snapshot.voters if not row.reading.answered]
    if silent:
        said.append(f"not answering, so left as they are: {', '.join(clean(row.name) for row in silent)}")
    return tuple(said)


def _free(space: Space) -> str:
    return f"about {si_bytes(space.free)}" if space.free is not None else "an unknown part"
