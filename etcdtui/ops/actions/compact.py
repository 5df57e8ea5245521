"""Compact the history of the store: to a revision, or keeping the last revisions or the last while."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.past import revision_at
from etcdtui.model.text import clean, duration, plural
from etcdtui.ops import maintenance
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.plan import Plan

KEEP = 1000
"""Revisions kept unless told otherwise."""


def plan(request: Request) -> Plan:
    """One step. A revision given counts first, then a time, then a number of revisions."""
    snapshot, options = request.snapshot, request.options
    now = maintenance.current_revision(snapshot)
    revision, kept = _target(request, now)
    if revision < 1:
        raise UsageError(
            f"{clean(snapshot.name)}: has {plural(now, 'revision')}, so there is nothing to compact",
            "keep fewer than that",
        )
    physical = bool(options.get("physical"))
    consequences = (
        f"the history before revision {revision} goes, {kept}; every key keeps its value",
        "a watch or a read that asks for an older revision is refused "
        "(mvcc: required revision has been compacted)",
        "the files do not shrink by it: defragmenting gives the space back",
    )
    steps = (maintenance.compact_step(revision, physical=physical),)
    return make_plan(
        request, ACTION.id, f"compact {clean(snapshot.name)} to revision {revision}", steps, consequences, ()
    )


def _target(request: Request, now: int) -> tuple[int, str]:
    """The revision to compact to, and what is kept in words."""
    options = request.options
    if (revision := options.get("revision")) is not None:
        return int(revision), f"{now - int(revision)} later ones stay"
    if (span := options.get("last")) is not None:
        return _long_ago(
            request.snapshot, float(span)
        ), f"what was written in the last {duration(span)} stays"
    keep = options.get("keep")
    keep = KEEP if keep is None else int(keep)
    if keep < 0:
        raise UsageError(f"--keep {keep}: fewer than none cannot be kept")
    return now - keep, f"the last {keep} revisions stay"


def _long_ago(snapshot: ClusterSnapshot, span: float) -> int:
    """The revision that was current that many seconds ago, as far as it was watched."""
    found = revision_at(snapshot.past, snapshot.taken_at - span)
    if found is None:
        seen = snapshot.taken_at - snapshot.past[0][0] if snapshot.past else 0.0
        text = f"which revision was current {duration(span)} ago is not known"
        raise UsageError(
            f"{text}: etcd keeps no times, and this session has watched for {duration(seen)}",
            "keep a number of revisions, or let etcd do it: --auto-compaction-mode=periodic",
        )
    return found


ACTION = Action(
    id="compact",
    title="Compact",
    key="C",
    help="Drop the history of the store before a revision; keys keep their values",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    fields=(
        Field(
            name="keep",
            label="Keep the last revisions",
            kind=Kind.INT,
            help="how many, unless one of the next two is given",
            default=lambda _request: KEEP,
        ),
        Field(
            name="last",
            label="Or keep what was written in the last",
            kind=Kind.DURATION,
            help="as far as this session has watched",
        ),
        Field(name="revision", label="Or compact to the revision", kind=Kind.INT),
        Field(
            name="physical",
            label="Wait until the database has done it",
            kind=Kind.BOOL,
            help="defragmenting right afterwards then gives all of it back",
            default=lambda _request: False,
        ),
    ),
    group="maintenance",
)
