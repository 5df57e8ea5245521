"""One change in flight per cluster: whoever runs a plan holds the cluster meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from etcdtui.errors import GuardRefused
from etcdtui.ops.plan import Plan

_mutex = threading.Lock()
_holders: dict[str, Plan] = {}


@contextmanager
def sole_change(plan: Plan) -> Iterator[None]:
    """Hold a cluster for a plan, within this process. Raises GuardRefused when another plan holds it.

    The lease against other consoles belongs here: taken after the keys, given back before them.
    """
    keys = [f"name:{plan.cluster_name}"]
    if plan.cluster_id is not None:
        keys.append(f"id:{plan.cluster_id:x}")
    with _mutex:
        for key in keys:
            if (holder := _holders.get(key)) is not None:
                raise GuardRefused(f"another change is under way: {holder.title}", "wait for its end")
        _holders.update(dict.fromkeys(keys, plan))
    try:
        yield
    finally:
        with _mutex:
            for key in keys:
                del _holders[key]
