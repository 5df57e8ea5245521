"""Driving changes as a console does: a session with a store of plans, one call an action."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from etcdtui.config import ChangeLock
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome, Plan, Result
from etcdtui.ops.runner import Phase, Progress
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.base import Site
from tests.runtime.watch import Watch


@contextlib.contextmanager
def console(site: Site, root: Path) -> Iterator[Session]:
    """A session on a site whose plans and audit log lie under `root`; the next one finds what it left."""
    session = Session(
        site,
        profile="test",
        refresh=0.3,
        timeout=1.0,
        audit=AuditLog(root / "audit.jsonl"),
        change_lock=ChangeLock(),
        store=PlanStore(root / "plans"),
    )
    session.start()
    try:
        yield session
    finally:
        session.close()


def seen(session: Session, enough: Callable[[ClusterSnapshot], bool], timeout: float = 20) -> ClusterSnapshot:
    """A fresh snapshot that satisfies something."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        shot = session.fresh(5)
        if shot.members_known and not shot.members_error and enough(shot):
            return shot
    raise TimeoutError(f"not seen: {[(r.name, r.state, r.reading.reason) for r in session.snapshot().rows]}")


def whole(count: int) -> Callable[[ClusterSnapshot], bool]:
    """So many members, each of which answers and knows the leader."""
    return lambda s: (
        len(s.members) == len(s.answers) == count
        and s.leader_id is not None
        and all(a.leader == s.leader_id for a in s.answers)
    )


def named(session: Session, name: str) -> EndpointRow:
    row = session.snapshot().find(name)
    assert row is not None, name
    return row


def prepared(session: Session, action: str, target: str = "", /, **options: Any) -> Plan:
    """The plan of an action for a fresh snapshot, as soon as the console shows one."""
    watch = Watch()
    leave = session.subscribe(watch)
    began = time.monotonic()
    session.poke()
    watch.until(lambda s: s.taken_at >= began and s.members_known and s.leader_id is not None)
    leave()
    return session.prepare(action, named(session, target) if target else None, options)


def stopped_after(session: Session, plan: Plan, steps: int, override: str | None = None) -> Result:
    """The plan carried out and cancelled after so many of its steps."""
    cancel = threading.Event()

    def watch(progress: Progress) -> None:
        if progress.phase is Phase.DONE and progress.step_index + 1 == steps:
            cancel.set()

    result = session.execute(plan, progress=watch, cancel=cancel, override=override)
    assert result.outcome is Outcome.CANCELLED, result.message
    assert result.steps_done == steps
    return result


def done(result: Result) -> Result:
    assert result.outcome is Outcome.DONE, result.message
    return result


def names(session: Session) -> list[str]:
    """The members by name, sorted; learners and unstarted ones marked."""
    members = session.fresh(5).members
    return sorted(f"{m.name or '?'}{' learner' if m.is_learner else ''}" for m in members)
