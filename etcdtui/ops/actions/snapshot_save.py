"""Save the database to a checked file on this machine, and let old ones go."""

from __future__ import annotations

from pathlib import Path

from etcdtui.model.text import clean, si_bytes
from etcdtui.ops import saving, snapshots
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.plan import Plan


def plan(request: Request) -> Plan:
    """One step that changes nothing in the cluster."""
    snapshot, options = request.snapshot, request.options
    row = saving.source(snapshot)
    keep, days = int(options.get("keep") or 0), int(options.get("days") or 0)
    path = saving.path_for(snapshot, row, options.get("directory"))
    step = saving.save_step(snapshot, row, path, keep, days)
    consequences = (
        f"about {si_bytes(saving.status_of(row).db_size)} are read from {clean(row.name)}; "
        "the cluster goes on serving and nothing in it changes",
        "the file holds every key and value: it is readable by its owner alone",
        _retention(path, keep, days),
    )
    return make_plan(request, ACTION.id, f"save {clean(snapshot.name)}", (step,), consequences, (row,))


def _retention(path: Path, keep: int, days: int) -> str:
    if not keep and not days:
        return "older snapshots are kept"
    aged = f" and older than {days} days" if days else ""
    return (
        f"of this cluster's snapshots in {path.parent} those beyond the last {max(keep, 1)}{aged} are deleted"
    )


ACTION = Action(
    id="snapshot-save",
    title="Save a snapshot",
    key="b",
    help="Save the database of a healthy follower to a file on this machine, checked",
    scope=Scope.CLUSTER,
    mutating=False,
    offered=lambda _site: True,
    plan=plan,
    fields=(
        Field(
            name="directory",
            label="Directory",
            kind=Kind.PATH,
            help="where the file goes",
            default=lambda request: str(snapshots.directory_for(request.snapshot.name)),
        ),
        Field(
            name="keep",
            label="Keep the last",
            kind=Kind.INT,
            help="older snapshots of this cluster there are deleted; 0 for none",
            default=lambda _request: 0,
        ),
        Field(
            name="days",
            label="Delete only those older than, in days",
            kind=Kind.INT,
            help="0 for no matter how old",
            default=lambda _request: 0,
        ),
    ),
    group="maintenance",
)
