"""Recovering a quorum where no node can be started alone: all become a new cluster of what one holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from etcdtui.model.text import clean, plural
from etcdtui.ops import maintenance, recovery, saving
from etcdtui.ops.action import Request
from etcdtui.ops.data_exec import compare_step
from etcdtui.ops.plan import Check, Step
from etcdtui.ops.recovery import Pair, Remade

GONE = Check("quorum-gone", {})


def steps_from(request: Request, pairs: tuple[Pair, ...], chosen: Pair) -> Remade:
    """The steps. Raises UsageError, SiteError.

    What the chosen member holds is saved while it answers, else read from its node once all are stopped.
    """
    row, node = chosen
    site, directory = request.site, request.options.get("directory")
    # What the site lacks is told before anything else.
    tried = recovery.rehearsal(site)
    first: tuple[Step, ...] = ()
    stopped: tuple[Step, ...] = ()
    if row is not None and row.reading.answered:
        path = saving.path_for(request.snapshot, row, directory).absolute()
        first = (saving.save_step(request.snapshot, row, path, 0, 0),)
    else:
        # As of any snapshot, with the node for the revision that nobody knows.
        known = request.snapshot.cluster_id
        path = saving.file_for(request.snapshot, known, node.name, directory).absolute()
        stopped = (_salvage_step(request, node.name, path),)
    token = f"recovered-{request.plan_id}"
    remade = recovery.remake(request, pairs, path, token, recovery.BUMP, stopped)
    stop, *rest = remade.steps
    # What is saved is all only while no write can be agreed.
    stop = replace(stop, guards=(GONE, *stop.guards))
    steps = (*first, *tried, stop, *rest, compare_step(), maintenance.prove_step(request.plan_id))
    return Remade(steps, remade.founds)


def _salvage_step(request: Request, node: str, path: Path) -> Step:
    known = request.snapshot.cluster_id
    return Step(
        verb="data.salvage",
        args={
            "node": node,
            "path": str(path),
            "cluster": request.snapshot.name,
            "cluster_id": f"{known:x}" if known is not None else "",
        },
        title=f"save what {clean(node)} holds",
        call=f"{saving.salvaging(request.site).describe_salvage(node)} > {path}",
    )


def means(founds: int, chosen: Pair, pairs: tuple[Pair, ...]) -> tuple[str, ...]:
    """What it comes to, in sentences."""
    name = clean(chosen[1].name)
    return (
        f"it becomes a new cluster, {founds:x}, with {plural(len(pairs), 'voter')} and new member IDs, "
        f"from what {name} holds; clients keep the same addresses",
        "no data is deleted: the old data directories are moved aside, and undoing the plan moves them back",
        "where the tool can, revisions continue far ahead (--bump-revision --mark-compacted), so that "
        "watchers notice; where it cannot, restart what watches",
    )
