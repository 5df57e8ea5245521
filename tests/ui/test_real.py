"""The console on a real cluster: kill the leader with a key, be refused the second, start the first again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.model.cluster import State
from etcdtui.ops.audit import AuditLog
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


async def test_kill_the_leader_watch_the_election_mend_it(site: LocalSite, tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit" / "audit.jsonl")
    session = Session(site, profile="demo", refresh=0.2, timeout=1.0, audit=audit)
    app = EtcdtuiApp(session)
    try:
        async with app.run_test(size=(100, 40), notifications=True) as pilot:
            await until(pilot, lambda: "3 of 3 voters healthy" in _text(app), 30)
            await pilot.press("g")
            while app.main.selected is None or app.main.selected.state is not State.LEADER:
                await pilot.press("j")
            old = app.main.selected
            await pilot.press("K")
            await shows(app, pilot, "Run (y)")
            await pilot.press("y")
            await until(pilot, lambda: "DONE" in _text(app), 30)
            await pilot.press("escape")
            await until(pilot, lambda: app.main.snapshot.leader_id not in (None, old.member_id), 20)
            assert "NONE MORE MAY FAIL" in _text(app) and "✖ down" in _text(app)
            assert app.main.selected is not None and app.main.selected.key == old.key

            living = next(r for r in app.main.snapshot.rows if r.reading.answered)
            while app.main.selected is None or app.main.selected.key != living.key:
                await pilot.press("j" if app.main.snapshot.rows[-1].key != app.main.selected.key else "g")
            await pilot.press("x")
            await shows(app, pilot, "✖ refused", "type the cluster's name")
            await pilot.press("escape")

            await pilot.press("c")
            await until(pilot, lambda: "UNHEALTHY" in _text(app), 30)
            await pilot.press("escape", "g")
            while app.main.selected is None or app.main.selected.key != old.key:
                await pilot.press("j")
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
