"""Awaiting what a poller or session publishes, without sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from etcdtui.model.cluster import ClusterSnapshot, State


class Watch:
    """Collects snapshots and lets a test wait for the first that satisfies something."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, ClusterSnapshot]] = []
        self._cv = threading.Condition()

    def __call__(self, snapshot: ClusterSnapshot) -> None:
        with self._cv:
            self.seen.append((time.monotonic(), snapshot))
            self._cv.notify_all()

    def until(
        self, test: Callable[[ClusterSnapshot], bool], timeout: float = 25, since: float = 0
    ) -> tuple[float, ClusterSnapshot]:
        """When the first snapshot published after `since` that passes came, and the snapshot."""
        deadline = time.monotonic() + timeout
        with self._cv:
            while True:
                for at, snapshot in self.seen:
                    if at >= since and test(snapshot):
                        return at, snapshot
                left = deadline - time.monotonic()
                if left <= 0:
                    last = self.seen[-1][1] if self.seen else None
                    states = (
                        [(r.name, r.state.value, r.reading.reason) for r in last.rows] if last else "nothing"
                    )
                    raise AssertionError(f"not seen within {timeout} s; last: {states}")
                self._cv.wait(left)


def settled(count: int) -> Callable[[ClusterSnapshot], bool]:
    """All of `count` members answer and agree on a leader."""

    def test(snapshot: ClusterSnapshot) -> bool:
        leaders = {s.leader for s in snapshot.answers}
        return (
            snapshot.members_known
            and len(snapshot.rows) == count
            and len(snapshot.answers) == count
            and len(leaders) == 1
            and 0 not in leaders
        )

    return test


def state_of(name: str, state: State) -> Callable[[ClusterSnapshot], bool]:
    """The row called `name` is in that state."""
    return lambda s: any(r.name == name and r.state is state for r in s.rows)
