"""The operations that are put to the test: how each is typed, prepared, and what it must leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.stage import Stage


def _nothing(_stage: Stage) -> None:
    """No preparation."""


@dataclass(frozen=True)
class Operation:
    """One command under test."""

    name: str
    argv: Callable[[Stage], list[str]]
    """The command and its arguments, without the profile and ``--yes``; asked once the cluster is up."""
    prepare: Callable[[Stage], None] = _nothing
    grows: int = 0
    """How many members more (or fewer) there are once it is finished."""
    sizes: tuple[int, ...] = (3, 5)
    versions: tuple[str, ...] = ("3.4", "3.5")
    stops: bool = False
    """Whether it leaves a node stopped by intent: the trial starts all nodes before it looks."""
    online: bool = True
    """Whether writes must go on: otherwise the writer rests meanwhile."""


OPERATIONS: tuple[Operation, ...] = (
    Operation("restart a follower", lambda s: ["restart", s.follower()]),
    Operation("restart the leader", lambda s: ["restart", s.leader()]),
    Operation("stop a follower", lambda s: ["stop", s.follower()], stops=True),
    Operation("move the leader", lambda s: ["move-leader", s.follower()]),
    Operation("rolling restart", lambda _s: ["rolling-restart"]),
    Operation("upgrade 3.4 to 3.5", lambda _s: ["upgrade", "3.5.1"], versions=("3.4",)),
)
