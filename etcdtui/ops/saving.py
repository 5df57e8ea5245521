"""Saving a snapshot of the database to a checked file; the command and the action share it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from etcdtui.errors import EtcdError, NotOffered, SiteError, Unreachable
from etcdtui.etcd.api import EtcdReader
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, EndpointStatus, State
from etcdtui.model.quorum import budget, is_healthy_voter
from etcdtui.model.text import clean, plural, si_bytes
from etcdtui.ops import snapshots
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor, tell
from etcdtui.ops.plan import Args, Step
from etcdtui.ops.snapshot_tool import facts
from etcdtui.ops.snapshots import Facts, Origin, SnapshotError
from etcdtui.sites.base import Site
from etcdtui.sites.manager import Salvaging

DEADLINE = 3600.0
"""Seconds a snapshot may take to arrive."""
COUNT = 30.0
"""Seconds counting the keys may take."""


def source(snapshot: ClusterSnapshot) -> EndpointRow:
    """A healthy follower, else the leader, else any voter that answers. Raises SiteError."""
    answering = [row for row in snapshot.voters if row.reading.answered]
    if not answering:
        raise SiteError(f"{clean(snapshot.name)}: no voter answers, so there is nothing to save from")
    return min(answering, key=lambda r: (not is_healthy_voter(snapshot, r), r.state is State.LEADER, r.name))


def status_of(row: EndpointRow) -> EndpointStatus:
    """What the row's member said last. Raises SiteError when it never did."""
    if row.reading.status is None:
        raise SiteError(f"{clean(row.name)} has not answered")
    return row.reading.status


def path_for(snapshot: ClusterSnapshot, row: EndpointRow, directory: str | Path | None) -> Path:
    """The file of a snapshot taken now: the cluster's ID, the time and about the revision in its name.

    Args:
        directory: where to; None or empty for the cluster's own directory.
    """
    status = status_of(row)
    return file_for(snapshot, status.cluster_id, f"r{status.revision}", directory)


def file_for(
    snapshot: ClusterSnapshot, cluster_id: int | None, what: str, directory: str | Path | None
) -> Path:
    """The file of something saved now; ``unknown`` stands for a cluster whose ID nobody tells."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(snapshot.wall_time))
    place = Path(directory).expanduser() if directory else snapshots.directory_for(snapshot.name)
    which = f"{cluster_id:x}" if cluster_id is not None else "unknown"
    return place / f"{which}-{stamp}-{what}.db"


def save(
    api: EtcdReader,
    path: Path,
    row: EndpointRow,
    cluster: str,
    told: Callable[[int], None],
    *,
    count: bool = True,
) -> tuple[Facts, Origin]:
    """Stream a member's database into a file, check it and write down where it comes from.

    A file that is there already, whole, is checked and kept: nothing is streamed twice.

    Args:
        told: called with the bytes written so far.
        count: whether to ask the cluster for the number of keys, which needs a quorum.

    Raises:
        SnapshotError: the disk does not take it, or it is damaged.
        EtcdError: the stream broke.
    """
    status = status_of(row)
    if not path.exists():
        snapshots.write(path, api.snapshot(DEADLINE), status.db_size, told)
    found, known = facts(path), snapshots.origin_of(path)
    if known is not None and known.sha256 == found.sha256:
        return found, known
    keys = _keys(api, found.revision) if count else None
    origin = _origin(found, cluster, f"{status.cluster_id:x}", row.name, status.version, keys)
    snapshots.write_origin(path, origin)
    return found, origin


def _origin(
    found: Facts, cluster: str, cluster_id: str, member: str, version: str = "", keys: int | None = None
) -> Origin:
    """What is written down of a file that was saved now."""
    return Origin(
        cluster=cluster,
        cluster_id=cluster_id,
        member=member,
        version=version,
        time=time.time(),
        size=found.size,
        sha256=found.sha256,
        hash=found.hash,
        revision=found.revision,
        entries=found.entries,
        keys=keys,
    )


def _keys(api: EtcdReader, revision: int | None) -> int | None:
    # Compacted meanwhile, no permission, an election: then it is not known, and no harm is done.
    with contextlib.suppress(EtcdError):
        return api.count(b"", COUNT, revision=revision) if revision else None
    return None


def sentence(path: Path, found: Facts, origin: Origin) -> str:
    """What was saved, in one line."""
    keys = f", {plural(origin.keys, 'key')}" if origin.keys is not None else ""
    return f"{path}: {found.sentence()}{keys}; from {clean(origin.member)} (etcd {clean(origin.version)})"


def pruned(path: Path, origin: Origin, keep: int, days: float) -> str:
    """Let this cluster's older snapshots beside it go; which ones, in words. Raises SnapshotError."""
    gone = snapshots.prune(path.parent, origin.cluster_id, keep, days, time.time())
    return f"deleted, beyond the last {keep}: {', '.join(gone)}" if gone else ""


