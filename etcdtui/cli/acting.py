"""The commands of the registry's actions, such as ``stop`` and ``scale``: a reviewed plan, carried out."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from etcdtui.cli.action_args import options
from etcdtui.cli.headless import opened, settled
from etcdtui.cli.printing import complain, print_json
from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.text import clean
from etcdtui.ops.guards import Verdict, may_pass
from etcdtui.ops.plan import Outcome, Plan, Result
from etcdtui.ops.runner import PATIENCE, PAUSE, Progress
from etcdtui.runtime.session import Session

EXIT = {
    Outcome.DONE: 0,
    Outcome.FAILED: 1,
    Outcome.REFUSED: 3,
    Outcome.UNKNOWN: 4,
    Outcome.CANCELLED: 130,
}
"""Exit code of each outcome."""


def act(args: argparse.Namespace) -> int:
    """One action, from the arguments to the exit code."""
    from etcdtui.cli import wizard

    if wizard.wanted(args):
        return wizard.wizard(args)
    given = options(args)
    with opened(args, read_only=False) as (session, timeout):
        plan = _prepared(session, timeout, args, given)
        if args.save:
            return save(args.save, plan, session)
        return decide(args, session, plan)


def _prepared(session: Session, timeout: float, args: argparse.Namespace, given: dict[str, Any]) -> Plan:
    """The plan; what stands against it is looked at again for a while where it may pass by itself."""
    deadline = time.monotonic() + PATIENCE
    while True:
        snapshot = settled(session, timeout)
        row = find_row(snapshot, args.node) if hasattr(args, "node") else None
        try:
            return session.prepare(args.action, row, given)
        except GuardRefused:
            if not may_pass(snapshot) or time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE)


def decide(args: argparse.Namespace, session: Session, plan: Plan) -> int:
    """Show a plan, ask for a yes, or carry it out, as the arguments want it; the exit code."""
    verdicts = session.verdicts(plan)
    if args.dry_run:
        return _dry_run(args, plan, verdicts)
    if not args.yes:
        print("\n".join(review(plan, verdicts)), file=sys.stderr)
        _ask(plan)
    return _carry_out(args, session, plan)


def save(name: str, plan: Plan, session: Session) -> int:
    """Write a plan to a new file, readable by its owner alone, for `etcdtui run`."""
    from etcdtui.ops.planfile import plan_object

    path = Path(name).expanduser()
    text = json.dumps(plan_object(plan, session.snapshot(), session.profile), indent=2)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
    except OSError as error:
        raise UsageError(f"{path}: the plan cannot be saved: {error.strerror}") from None
    print(f"{clean(plan.title)}: saved in {path}; `etcdtui run {path}` carries it out")
    return 0


def find_row(snapshot: ClusterSnapshot, word: str) -> EndpointRow:
    """The row a person means. Raises UsageError listing what there is."""
    row = snapshot.find(word)
    if row is not None:
        return row
    names = ", ".join(clean(row.name) for row in snapshot.rows)
    raise UsageError(
        f"{clean(snapshot.name)}: there is no node {clean(word)!r}",
        f"there is {names}" if names else "no node is known",
    )


def review(plan: Plan, verdicts: Sequence[Verdict]) -> list[str]:
    """What a person decides on: consequences, steps with their exact calls, what the guards say."""
    lines = [clean(plan.title), *(f"  {clean(sentence)}" for sentence in plan.consequences)]
    for number, step in enumerate(plan.steps, 1):
        lines += [f"{number}. {clean(step.title)}", f"     {clean(step.call)}"]
    for verdict in verdicts:
        word = ("warning" if verdict.warning else "ok") if verdict.ok else "REFUSED"
        lines.append(f"{word}: {clean(verdict.reason)}")
    if any(not v.ok for v in verdicts) and all(v.ok or v.overridable for v in verdicts):
        lines.append(f"It can be overruled with --override {clean(plan.cluster_name)}")
    return lines


def _dry_run(args: argparse.Namespace, plan: Plan, verdicts: Sequence[Verdict]) -> int:
    refused = [v for v in verdicts if not v.ok and not (v.overridable and _overrides(args, plan))]
    if args.output == "json":
        told = [dataclasses.asdict(verdict) for verdict in verdicts]
        print_json({"plan": plan.to_json(), "verdicts": told, "refused": bool(refused)})
    else:
        print("\n".join(review(plan, verdicts)))
    return GuardRefused.exit_code if refused else 0


def _overrides(args: argparse.Namespace, plan: Plan) -> bool:
    return bool(args.override) and args.override == plan.cluster_name


def _ask(plan: Plan) -> None:
    """Ask for a yes. Raises UsageError where nobody can be asked or the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nothing was done: nobody is there to be asked", "add --yes, or --dry-run to look")
    print(f"{clean(plan.title)}: do it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was done: not confirmed")


def _carry_out(args: argparse.Namespace, session: Session, plan: Plan) -> int:
    told = ""

    def show(progress: Progress) -> None:
        # A verification reports every look; only what is new is worth a line.
        nonlocal told
        line = f"[{progress.step_index + 1}/{progress.total}] {progress.phase.value}: {clean(progress.text)}"
        if args.output == "text" and line != told:
            told = line
            print(line, flush=True)

    with _cancelled_by_keyboard() as cancel:
        result = session.execute(plan, override=args.override, progress=show, cancel=cancel)
    if args.output == "json":
        print_json(_result(result))
    elif result.outcome is Outcome.DONE:
        print(f"done: {clean(result.message)}")
    if result.outcome is not Outcome.DONE:
        complain(f"{result.outcome.value}: {clean(result.message)}{_way_out(result)}")
    return EXIT[result.outcome]


def _way_out(result: Result) -> str:
    if result.outcome is Outcome.REFUSED and result.overridable:
        return f" (overrule it with --override {clean(result.plan.cluster_name)})"
    if result.outcome is Outcome.UNKNOWN:
        return " (look with etcdtui status before doing it again)"
    return ""


def _result(result: Result) -> dict[str, Any]:
    return {
        "plan": result.plan.id,
        "action": result.plan.action,
        "title": result.plan.title,
        "cluster": result.plan.cluster_name,
        "outcome": result.outcome.value,
        "message": result.message,
        "steps": len(result.plan.steps),
        "steps_done": result.steps_done,
        "overridable": result.overridable,
    }


@contextlib.contextmanager
def _cancelled_by_keyboard() -> Iterator[threading.Event]:
    """The first Ctrl+C stops the plan between two steps; the second interrupts for good."""
    cancel = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if cancel.is_set():
            signal.default_int_handler(number, frame)
        cancel.set()
        complain("stopping after this step; press Ctrl+C again to stop at once")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)
