"""One trial: an operation, a fault at one point of its plan, the next launch, and what is left."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any

from etcdtui.model.quorum import quorum_of
from tests.chaos.operations import Operation
from tests.chaos.stage import Stage, staged, writing
from tests.sites.local.support import wait_until
from tests.support.writer import Tally, Writer

FROZEN = 6.0
"""Seconds a frozen node stands still."""
ELECTION = 3.0
"""Seconds without an acknowledged write that an election may explain; longer counts as without quorum."""
NOTHING = ("nothing of", "nothing was changed yet")
"""What a console says that cannot undo a plan because there is nothing to take back."""
ROUNDS = 4
"""How often the next launch may be needed before a trial counts as stuck."""


Staging = Callable[[Path, int, str, tuple[str, ...]], AbstractContextManager[Stage]]
"""Makes a healthy cluster of a size and version with further flags of etcd, and clears it away."""


class Fault(StrEnum):
    """What goes wrong."""

    NONE = "none"
    CONSOLE = "console killed"
    NODE_KILLED = "node killed"
    NODE_FROZEN = "node frozen"
    POWER_CUT = "power cut"
    """Of the node's machine, which boots again after a while."""


@dataclass(frozen=True)
class Point:
    """Where it goes wrong: at the line that begins or ends a step, and some time later."""

    fault: Fault = Fault.NONE
    step: int = 0
    """1-based."""
    phase: str = "begin"
    """``begin``: in the middle of the step; ``end``: between it and the next."""
    delay: float = 0.0
    """Seconds after that line."""

    def __str__(self) -> str:
        where = "in" if self.phase == "begin" else "after"
        return "undisturbed" if self.fault is Fault.NONE else f"{self.fault} {where} step {self.step}"


@dataclass
class Outcome:
    """What a trial found."""

    operation: str
    size: int
    version: str
    point: Point
    hit: bool = False
    """Whether the fault came before the plan had ended."""
    settled: str = ""
    """``done`` by itself, ``finished`` or ``undone`` by the next launch."""
    lost: int = 0
    """Acknowledged writes that are not there."""
    written: int = 0
    stray: int = 0
    """1 when members, nodes and learners are not what they should be."""
    without_quorum: float = 0.0
    """Seconds."""
    problem: str = ""
    history: list[str] = field(default_factory=list)
    """What the launches afterwards were told to do, and how that ended."""
    durations: list[float] = field(default_factory=list)
    """Seconds of each step, of an undisturbed run."""

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.problem or self.lost or self.stray or self.without_quorum)


def points(durations: list[float], random: Random, *, machines: bool = False) -> Iterator[Point]:
    """Every point of a plan: the console killed in and after each step, the node killed and frozen in it.

    Args:
        machines: whether the nodes have machines of their own, whose power can be cut.
    """
    for step, duration in enumerate(durations, 1):
        yield Point(Fault.CONSOLE, step, "begin", random.uniform(0, min(duration, 8.0)))
        if step < len(durations):
            yield Point(Fault.CONSOLE, step, "end")
        for fault in (Fault.NODE_KILLED, Fault.NODE_FROZEN):
            yield Point(fault, step, "begin", random.uniform(0, min(duration, 2.0)))
        if machines:
            yield Point(Fault.POWER_CUT, step, "begin", random.uniform(0, min(duration, 2.0)))


def attempt(
    root: Path,
    operation: Operation,
    size: int,
    version: str,
    point: Point,
    random: Random,
    staging: Staging = staged,
) -> Outcome:
    """Carry out one trial in a directory of its own."""
    outcome = Outcome(operation.name, size, version, point)
    with staging(root, size, version, operation.options) as stage:
        writer = writing(stage)
        try:
            with writer:
                if not operation.online:
                    writer.wait_for(200)
                    writer.stop()
                operation.prepare(stage)
                argv = operation.argv(stage)
                _disturb(stage, argv, point, outcome)
                _settle(stage, point, outcome, random)
                _revive(stage, operation, outcome)
                _judge(stage, operation, writer, outcome)
        except (AssertionError, TimeoutError) as error:
            outcome.problem = outcome.problem or f"{type(error).__name__}: {error}"
        if not outcome.ok:
            outcome.history += stage.last_words()
    return outcome


def _disturb(stage: Stage, argv: list[str], point: Point, outcome: Outcome) -> None:
    """Run the command, and do to it what the point says."""
    console = stage.console(*argv, stage.profile, "--yes")
    try:
        if point.fault is Fault.NONE:
            said = console.communicate(timeout=280)[1].strip()
            outcome.problem = said if console.returncode else ""
            outcome.durations = [x["duration"] for x in stage.audit_lines() if x["phase"] == "end"]
        elif stage.await_line(console, point.phase, point.step):
            time.sleep(point.delay)
            outcome.hit = console.poll() is None
            if point.fault is Fault.CONSOLE:
                console.kill()
            else:
                _hurt(stage, point)
        console.communicate(timeout=280)
    finally:
        console.kill()
        console.communicate()
    if console.returncode == 0:
        outcome.settled = "done"


def _hurt(stage: Stage, point: Point) -> None:
    """Kill or freeze the node that the step acts on, or cut the power of its machine."""
    victim = _acted_on(stage, point.step)
    if point.fault is Fault.NODE_KILLED:
        stage.signal(victim, signal.SIGKILL)
    elif point.fault is Fault.POWER_CUT:
        if stage.power(victim, False):
            _later(stage.power, victim, True)
    elif stage.signal(victim, signal.SIGSTOP):
        _later(stage.signal, victim, signal.SIGCONT)


