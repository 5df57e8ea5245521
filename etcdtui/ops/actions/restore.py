"""Restore a snapshot into a new cluster on the nodes of this one; their data is moved aside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from etcdtui.errors import UsageError
from etcdtui.model.text import clean, plural
from etcdtui.ops import recovery, snapshots
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.data_exec import compare_step
from etcdtui.ops.plan import Plan, Step
from etcdtui.ops.recovery import Pair
from etcdtui.ops.snapshot_tool import facts
from etcdtui.ops.snapshots import Facts, Origin


def newest(request: Request) -> str | None:
    """The newest snapshot of this cluster that etcdtui saved in its own directory."""
    try:
        saved = snapshots.own(snapshots.directory_for(request.snapshot.name))
    except snapshots.SnapshotError:
        return None
    return str(saved[-1].path) if saved else None


def plan(request: Request) -> Plan:
    """Reads all of the snapshot file; changes nothing."""
    given = request.options.get("snapshot") or newest(request)
    if not given:
        raise UsageError("restore needs a snapshot", "name its file")
    path = Path(str(given)).expanduser().absolute()
    pairs = recovery.pairs_of(request)
    if far := recovery.elsewhere(request):
        raise UsageError(
            f"not on a node known here: {', '.join(far)}: all members must be restored together",
            "remove them from the cluster, or restore there by hand",
        )
    found, origin = facts(path), snapshots.origin_of(path)
    if not found.sha256:
        raise UsageError(f"{path}: has no checksum at its end, so etcd does not restore it")
    bump = request.options.get("bump")
    bump = recovery.BUMP if bump is None else int(bump)
    tried = recovery.rehearsal(request.site)
    remade = recovery.remake(request, pairs, path, f"restored-{request.plan_id}", bump)
    steps = (
        _check_step(path, found, pairs),
        *tried,
        *remade.steps,
        *_proof(remade.founds, found, origin, bump),
    )
    made = make_plan(
        request,
        ACTION.id,
        f"restore {path.name} into a new cluster on {', '.join(clean(node.name) for _, node in pairs)}",
        steps,
        (*_lost(request, path, found, origin), *_means(remade.founds, pairs)),
        (),
        dangerous=True,
    )
    return replace(made, founds=remade.founds)


def _check_step(path: Path, found: Facts, pairs: tuple[Pair, ...]) -> Step:
    return Step(
        verb="snapshot.check",
        args={"path": str(path), "sha256": found.sha256},
        title=f"check {path.name}",
        call=f"read {path}, compare its checksum",
        guards=(nodes.loss(list(pairs), "restoring"),),
    )


def _proof(founds: int, found: Facts, origin: Origin | None, bump: int) -> tuple[Step, ...]:
    if found.revision is None:
        return (compare_step(),)
    count = Step(
        verb="keys.count",
        args={
            "cluster_id": founds,
            "keys": origin.keys if origin is not None else None,
            "revisions": [found.revision + bump, found.revision] if bump else [found.revision],
        },
        title="count the keys",
        call="KV.Range(count_only) of every key, on every voter, at the snapshot's revision",
    )
    return compare_step(), count


def _lost(request: Request, path: Path, found: Facts, origin: Origin | None) -> tuple[str, ...]:
    """What is lost, as far as it can be told."""
    snapshot = request.snapshot
    now = max((status.revision for status in snapshot.answers), default=None)
    current = f"{snapshot.cluster_id:x}" if snapshot.cluster_id is not None else ""
    said = []
    if origin is not None and current and origin.cluster_id != current:
        name = clean(origin.cluster)
        said.append(
            f"ALL OF THIS CLUSTER'S DATA goes: the file comes from cluster {origin.cluster_id} ({name})"
        )
    elif found.revision is None:
        said.append("every write since the snapshot is lost; its revision could not be read")
    elif now is None:
        said.append(
            f"EVERY WRITE after revision {found.revision} is lost; how many cannot be told, nothing answers"
        )
    else:
        # A store without any write is at revision 1 and saved as 0.
        behind = plural(max(0, now - max(1, found.revision)), "revision")
        said.append(f"EVERY WRITE after revision {found.revision} is lost: {behind}, the cluster is at {now}")
    return (*said, f"{path}: {found.sentence()}")


def _means(founds: int, pairs: tuple[Pair, ...]) -> tuple[str, ...]:
    return (
        f"it becomes a new cluster, {founds:x}, with {plural(len(pairs), 'voter')} and new member IDs; "
        "clients keep the same addresses",
        "nothing is read or written from the first stop until the new cluster has its quorum",
        "no data is deleted: the old data directories are moved aside, and undoing the plan moves them back; "
        "what was written to the new cluster goes aside with it then",
        "where the tool can, revisions continue far ahead (--bump-revision --mark-compacted), so that "
        "watchers notice; where it cannot, restart what watches (every Kubernetes API server and controller)",
    )


ACTION = Action(
    id="restore",
    title="Restore a snapshot",
    key="",
    help="Make a new cluster on these nodes from a snapshot; what was written since is lost",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=recovery.can_recover,
    plan=plan,
    fields=(
        Field(
            name="snapshot",
            label="Snapshot",
            kind=Kind.PATH,
            help="its file on this machine",
            required=True,
            default=newest,
        ),
        Field(
            name="bump",
            label="Put revisions ahead by",
            kind=Kind.INT,
            help="where the tool can; 0 for not",
            default=lambda _request: recovery.BUMP,
        ),
    ),
    group="maintenance",
)
