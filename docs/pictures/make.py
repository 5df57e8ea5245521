"""Draws the README's pictures from a real three-node cluster: `make pictures`."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from etcdtui.model.cluster import State
from etcdtui.ops.audit import AuditLog
from etcdtui.runtime.session import Session
from etcdtui.sites.local.demo import open_demo
from etcdtui.ui.app import EtcdtuiApp
from tests.ui.pilot import Pilot, screen_text, shows, until

HERE = Path(__file__).parent
SIZE = (110, 32)


def keep(app: EtcdtuiApp, name: str) -> None:
    """Write the screen as an SVG that fetches nothing from anywhere."""
    svg = app.export_screenshot(title=f"etcdtui · {name.replace('-', ' ')}")
    (HERE / f"{name}.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))


async def select(pilot: Pilot[int], wanted: Callable[[], bool]) -> None:
    """Move the cursor until something holds."""
    await pilot.press("g")
    for _ in range(9):
        if wanted():
            return
        await pilot.press("j")


async def scenes(session: Session) -> None:
    """Watch, kill the leader, be refused, check the health, mend."""
    app = EtcdtuiApp(session)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "3 of 3 voters healthy" in screen_text(app), 30)
        await until(pilot, lambda: len(session.events()) > 0, 10)
        keep(app, "healthy")

        def on_leader() -> bool:
            return app.main.selected is not None and app.main.selected.state is State.LEADER

        await select(pilot, on_leader)
        old = app.main.selected
        if old is None:
            raise SystemExit("no row is selected")
        await pilot.press("K")
        await shows(app, pilot, "Run (y)")
        keep(app, "review")
        await pilot.press("y")
        await until(pilot, lambda: "DONE" in screen_text(app), 30)
        await pilot.press("escape")
        await until(pilot, lambda: app.main.snapshot.leader_id not in (None, old.member_id), 20)
        await until(pilot, lambda: "leads in term" in screen_text(app), 20)
        keep(app, "leader-killed")
        await select(pilot, lambda: bool(app.main.selected and app.main.selected.reading.answered))
        await pilot.press("x")
        await shows(app, pilot, "refused")
        keep(app, "refused")
        await pilot.press("escape", "c")
        await until(pilot, lambda: "UNHEALTHY" in screen_text(app), 30)
        keep(app, "health")
        await pilot.press("escape", "question_mark")
        await pilot.pause()
        keep(app, "help")
        await pilot.press("escape", "A")
        await shows(app, pilot, "Run (y)")
        await pilot.press("y")
        await until(pilot, lambda: "DONE" in screen_text(app), 30)
        await pilot.press("escape", "S")
        await shows(app, pilot, "Voters")
        await pilot.press("enter")
        await shows(app, pilot, "grow to 5 voters", "Run (y)")
        keep(app, "scale")
        await pilot.press("escape")
        await select(pilot, on_leader)
        await pilot.press("K")
        await shows(app, pilot, "Run (y)")
        await pilot.press("y")
        await until(pilot, lambda: "DONE" in screen_text(app), 30)
        await pilot.press("escape")
    for theme in ("light", "high-contrast"):
        other = EtcdtuiApp(session, theme=theme)
        async with other.run_test(size=SIZE) as pilot:
            await until(pilot, lambda app=other: "2 of 3 voters healthy" in screen_text(app), 30)  # type: ignore[misc]
            keep(other, f"theme-{theme}")


def main() -> int:
    """Start a cluster of its own, draw, and leave nothing behind."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        site = open_demo(root / "demo", nodes=3)
        try:
            session = Session(site, profile="demo", refresh=0.5, audit=AuditLog(root / "audit.jsonl"))
            try:
                asyncio.run(scenes(session))
            finally:
                session.close()
        finally:
            site.shutdown(everything=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