def _later(call: Callable[..., object], *args: object) -> None:
    timer = threading.Timer(FROZEN, call, args)
    timer.daemon = True
    timer.start()


def _acted_on(stage: Stage, step: int) -> str:
    """The node a step names, or the nearest step that names one; any node where none does."""
    names = [node.name for node in stage.site.nodes()]
    stored = sorted((stage.cli.root / "state" / "etcdtui" / "plans").glob("*.json"))
    with contextlib.suppress(FileNotFoundError, IndexError):
        # A plan that ends meanwhile takes its file along.
        steps = json.loads(stored[-1].read_text())["plan"]["steps"]
        order = sorted(range(len(steps)), key=lambda i: abs(i - (step - 1)))
        for index in order:
            if (name := steps[index]["args"].get("node")) in names:
                return str(name)
    return names[-1]


def _settle(stage: Stage, point: Point, outcome: Outcome, random: Random) -> None:
    """The next launch: what was left is finished or undone, as often as it takes."""
    if point.fault in (Fault.NODE_FROZEN, Fault.POWER_CUT):
        hurt = ("frozen", "unknown")
        wait_until(
            lambda: all(str(n.run_state) not in hurt for n in stage.site.nodes()), "mended", FROZEN + 25
        )
    said, nothing, code = "", False, 0

    def run(*words: str) -> tuple[int, str]:
        code, told = stage.run(*words, stage.profile, "--yes")
        outcome.history.append(f"{words[0]}: {code} {told}".strip())
        return code, told

    for _ in range(ROUNDS):
        left = _unfinished(stage)
        if not left:
            ended = any(x["phase"] == "end" and x["step"] == x["total"] for x in stage.audit_lines())
            outcome.settled = outcome.settled or ("done" if ended else "not begun")
            return
        how = random.choice(("finish", "undo"))
        code, said = run(how, left[0]["id"])
        if code == -1:
            outcome.problem = f"{how} hangs"
            return
        nothing = nothing or (code == 2 and any(words in said for words in NOTHING))
        if code == 2:
            how = "undo" if how == "finish" else "finish"
            code, said = run(how, left[0]["id"])
        if code == 0:
            outcome.settled = {"finish": "finished", "undo": "undone"}[how]
        elif code in (1, 3):
            # What a person does then: bring back what is down, and go on.
            run("start-all")
    if nothing and code == 3 and stage.run("forget", left[0]["id"], stage.profile)[0] == 0:
        # Nothing was done yet and it is refused for good, such as a recovery whose quorum came back.
        outcome.settled = "undone"
    elif _unfinished(stage):
        outcome.problem = f"still unfinished after {ROUNDS} launches: {said}"


def _unfinished(stage: Stage) -> list[dict[str, Any]]:
    """What a launch would offer; where nothing at all is kept it need not be asked."""
    kept = any((stage.cli.root / "state" / "etcdtui" / "plans").glob("*.json"))
    return list(stage.cli.json("plans", stage.profile, "-o", "json")) if kept else []


def _revive(stage: Stage, operation: Operation, outcome: Outcome) -> None:
    """Nodes that were hurt, or stopped by intent, run again before the count."""
    if operation.again and outcome.settled in ("undone", "not begun"):
        code, said = stage.run(*operation.argv(stage), stage.profile, "--yes")
        outcome.history.append(f"again: {code} {said}".strip())
    back = operation.shrinks_to_one and outcome.settled in ("undone", "not begun")
    hurt = outcome.point.fault not in (Fault.NONE, Fault.CONSOLE)
    if operation.shrinks_to_one and hurt and not back:
        # The one that is left may have been killed in the very last step.
        code, said = stage.run("start", str(stage.notes["survivor"]), stage.profile, "--yes")
        outcome.history.append(f"start: {code} {said}".strip())
    if operation.stops or back or (hurt and not operation.shrinks_to_one):
        code, said = stage.run("start-all", stage.profile, "--yes")
        outcome.history.append(f"start-all: {code} {said}".strip())


def _judge(stage: Stage, operation: Operation, writer: Writer, outcome: Outcome) -> None:
    """Members, nodes, writes and the time without quorum."""
    target = 1 if operation.shrinks_to_one else stage.size + operation.grows
    least = min(stage.size + operation.undone, target)
    through = outcome.settled in ("done", "finished")
    allowed = {target} if through else set(range(least, max(stage.size, target) + 1))
    # What was dead before is so again when it was not replaced after all.
    dead = "" if through else str(stage.notes.get("victim", ""))
    last = [""]

    def sound() -> bool:
        last[0] = stage.unsound(allowed, one_node=through and operation.shrinks_to_one, dead=dead)
        return not last[0]

    try:
        wait_until(sound, "sound", 30)
    except TimeoutError:
        outcome.stray, outcome.problem = 1, outcome.problem or last[0]
    tally: Tally = writer.verify(stage.urls())
    outcome.written, outcome.lost = tally.acknowledged, len(tally.lost)
    hurt = outcome.point.fault not in (Fault.NONE, Fault.CONSOLE)
    # With two voters left, or a fourth that has not started, the fault alone costs the quorum.
    spared = min(stage.size, target) >= 3 and stage.size - 1 >= quorum_of(stage.size + operation.unstarted)
    ours = spared or not hurt
    if operation.online and ours and tally.longest_gap > ELECTION:
        outcome.without_quorum = tally.longest_gap
