"""``plans``, ``finish``, ``undo``, ``forget`` and ``run``: unfinished changes, and plans in files."""

from __future__ import annotations

import argparse
import uuid
from dataclasses import replace
from pathlib import Path

from etcdtui.cli.acting import decide
from etcdtui.cli.headless import opened, settled
from etcdtui.cli.printing import complain, print_json, table
from etcdtui.errors import PlanStale, UsageError
from etcdtui.model.text import clean
from etcdtui.ops.resume import Unfinished
from etcdtui.runtime.session import Session


def plans(args: argparse.Namespace) -> int:
    """List the plans that were left unfinished on a cluster; 1 when there are any."""
    with opened(args, read_only=False) as (session, timeout):
        settled(session, timeout)
        left = session.changes.unfinished()
        for problem in session.changes.store.problems:
            complain(problem)
    if args.output == "json":
        print_json([_object(each) for each in left])
    elif left:
        rows = [(u.id, u.entry.saved[:19], clean(u.title, 60), clean(u.why, 100)) for u in left]
        print(table(("ID", "BEGUN", "PLAN", "WHY"), rows))
        print("etcdtui finish ID, etcdtui undo ID or etcdtui forget ID settles it")
    else:
        print("nothing was left unfinished")
    return 1 if left else 0


def settle(args: argparse.Namespace) -> int:
    """``finish``, ``undo`` or ``forget`` one of them."""
    with opened(args, read_only=False) as (session, timeout):
        settled(session, timeout)
        left = _find(session, args.id)
        if args.command == "forget":
            session.changes.forget(left)
            print(f"forgotten: {clean(left.title)}")
            return 0
        make = session.changes.finish if args.command == "finish" else session.changes.undo
        return decide(args, session, make(left))


def run(args: argparse.Namespace) -> int:
    """Carry out a plan from a file, if the cluster is still the one it was made for."""
    from etcdtui.ops.planfile import check_members, read_file

    saved = read_file(Path(args.file).expanduser())
    with opened(args, read_only=False) as (session, timeout):
        snapshot = settled(session, timeout)
        if session.read_only:
            raise UsageError("this profile is read-only", "nothing was done")
        check_members(saved, snapshot)
        if saved.plan.cluster_name != snapshot.name:
            name = clean(saved.plan.cluster_name)
            raise PlanStale(f"the plan was made for {name}, and this is {clean(snapshot.name)}")
        # A file may be run more than once: every run has an ID of its own.
        return decide(args, session, replace(saved.plan, id=uuid.uuid4().hex[:12]))


def _find(session: Session, word: str) -> Unfinished:
    left = session.changes.unfinished()
    found = [each for each in left if each.id == word] or [e for e in left if e.id.startswith(word)]
    if len(found) != 1:
        names = ", ".join(each.id for each in left)
        raise UsageError(
            f"there is no unfinished plan {clean(word)!r}", f"there is {names}" if names else "there is none"
        )
    return found[0]


def _object(left: Unfinished) -> dict[str, object]:
    steps = zip(left.entry.plan.steps, left.entry.states, strict=True)
    return {
        "id": left.id,
        "title": left.title,
        "action": left.entry.plan.action,
        "begun": left.entry.saved,
        "who": dict(left.entry.who),
        "why": left.why,
        "steps": [{"title": step.title, "state": str(state.mark)} for step, state in steps],
    }
