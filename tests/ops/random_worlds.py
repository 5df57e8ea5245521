"""Clusters drawn from a seed, what a console sees of them, and what each step of a plan does to them.

The model says what is true (`World.voting`); the snapshot made from it says what a console can see, which
is less: members may hide, answer with an old leader, or have no node. Steps are carried out as their
executors do, always with success where that is possible and without their verifications, so that
whatever holds here holds by the guards alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random

from etcdtui.model.cluster import (
    ClusterSnapshot,
    EndpointRow,
    EndpointStatus,
    Member,
    Node,
    Reading,
    RunState,
    State,
)
from etcdtui.model.quorum import quorum_of
from etcdtui.ops.plan import Args, Step
from etcdtui.sites.base import NewNode
from tests.ops.worlds import CLUSTER, NOW, PlanningSite

ENDS = (RunState.STOPPED, RunState.FAILED, RunState.FROZEN)
VERSIONS = ("3.5.1", "3.5.1", "3.4.23", "3.5.30", "3.6.11", "3.3.10")
INDEX = 1000


def client(number: int) -> str:
    return f"http://10.0.0.{number}:2379"


def peer(number: int) -> str:
    return f"http://10.0.0.{number}:2380"


class GrowingSite(PlanningSite):
    """Growable on paper: proposes n51, n52, ... and can do nothing."""

    def propose_nodes(self, count: int) -> tuple[NewNode, ...]:
        return tuple(NewNode(f"n{n}", peer(n), client(n)) for n in range(51, 51 + count))

    def describe_prepare(self, node: NewNode) -> str:
        return f"prepare {node.name}"

    def prepare_node(self, node: NewNode, initial_cluster: Mapping[str, str]) -> str:
        raise AssertionError("planning must not act")

    def describe_retire(self, node: str) -> str:
        return f"retire {node}"

    def retire_node(self, node: str) -> str:
        raise AssertionError("planning must not act")

    def describe_set_aside(self, node: str) -> str:
        return f"mv {node}"

    def set_aside(self, node: str) -> str:
        raise AssertionError("planning must not act")


@dataclass(slots=True)
class Seat:
    """One member: what is true of it, and what a console sees. Its URLs and node follow from `number`."""

    id: int
    number: int
    learner: bool = False
    started: bool = True
    up: bool = True
    """Its process runs and reaches the leader."""
    seen: str = "answers"
    """``answers``, ``silent``, ``denied``, ``unread``, or ``old``: it answers with what was true once."""
    run: RunState | None = RunState.RUNNING
    """What the site says of its node; None without one."""


@cache
def _reading(id_: int, seen: str, leader: int, learner: bool, version: str, index: int) -> Reading:
    if seen == "silent":
        return Reading(State.DOWN, None, "connection refused", None, NOW)
    if seen == "denied":
        return Reading(State.NOT_PERMITTED, None, "permission denied", None, NOW)
    if seen == "unread":
        return Reading(State.UNKNOWN, None, "not read yet", None, NOW)
    term = 4 if seen == "old" else 5
    status = EndpointStatus(CLUSTER, id_, 10, term, version, 20480, leader, index, is_learner=learner)
    return Reading(None, status, "", 0.001, NOW, NOW)


@cache
def _member(id_: int, number: int, learner: bool, started: bool) -> Member:
    name, urls = (f"n{number}", (client(number),)) if started else ("", ())
    return Member(id_, name, (peer(number),), urls, learner)


@cache
def _node(number: int, run: RunState) -> Node:
    return Node(f"n{number}", run, "", None, f"n{number}", (peer(number),), (client(number),))


@dataclass
class World:
    """A cluster as it is."""

    seats: list[Seat]
    version: str
    leader: int = 0
    idle: dict[int, RunState] = field(default_factory=dict)
    """Nodes that no member runs on, by number."""
    fresh_id: int = 1000

    @property
    def voters(self) -> int:
        return sum(not s.learner for s in self.seats)

    @property
    def voting(self) -> int:
        """Voters that are up: what a quorum is really made of."""
        return sum(s.up and not s.learner for s in self.seats)

    @property
    def works(self) -> bool:
        return self.voters > 0 and self.voting >= quorum_of(self.voters)

    def elect(self, rng: Random) -> None:
        """Somebody leads where there is a quorum and nobody does; nobody where there is none."""
        able = [s.id for s in self.seats if s.up and not s.learner]
        if not self.works:
            self.leader = 0
        elif self.leader not in able:
            self.leader = rng.choice(able)

    def snapshot(self) -> ClusterSnapshot:
        rows, members, nodes = [], [], []
        for seat in self.seats:
            member = _member(seat.id, seat.number, seat.learner, seat.started)
            node = _node(seat.number, seat.run) if seat.run is not None else None
            index = INDEX if seat.up else INDEX // 2
            leader = self.leader if seat.seen != "old" else 0
            seen = seat.seen if seat.started else "unread"
            reading = _reading(seat.id, seen, leader, seat.learner, self.version, index)
            rows.append(EndpointRow(client(seat.number), reading, member, node))
            members.append(member)
            if node is not None:
                nodes.append(node)
        for number, run in self.idle.items():
            nodes.append(_node(number, run))
            rows.append(EndpointRow("", Reading(reason="no member runs here"), None, nodes[-1]))
        return ClusterSnapshot("lab", tuple(rows), tuple(members), True, nodes=tuple(nodes), taken_at=NOW)

    # -- what steps do ---------------------------------------------------------------------

    def seat_of(self, args: Args) -> Seat | None:
        if args.get("member") is not None:
            return next((s for s in self.seats if s.id == args["member"]), None)
        return next((s for s in self.seats if peer(s.number) in args["peer_urls"]), None)

    def _on(self, node: str) -> tuple[int, Seat | None]:
        number = int(node.removeprefix("n"))
        return number, next((s for s in self.seats if s.number == number), None)

    def carry_out(self, step: Step, rng: Random) -> None:
        """What the step's executor does, once its guards let it pass."""
        args = step.args
        match step.verb:
            case "member.add":
                if self.seat_of(args) is None:
                    number = int(args["node"].removeprefix("n"))
                    run = self.idle.pop(number, None)
                    self.fresh_id += 1
                    self.seats.append(
                        Seat(self.fresh_id, number, args["learner"], False, False, "unread", run)
                    )
            case "member.promote":
                if (seat := self.seat_of(args)) is not None:
                    seat.learner = False
            case "member.remove":
                if (seat := self.seat_of(args)) is not None:
                    self.seats.remove(seat)
                    if seat.run is not None:
                        # etcd ends by itself once it learns of it, and the node stays.
                        self.idle[seat.number] = RunState.STOPPED if seat.up else seat.run
            case "leader.move":
                target = self.seat_of({"member": args["target"]})
                if target is not None and target.up and not target.learner:
                    self.leader = target.id
            case "node.prepare" | "node.start" | "node.stop" | "node.kill" | "node.retire" | "node.set-aside":
                self._node_step(step.verb, args["node"])
            case "member.update":
                seat = self.seat_of({"member": args["member"]})
                if seat is not None and self.voters > 1:
                    # The worst: nobody listens there, and its peers lose it.
                    seat.up, seat.seen = False, "old"
            case "wait":
                pass
            case other:
                raise AssertionError(f"the model knows no {other}")
        self.elect(rng)

    def _node_step(self, verb: str, node: str) -> None:
        number, seat = self._on(node)
        if verb == "node.prepare":
            if seat is not None and seat.run is None:
                seat.run = RunState.STOPPED
        elif verb == "node.start":
            if seat is not None:
                seat.started = seat.up = True
                seat.seen, seat.run = "answers", RunState.RUNNING
        elif verb in ("node.stop", "node.kill"):
            if seat is not None:
                seat.up, seat.seen, seat.run = False, "silent", RunState.STOPPED
            elif number in self.idle:
                self.idle[number] = RunState.STOPPED
        else:
            # Giving a node up and moving its data away must never meet a member that votes with it.
            assert seat is None or seat.learner or not seat.started, f"{verb} {node} takes a voter's data"
            if verb == "node.retire":
                self.idle.pop(number, None)
                if seat is not None:
                    seat.run, seat.up, seat.seen = None, False, "silent"