# -- as a step of a plan --------------------------------------------------------------------


def save_step(snapshot: ClusterSnapshot, row: EndpointRow, path: Path, keep: int, days: int) -> Step:
    """Save a snapshot of that member to that file."""
    return Step(
        verb="snapshot.save",
        args={
            "member": row.member_id,
            "path": str(path),
            "cluster": snapshot.name,
            "keep": keep,
            "days": days,
        },
        title=f"save a snapshot of {clean(row.name)}",
        call=f"Maintenance.Snapshot of {clean(row.endpoint)} > {path}",
    )


@executor("snapshot.save")
def _save(args: Args, context: Context) -> str:
    """Args: ``member`` (ID), ``path``, ``cluster`` (its name), ``keep``, ``days`` for what may be deleted."""
    snapshot = context.snapshot()
    row = snapshot.row_of_member(args["member"])
    if row is None or not row.endpoint:
        raise Unreachable(f"member {args['member']:x} has no endpoint to save from")
    path, expected = Path(args["path"]), si_bytes(status_of(row).db_size)
    found, origin = save(
        context.reader(row.endpoint),
        path,
        row,
        args["cluster"],
        lambda size: tell(f"{si_bytes(size)} of about {expected}"),
        count=budget(snapshot).has_quorum,
    )
    gone = pruned(path, origin, args["keep"], args["days"])
    return sentence(path, found, origin) + (f"; {gone}" if gone else "")


def salvaging(site: Site) -> Salvaging:
    """The site's capability. Raises NotOffered."""
    if not isinstance(site, Salvaging):
        raise NotOffered(f"{site.name}: a {site.kind} site cannot read the database of a stopped node")
    return site


@executor("data.salvage")
def _salvage(args: Args, context: Context) -> str:
    """What a stopped node holds, as a snapshot of it would be.

    Args: ``node``, ``path``, ``cluster`` (its name), ``cluster_id`` (in hex, empty where it is not known).
    """
    path = Path(args["path"])
    if not path.exists():
        size, chunks = salvaging(context.site).salvage(args["node"])
        expected = si_bytes(size)
        told = partial(_so_far, expected)
        snapshots.write(path, snapshots.sealed(chunks), size, told)
    found, known = facts(path), snapshots.origin_of(path)
    if known is None or known.sha256 != found.sha256:
        origin = _origin(found, args["cluster"], args["cluster_id"], args["node"])
        snapshots.write_origin(path, origin)
    return f"{path}: {found.sentence()}; from the data directory of {clean(args['node'])}"


def _so_far(expected: str, size: int) -> None:
    tell(f"{si_bytes(size)} of {expected}")


@executor("snapshot.check")
def _check(args: Args, _context: Context) -> str:
    """Read all of a snapshot file again. Args: ``path``, ``sha256`` (as it was when planned)."""
    path = Path(args["path"])
    found = facts(path)
    if found.sha256 != args["sha256"]:
        raise SnapshotError(f"{path}: is another file than the one the plan was made for", "plan it again")
    return f"{path}: {found.sentence()}"
