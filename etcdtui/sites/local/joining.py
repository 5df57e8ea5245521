"""Whether a local etcd that is to join a cluster could: it asks its peers first, and ends when it cannot."""

from __future__ import annotations

import time
from pathlib import Path

from etcdtui.errors import NodeError
from etcdtui.sites.local.node import LocalNode

TRIES = 3
WAIT = 10.0
"""Seconds that an etcd may take to learn from its peers that it can join them."""
_NOT_TOLD_IN_TIME = "incompatible with current running cluster"
"""How etcd ends that is to join when none of its peers told it its version in time (3.4 and 3.5)."""
_PAUSE = 0.02


def not_joined(local: LocalNode) -> NodeError | None:
    """Wait until a node that was started can join; why it ended, None when it can or asks its peers still."""
    deadline = time.monotonic() + WAIT
    while local.spec.initial_state == "existing" and not _has_log(local.data_dir):
        seen = local.observe("")
        if seen.pid is None:
            return NodeError(f"{local.name}: etcd {seen.detail}", f"its log is {local.log}")
        if time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE)
    return None


def not_told_in_time(error: NodeError) -> bool:
    """Whether an etcd ended for its peers were busy, so that another may join."""
    return _NOT_TOLD_IN_TIME in error.message


def _has_log(data_dir: Path) -> bool:
    """Whether there is a raft log: etcd makes it, in one step, once it knows that it can join."""
    return (data_dir / "member" / "wal").is_dir()
