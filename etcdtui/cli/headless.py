"""``status``, ``members`` and ``health``: one look at a cluster, printed, with an exit code."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import time
from collections.abc import Iterator
from importlib import import_module

from etcdtui.cli.asking import asker
from etcdtui.cli.printing import complain, print_json, table
from etcdtui.cli.target import ask_password, choose, read_config, settings_for
from etcdtui.model.cluster import ClusterSnapshot, RunState, State
from etcdtui.model.columns import (
    MEMBER_TITLES,
    member_cells,
    member_objects,
    status_columns,
    status_objects,
)
from etcdtui.model.health import HealthReport, Severity
from etcdtui.model.quorum import budget
from etcdtui.model.text import clean
from etcdtui.runtime.session import Session
from etcdtui.sites.base import Connectable, Site
from etcdtui.sites.build import open_site

_BAD = (State.DOWN, State.UNKNOWN, State.NOT_PERMITTED)
_PAUSE = 0.02
"""Seconds between two looks while the member list is still to come."""


@contextlib.contextmanager
def opened(
    args: argparse.Namespace, *, read_only: bool = True, required: bool = True
) -> Iterator[tuple[Session, float]]:
    """A session on the cluster that the arguments name, reading, and its timeout; closed afterwards.

    Args:
        read_only: whether to leave out what changes anything, whatever the configuration says.
        required: whether a configuration file that somebody named must be there.
    """
    # Loaded before the clock runs: on a busy machine it takes longer than a reading may.
    import_module("etcdtui.etcd.rpc")
    config = read_config(args, required=required)
    profile = choose(args, config)
    settings = settings_for(args, config, profile)
    # A bring-up gives root the password that is typed here.
    new = getattr(args, "action", "") == "bootstrap" and not args.dry_run
    site = open_site(profile, ask=ask_password(new=new), asker=asker())
    connected(site)
    session = Session(
        site,
        profile=profile.name,
        read_only=read_only or settings.read_only,
        refresh=settings.refresh,
        timeout=settings.timeout,
        change_lock=profile.change_lock,
    )
    try:
        session.start()
        yield session, settings.timeout
    finally:
        session.close()


CONNECT = 20.0
"""Seconds that connecting to all hosts of a site may take."""


def connected(site: Site) -> None:
    """Make the way to a site that has one to make. Raises SiteError when nothing is reached."""
    if not isinstance(site, Connectable):
        return
    try:
        site.connect(CONNECT)
    except BaseException:
        site.close()
        raise


def settled(session: Session, timeout: float) -> ClusterSnapshot:
    """A snapshot that knows the member list and has read every endpoint on it.

    Args:
        timeout: seconds one reading may take; this may take twice that, and waits for no more once
            no endpoint answers, unless the way to it is long and the node there runs.
    """
    deadline = time.monotonic() + 2 * timeout + 0.5
    while True:
        snapshot = session.fresh(max(0.05, deadline - time.monotonic()))
        if (
            _complete(snapshot) and not (session.far and _on_its_way(snapshot))
        ) or time.monotonic() >= deadline:
            return snapshot
        time.sleep(_PAUSE)


def _on_its_way(snapshot: ClusterSnapshot) -> bool:
    """Whether etcd runs on a node and only its answer has not come: a long way's first call takes longer."""
    return any(
        row.endpoint
        and row.state in (State.DOWN, State.UNKNOWN)
        and row.node is not None
        and row.node.run_state is RunState.RUNNING
        and not row.reading.reason.startswith("not permitted")
        for row in snapshot.rows
    )


def _complete(snapshot: ClusterSnapshot) -> bool:
    if any(row.endpoint and row.reading.read_at is None for row in snapshot.rows):
        return False
    if not any(row.reading.answered for row in snapshot.rows):
        return True
    told = snapshot.members_known or snapshot.members_error.startswith("not permitted")
    return told and (snapshot.alarms is not None or bool(snapshot.alarms_error))