def draw(rng: Random) -> World:
    """A cluster of one to seven voters with everything that can be wrong with it."""
    chance = rng.random
    # Half of the clusters are mostly well: the others are refused early and say less.
    trouble = rng.choice((0.0, 0.06, 0.25))
    seats = []
    for number in range(1, rng.choice((1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 7)) + 1):
        seat = Seat(number, number)
        if chance() < trouble:
            seat.up, seat.seen, seat.run = False, "silent", rng.choice(ENDS)
        elif chance() < trouble / 2:
            seat.up, seat.seen = False, "old"
        elif chance() < trouble:
            seat.seen = rng.choice(("silent", "denied", "unread"))
        if chance() < 0.08:
            seat.run = rng.choice((None, RunState.UNKNOWN))
        seats.append(seat)
    if chance() < 0.15:
        seats.append(Seat(31, 31, learner=True, up=chance() < 0.8))
        if not seats[-1].up:
            seats[-1].seen, seats[-1].run = "silent", RunState.STOPPED
    if chance() < 0.05:
        seats.append(Seat(32, 32, chance() < 0.5, started=False, up=False, run=None))
    world = World(seats, rng.choice(VERSIONS))
    if chance() < 0.05:
        world.idle[41] = rng.choice((RunState.RUNNING, RunState.STOPPED))
    world.elect(rng)
    return world


def disturb(world: World, rng: Random) -> None:
    """Something happens that no plan asked for: a member crashes, or one comes back."""
    seat = rng.choice(world.seats)
    if seat.up:
        seat.up, seat.seen = False, "silent"
        seat.run = RunState.FAILED if seat.run is not None else None
    elif seat.started:
        seat.up, seat.seen = True, "answers"
        seat.run = RunState.RUNNING if seat.run is not None else None
    world.elect(rng)
