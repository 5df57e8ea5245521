"""A session on a local cluster as a console has it: change lock, plan store and audit log of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from etcdtui.config import ChangeLock
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome, Plan, Result
from etcdtui.ops.runner import Phase, Progress
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.base import Site
from etcdtui.sites.local.demo import open_demo
from etcdtui.sites.local.site import LocalSite
from tests.sites.local.support import QUICK, wait_until
from tests.support.site import READ_TIMEOUT
from tests.support.tools import etcd


@contextlib.contextmanager
def cluster(
    root: Path, nodes: int = 3, version: str = "3.5", options: tuple[str, ...] = ()
) -> Iterator[LocalSite]:
    """A local cluster with further flags, gone afterwards."""
    site = open_demo(root, nodes=nodes, binary=etcd(version), options=(*QUICK, *options))
    try:
        yield site
    finally:
        site.shutdown(everything=True)


@contextlib.contextmanager
def console(site: LocalSite, root: Path, **options: Any) -> Iterator[Session]:
    """A session that has listed the nodes; with a site of its own, as every console has."""
    with session_on(LocalSite(site.directory, binary=site._cluster._given), root, **options) as session:
        wait_until(lambda: bool(session.snapshot().nodes), "the nodes are listed")
        yield session


@contextlib.contextmanager
def session_on(site: Site, root: Path, **options: Any) -> Iterator[Session]:
    """A session on any site; plans and audit log lie under `root`, where the next one finds them."""
    session = Session(
        site,
        profile="lab",
        refresh=0.2,
        timeout=READ_TIMEOUT,
        audit=AuditLog(root / "audit.jsonl"),
        store=PlanStore(root / "plans"),
        change_lock=ChangeLock(),
        **options,
    )
    session.start()
    try:
        yield session
    finally:
        session.close()


def ready(session: Session, count: int = 3) -> ClusterSnapshot:
    """Until so many members answer and agree on a leader."""
    shot = session.snapshot()

    def agreed() -> bool:
        nonlocal shot
        shot = session.fresh(3)
        answers = [s for s in shot.answers if s.leader == shot.leader_id]
        return len(shot.members) == count == len(answers) and shot.leader_id is not None

    wait_until(agreed, f"{count} members agree on a leader", 30)
    return shot


def leads(session: Session) -> ClusterSnapshot:
    """Until a leader is known and shown, whoever else is down."""
    wait_until(
        lambda: session.snapshot().members_known and session.snapshot().leader_id is not None, "a leader"
    )
    return session.snapshot()


def members(session: Session) -> list[str]:
    """The members by name, sorted; learners and unstarted ones marked."""
    listed = session.fresh(5).members
    return sorted(f"{m.name or '?'}{' learner' if m.is_learner else ''}" for m in listed)


def done(result: Result) -> Result:
    """A plan that was carried out to its end."""
    assert result.outcome is Outcome.DONE, result.message
    return result


def do(
    session: Session,
    action: str,
    node: str = "",
    override: str | None = None,
    told: list[str] | None = None,
    **options: Any,
) -> Result:
    """Plan an action on fresh readings and carry it out."""
    plan = prepare(session, action, node, options)
    return session.execute(plan, override=override, progress=_into(told))


def prepare(session: Session, action: str, node: str = "", options: Mapping[str, Any] | None = None) -> Plan:
    """The plan of an action for what is true now."""
    session.fresh(20)
    row = session.snapshot().find(node) if node else None
    return session.prepare(action, row, options or {})


def cut_off(session: Session, plan: Plan, steps: int, override: str | None = None) -> Result:
    """Carry out the first steps of a plan and cancel it before the next one."""
    cancel = threading.Event()

    def watch(report: Progress) -> None:
        if report.phase == "done" and report.step_index + 1 == steps:
            cancel.set()

    result = session.execute(plan, override=override, progress=watch, cancel=cancel)
    assert result.outcome is Outcome.CANCELLED, result.message
    assert result.steps_done == steps
    return result


def _into(told: list[str] | None) -> Any:
    return None if told is None else lambda report: told.append(f"{report.phase}: {report.text}")


def bring_up(session: Session, stop_after: int | None = None) -> Result:
    """Plan and carry out; cut off once that many steps are done."""
    session.fresh(5)
    cancel = threading.Event()

    def watch(progress: Progress) -> None:
        if progress.phase is Phase.DONE and progress.step_index + 1 == stop_after:
            cancel.set()

    return session.execute(session.prepare("bootstrap"), progress=watch, cancel=cancel)
