"""Which revision was current when, as it was seen while watching: etcd keeps no time of a revision."""

from __future__ import annotations

EVERY = 10.0
"""Seconds between two entries."""
KEPT = 10_000
"""Entries: a day and a bit."""

Past = tuple[tuple[float, int], ...]
"""(monotonic seconds, revision that was current then), oldest first."""


def noted(past: Past, when: float, revision: int) -> Past:
    """The past with one more observation; a revision that went back belongs to another cluster."""
    if past and revision < past[-1][1]:
        past = ()
    if past and when - past[-1][0] < EVERY:
        return past
    return (*past[-KEPT + 1 :], (when, revision))


def revision_at(past: Past, when: float) -> int | None:
    """A revision that was current at that time or before it; None when nothing was watched so long ago.

    Compacting to it keeps everything that was written since.
    """
    return max((revision for seen, revision in past if seen <= when), default=None)
