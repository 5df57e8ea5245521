"""The operations that are put to the test: how each is typed, prepared, and what it must leave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from etcdtui.errors import Refused
from tests.chaos.stage import Stage
from tests.sites.local.support import wait_until


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
    undone: int = 0
    """How many there may be fewer once it is undone: a removal cannot be taken back."""
    sizes: tuple[int, ...] = (3, 5)
    versions: tuple[str, ...] = ("3.4", "3.5")
    stops: bool = False
    """Whether it leaves a node stopped by intent: the trial starts all nodes before it looks."""
    online: bool = True
    """Whether writes must go on: otherwise the writer writes before and rests meanwhile."""
    options: tuple[str, ...] = ()
    """Further flags of etcd."""
    shrinks_to_one: bool = False
    """Whether one member is left once it is finished, the other nodes being stopped."""
    unstarted: int = 0
    """Voters that count for the quorum before they have started, of which the plan warns."""
    hosts: bool = True
    """Whether the lab of hosts has room for it, or its nodes work so."""
    again: bool = False
    """Whether it is done once more when it was undone: without it the cluster is lost."""
    local: bool = True
    """Whether local nodes work so."""


def _kill_and_wipe(stage: Stage) -> None:
    """A member that will not come back: killed, its data gone."""
    victim = stage.follower()
    stage.notes["victim"] = victim
    stage.kill_for_good(victim)
    stage.lose_data(victim)


def _fill(stage: Stage) -> None:
    """Some thousand values and revisions, so that there is something to compact and to give back."""
    filler = stage.site.dial(stage.urls()[0])
    try:
        for number in range(400):
            filler.put(b"filler/%d" % (number % 40), b"x" * 8000, 5.0)
    finally:
        filler.close()


def _fill_up(stage: Stage) -> None:
    """Until etcd says NOSPACE."""
    filler = stage.site.dial(stage.urls()[0])
    try:
        with contextlib.suppress(Refused):
            for number in range(4000):
                filler.put(b"filler/%d" % (number % 8), b"x" * 100_000, 5.0)
    finally:
        filler.close()
    wait_until(lambda: "NOSPACE" in stage.etcdctl("alarm", "list"), "NOSPACE")


def _save(stage: Stage) -> None:
    """A snapshot to restore from, saved by etcdctl; what the writer acknowledged until then counts."""
    file = stage.cli.root / "saved.db"
    stage.save(file)
    stage.notes["snapshot"] = str(file)


def _lose_quorum(stage: Stage) -> None:
    """All members but one killed, for good as far as the operator knows."""
    stage.notes["survivor"] = survivor = stage.leader()
    for node in stage.site.nodes():
        if node.name != survivor:
            stage.kill_for_good(node.name)


def _another_port(stage: Stage) -> list[str]:
    node = stage.follower()
    return ["update-peer-urls", node, stage.another_peer_url(node)]


QUOTA = "--quota-backend-bytes=16000000"

OPERATIONS: tuple[Operation, ...] = (
    Operation("restart a follower", lambda s: ["restart", s.follower()]),
    Operation("restart the leader", lambda s: ["restart", s.leader()]),
    Operation("stop a follower", lambda s: ["stop", s.follower()], stops=True),
    Operation("move the leader", lambda s: ["move-leader", s.follower()]),
    Operation("rolling restart", lambda _s: ["rolling-restart"]),
    Operation("upgrade 3.4 to 3.5", lambda _s: ["upgrade", "3.5.1"], versions=("3.4",)),
    Operation("add a member", lambda _s: ["add-member"], grows=1),
    Operation("add a voter", lambda _s: ["add-member", "--voter"], grows=1, unstarted=1),
    Operation("grow by two", lambda s: ["scale", str(s.size + 2)], grows=2, hosts=False),
    Operation("shrink by two", lambda s: ["scale", str(s.size - 2)], grows=-2),
    Operation("remove a follower", lambda s: ["remove-member", s.follower()], grows=-1),
    Operation("remove the leader", lambda s: ["remove-member", s.leader()], grows=-1),
    Operation(
        "replace a dead member", lambda s: ["replace-member", s.notes["victim"]], _kill_and_wipe, undone=-1
    ),
    Operation("update peer URLs", _another_port),
    Operation("compact", lambda _s: ["compact", "--keep", "10"], _fill),
    Operation("defragment", lambda _s: ["defrag", "--share", "0", "--free", "0"], _fill),
    Operation("end a NOSPACE", lambda _s: ["free-space"], _fill_up, online=False, options=(QUOTA,)),
    Operation(
        "restore a snapshot",
        lambda s: ["restore", s.notes["snapshot"], "--override", s.profile],
        _save,
        online=False,
    ),
    Operation(
        "recover from a lost quorum",
        lambda s: ["recover-quorum", "--node", s.notes["survivor"], "--override", s.profile],
        _lose_quorum,
        shrinks_to_one=True,
        online=False,
    ),
    Operation(
        "recover all from a lost quorum",
        lambda s: ["recover-quorum", "--node", s.notes["survivor"], "--override", s.profile],
        _lose_quorum,
        online=False,
        again=True,
        hosts=False,
        local=False,
    ),
)
