"""Draws the pictures of the page about Kubernetes on the lab's: `make pictures-kube`, as root."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from docs.pictures.make import SIZE, keep, select
from etcdtui.model.cluster import RunState
from etcdtui.ops.audit import AuditLog
from etcdtui.runtime.session import Session
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.site import KubeSite
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.asking import ConsoleAsker
from tests.support.kube import Place, lab_up, namespace
from tests.ui.pilot import screen_text, shows, until

CANDIDATES = [
    ("etcd/etcd", "StatefulSet, 3 of 3 ready, etcd:v3.5.1"),
    ("kube-system/static pods", "static pods, etcd-cp1, etcd-cp2, etcd-cp3"),
    ("staging/etcd", "StatefulSet, 2 of 3 ready, etcd:v3.4.23"),
]


async def scenes(session: Session, place: Place) -> None:
    """Choose, look, plan a scaling, lose a pod's data, see why, replace it."""
    asker = ConsoleAsker()
    app = EtcdtuiApp(session, asker=asker)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "3 of 3 voters healthy" in screen_text(app), 60)
        await until(pilot, lambda: "ready" in screen_text(app), 30)
        await pilot.pause(1)
        keep(app, "kube-healthy")
        asked = asyncio.get_running_loop().run_in_executor(
            None, asker.choose, "several run etcd here: which one is it?", CANDIDATES
        )
        await shows(app, pilot, "which one is it?")
        keep(app, "kube-choose")
        await pilot.press("escape")
        await asked
        await pilot.press("S")
        await shows(app, pilot, "Voters")
        await pilot.press("enter")
        await shows(app, pilot, "grow to 5 voters", "Run (y)")
        keep(app, "kube-scale")
        await pilot.press("escape")
        place.run("exec", "etcd-1", "--", "sh", "-c", "rm -rf /var/lib/etcd/data/member && kill 1")

        def fails() -> bool:
            row = app.main.snapshot.find("etcd-1")
            return row is not None and row.node is not None and row.node.run_state is RunState.FAILED

        await until(pilot, fails, 90)
        await until(pilot, lambda: "2 of 3 voters healthy" in screen_text(app), 30)
        await select(pilot, lambda: app.main.selected is not None and app.main.selected.name == "etcd-1")
        await pilot.press("v")
        await shows(app, pilot, "p the run before", "already been bootstrapped")
        keep(app, "kube-log")
        await pilot.press("escape", "c")
        await until(pilot, lambda: "fails again and again" in screen_text(app), 90)
        keep(app, "kube-drift")
        await pilot.press("escape", "R")
        await shows(app, pilot, "IS DELETED")
        keep(app, "kube-replace")
        await pilot.press("escape")


def main() -> int:
    """A StatefulSet of three in a namespace of its own; nothing is left behind."""
    with lab_up() as lab, namespace(lab, "etcd") as place, tempfile.TemporaryDirectory() as directory:
        place.config_files(3, image="localhost/etcd:v3.5.1")
        place.wait_ready(3)
        site = KubeSite("prod", Where(lab.context, place.name, "etcd", Path(lab.kubeconfig)))
        site.connect(30)
        audit = AuditLog(Path(directory) / "audit.jsonl")
        session = Session(site, profile="prod", refresh=0.5, timeout=3.0, audit=audit)
        try:
            asyncio.run(scenes(session, place))
        finally:
            session.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