def problems(snapshot: ClusterSnapshot) -> list[str]:
    """Why a cluster is not healthy, the most important first; empty when it is."""
    found = []
    quorum = budget(snapshot)
    if not snapshot.rows:
        found.append("no endpoint is known")
    elif not snapshot.members_known:
        reason = clean(snapshot.members_error)
        found.append("the member list could not be read" + (f": {reason}" if reason else ""))
    if quorum.voters and not quorum.has_quorum:
        found.append(quorum.sentence())
    found += [
        f"{clean(row.name)} is {row.state.value} ({clean(row.reading.reason)})"
        for row in snapshot.rows
        if row.state in _BAD and (row.member or row.endpoint)
    ]
    found += [f"alarm {clean(a.kind)} on {clean(snapshot.label(a.member_id))}" for a in snapshot.alarms or ()]
    if snapshot.site_error:
        found.append(clean(snapshot.site_error))
    return found


def _verdict(found: list[str]) -> int:
    if found:
        complain("unhealthy: " + "; ".join(found))
    return 1 if found else 0


def status(args: argparse.Namespace) -> int:
    """``etcdtui status``: the endpoint-status grid."""
    with opened(args) as (session, timeout):
        snapshot = settled(session, timeout)
    if args.output == "json":
        print_json(status_objects(snapshot))
    else:
        columns = status_columns(snapshot)
        rows = [[column.text(snapshot, row) for column in columns] for row in snapshot.rows]
        print(table([column.title for column in columns], rows))
        print(budget(snapshot).sentence())
    return _verdict(problems(snapshot))


def members(args: argparse.Namespace) -> int:
    """``etcdtui members``: the member list."""
    with opened(args) as (session, timeout):
        snapshot = settled(session, timeout)
    if args.output == "json":
        print_json(member_objects(snapshot))
    elif snapshot.members_known:
        print(table(MEMBER_TITLES, [member_cells(snapshot, member) for member in snapshot.members]))
        print(budget(snapshot).sentence())
    if snapshot.members_known:
        return 0
    return _verdict(problems(snapshot) or ["the member list could not be read"])


def health(args: argparse.Namespace) -> int:
    """``etcdtui health``: etcdctl's check of every endpoint, and findings about the whole."""
    with opened(args) as (session, timeout):
        settled(session, timeout)
        report = session.check_health()
    if args.output == "json":
        print_json(report.objects())
    elif args.output == "report":
        print_json(_report(report))
    else:
        print(table(("endpoint", "name", "health", "took", "error"), _health_rows(report)))
        for finding in report.findings:
            way = f" (etcdtui {finding.remedy})" if finding.remedy else ""
            print(f"{finding.severity.value}: {clean(finding.check)}: {clean(finding.message)}{way}")
    found = [
        f"{clean(e.name or e.endpoint)}: {clean(e.error)}" for e in report.endpoints if e.health is False
    ]
    found += [clean(f.message) for f in report.findings if f.severity is Severity.CRITICAL]
    if not report.endpoints:
        found.append("no endpoint is known")
    warnings = [f.message for f in report.findings if f.severity is Severity.WARNING]
    if args.output == "json" and warnings:
        complain("warning: " + "; ".join(warnings))
    return _verdict(found)


def _health_rows(report: HealthReport) -> list[list[str]]:
    words = {True: "true", False: "false", None: "-"}
    return [
        [
            clean(e.endpoint),
            clean(e.name),
            words[e.health],
            "-" if e.took is None else f"{e.took * 1000:.2f}ms",
            clean(e.error or e.note),
        ]
        for e in report.endpoints
    ]


def _report(report: HealthReport) -> dict[str, object]:
    return {
        "healthy": report.healthy,
        "wall_time": report.wall_time,
        "endpoints": report.objects(),
        "findings": [{**dataclasses.asdict(f), "message": clean(f.message)} for f in report.findings],
    }
