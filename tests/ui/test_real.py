"""The console on a real cluster: kill the leader with a key, be refused the second, start the first again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from etcdtui.model.cluster import EndpointRow, State
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.local.demo import open_demo
from etcdtui.sites.local.site import LocalSite
from etcdtui.ui.app import EtcdtuiApp
from tests.support.tools import etcd
from tests.ui.pilot import shows, until

QUICK = ("--heartbeat-interval=50", "--election-timeout=500")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    opened = open_demo(tmp_path / "demo", nodes=3, binary=etcd("3.5"), options=QUICK)
    try:
        yield opened
    finally:
        opened.shutdown(everything=True)


async def select(app: EtcdtuiApp, pilot: Pilot[int], wanted: Callable[[EndpointRow], bool]) -> EndpointRow:
    """Move the cursor to a row that is wanted, from the top again where none was met."""
    await pilot.press("g")
    while (row := app.main.selected) is None or not wanted(row):
        at_end = row is not None and row.key == app.main.snapshot.rows[-1].key
        await pilot.press("g" if at_end else "j")
    return row


async def test_kill_the_leader_watch_the_election_mend_it(site: LocalSite, tmp_path: Path) -> None:
    audit, store = AuditLog(tmp_path / "audit" / "audit.jsonl"), PlanStore(tmp_path / "plans")
    session = Session(site, profile="demo", refresh=0.2, timeout=1.0, audit=audit, store=store)
    app = EtcdtuiApp(session)
    try:
        async with app.run_test(size=(100, 40), notifications=True) as pilot:
            await until(pilot, lambda: "3 of 3 voters healthy" in _text(app), 30)
            old = await select(app, pilot, lambda row: row.state is State.LEADER)
            await pilot.press("K")
            await shows(app, pilot, "Run (y)")
            await pilot.press("y")
            await until(pilot, lambda: "DONE" in _text(app), 30)
            await pilot.press("escape")
            await until(pilot, lambda: app.main.snapshot.leader_id not in (None, old.member_id), 20)
            # The other one may hear of the new leader a moment later.
            await shows(app, pilot, "NONE MORE MAY FAIL", "✖ down")
            assert app.main.selected is not None and app.main.selected.key == old.key

            await select(app, pilot, lambda row: row.reading.answered)
            await pilot.press("x")
            await shows(app, pilot, "✖ refused", "type the cluster's name")
            await pilot.press("escape")

            await pilot.press("c")
            await until(pilot, lambda: "UNHEALTHY" in _text(app), 30)
            await pilot.press("escape")
            await select(app, pilot, lambda row: row.key == old.key)
            await pilot.press("s")
            await shows(app, pilot, "Run (y)")
            await pilot.press("y")
            await until(pilot, lambda: "DONE" in _text(app), 30)
            await pilot.press("escape")
            await until(pilot, lambda: "3 of 3 voters healthy" in _text(app), 20)
    finally:
        session.close()


def _text(app: EtcdtuiApp) -> str:
    from tests.ui.pilot import screen_text

    return screen_text(app)
