"""Draws the pictures of the pages about SSH on the lab of real hosts: `make pictures-hosts`, as root."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from docs.pictures.make import SIZE, keep, select
from etcdtui.config import SshProfile
from etcdtui.model.cluster import State
from etcdtui.ops.audit import AuditLog
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_site
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.asking import ConsoleAsker
from etcdtui.ui.modals.question import HostKeyPanel
from etcdtui.ui.widgets.logview import LogView
from tests.labs.hosts.clusters import MIXED, LabCluster
from tests.labs.hosts.lab import Lab, ready
from tests.ui.pilot import screen_text, shows, until


async def scenes(lab: Lab, session: Session, asker: ConsoleAsker) -> None:
    """Accept the host keys, look, review, read a log, lose a host."""
    app = EtcdtuiApp(session, asker=asker)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        for number in range(4):
            await until(pilot, lambda: isinstance(app.screen, HostKeyPanel), 30)
            question = app.screen
            await pilot.pause()
            if number == 0:
                keep(app, "ssh-host-key")
            await pilot.press("y")
            await until(pilot, lambda question=question: app.screen is not question, 10)  # type: ignore[misc]
        await until(pilot, lambda: "3 of 3 voters healthy" in screen_text(app), 60)
        await until(pilot, lambda: "running" in screen_text(app), 30)
        keep(app, "ssh-healthy")

        def on(name: str) -> bool:
            return app.main.selected is not None and app.main.selected.name == name

        await select(pilot, lambda: on("n1"))
        await pilot.press("x")
        await shows(app, pilot, "Run (y)")
        keep(app, "ssh-review")
        await pilot.press("escape")
        await pilot.press("v")
        await shows(app, pilot, "following")
        await pilot.press("t", *"-10m", "enter")
        await shows(app, pilot, "standing still")
        await until(pilot, lambda: app.screen.query_one(LogView).counts[1] > 20, 20)
        keep(app, "ssh-log")
        await pilot.press("escape")
        lab["n3"].power(False)
        try:
            await until(pilot, lambda: app.main.snapshot.find("n3").state is State.UNKNOWN, 20)  # type: ignore[union-attr]
            await select(pilot, lambda: on("n3"))
            await shows(app, pilot, "2 of 3 voters healthy")
            await pilot.pause(3)
            keep(app, "ssh-host-lost")
        finally:
            lab["n3"].power(True)


def main() -> int:
    """A cluster of a unit, a static pod and a process behind a jump host; nothing is left behind."""
    with ready() as lab, tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        LabCluster(lab, MIXED).up()
        asker = ConsoleAsker()
        config = root / "ssh_config"
        config.write_text(lab.ssh_config.read_text().replace("StrictHostKeyChecking yes", ""))
        known = root / "known_hosts"
        profile = SshProfile(name="prod", hosts=("n1", "n2", "n3"), ssh_config=config, known_hosts=known)
        session = Session(
            open_site(profile, asker=asker),
            profile="prod",
            refresh=0.5,
            audit=AuditLog(root / "audit.jsonl"),
        )
        try:
            asyncio.run(scenes(lab, session, asker))
        finally:
            session.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
