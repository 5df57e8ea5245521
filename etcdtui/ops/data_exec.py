"""Executors that look at the data itself: members compared by hash, keys counted; nothing is changed."""

from __future__ import annotations

import time

from etcdtui.errors import EtcdError, NotPermitted, Refused, Unreachable
from etcdtui.etcd.api import EtcdReader
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.text import clean, plural
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.plan import Args, Step

FRESH = 6.0
HASH_TIMEOUT = 300.0
"""Seconds hashing or counting everything may take on one member."""
_ROUNDS = 5


def compare_step() -> Step:
    """Compare the data of all voters."""
    return Step(
        verb="hash.compare",
        args={},
        title="compare the members' data",
        call="Maintenance.HashKV of every voter, up to one revision",
    )


@executor("hash.compare")
def _compare(_args: Args, context: Context) -> str:
    """HashKV of every voter up to the lowest of their revisions. Raises Refused where they differ."""
    for _ in range(_ROUNDS):
        snapshot = context.fresh(FRESH)
        readers = _readers(snapshot, context)
        revision = min(row.reading.status.revision for row, _ in readers if row.reading.status)
        hashes = {row.name: api.hash_kv(HASH_TIMEOUT, revision=revision) for row, api in readers}
        if len({answer.compact_revision for answer in hashes.values()}) == 1:
            break
        # A compaction reaches the members one after the other; their hashes compare only after it.
        time.sleep(0.2)
    else:
        raise Refused("the members are being compacted, so their hashes cannot be compared", "try again")
    if len({answer.hash for answer in hashes.values()}) > 1:
        said = ", ".join(f"{clean(name)} {answer.hash:x}" for name, answer in hashes.items())
        raise Refused(
            f"the members' data differs at revision {revision}: {said}", "replace the member that differs"
        )
    return f"{plural(len(hashes), 'member')} hold the same data up to revision {revision}"


def _readers(snapshot: ClusterSnapshot, context: Context) -> list[tuple[EndpointRow, EtcdReader]]:
    silent = [clean(row.name) for row in snapshot.voters if not row.reading.answered]
    if silent or not snapshot.voters:
        raise Unreachable(f"not answering, so it cannot be compared: {', '.join(silent) or 'every member'}")
    return [(row, context.reader(row.endpoint)) for row in snapshot.voters]


@executor("keys.count")
def _count(args: Args, context: Context) -> str:
    """Every voter belongs to that cluster and holds that many keys at one of these revisions.

    Args: ``cluster_id``, ``keys`` (or None where it is not known), ``revisions``: the first of them that
    exists counts.
    """
    snapshot, found = context.fresh(FRESH), {}
    for row, api in _readers(snapshot, context):
        if row.reading.status is None or row.reading.status.cluster_id != args["cluster_id"]:
            raise Refused(f"{clean(row.name)} does not belong to cluster {args['cluster_id']:x}")
        try:
            found[clean(row.name)] = _keys(api, args["revisions"])
        except NotPermitted as error:
            return f"all members belong to cluster {args['cluster_id']:x}; keys not counted: {error.message}"
    wanted = args["keys"]
    said = ", ".join(f"{name} {keys}" for name, keys in found.items())
    if len(set(found.values())) > 1 or (wanted is not None and set(found.values()) != {wanted}):
        raise Refused(f"the keys do not add up: {said}" + (f", expected {wanted}" if wanted else ""))
    as_saved = ", as the snapshot" if wanted is not None else ""
    keys = plural(next(iter(found.values())), "key")
    return f"all {len(found)} members belong to cluster {args['cluster_id']:x} and hold {keys}{as_saved}"


def _keys(api: EtcdReader, revisions: list[int]) -> int:
    error: EtcdError = Refused("no revision to count at")
    for revision in revisions:
        try:
            return api.count(b"", HASH_TIMEOUT, revision=revision)
        except NotPermitted:
            raise
        except Refused as refusal:
            error = refusal
    raise error
