"""Draws the pictures of the page about Kubernetes on the lab's: `make pictures-kube`, as root."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from docs.pictures.make import SIZE, keep, select
from etcdtui.config import KubeProfile
from etcdtui.model.cluster import RunState
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_for_console
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.site import KubeSite
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.asking import ConsoleAsker
from tests.support.kube import Kube, Place, lab_up, namespace
from tests.ui.pilot import screen_text, shows, until


async def choosing(lab: Kube, directory: Path) -> None:
    """What a console shows first that was told the context alone."""
    asker = ConsoleAsker()
    profile = KubeProfile(name="prod", context=lab.context, kubeconfig=Path(lab.kubeconfig))
    opening = open_for_console(profile, chooser=asker)
    session = Session(opening.site, profile="prod", audit=AuditLog(directory / "audit.jsonl"))
    app = EtcdtuiApp(session, asker=asker, prepare=opening.prepare)
    try:
        async with app.run_test(size=(110, 20)) as pilot:
            await shows(app, pilot, "which one is it?", "staging/etcd")
            await pilot.press("j")
            await pilot.pause()
            keep(app, "kube-choose")
            await pilot.press("escape")
    finally:
        session.close()


async def scenes(session: Session, place: Place) -> None:
    """Look, plan a scaling, lose a pod's data, see why, replace it."""
    app = EtcdtuiApp(session)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "3 of 3 voters healthy" in screen_text(app), 60)
        await until(pilot, lambda: "ready" in screen_text(app), 30)
        await pilot.pause(1)
        keep(app, "kube-healthy")
        await pilot.press("S")
        await shows(app, pilot, "Voters")
        await pilot.press("enter")
        await shows(app, pilot, "grow to 5 voters", "Run (y)")
        await pilot.pause()
        keep(app, "kube-scale")
        await pilot.press("escape")
        place.run("exec", "etcd-1", "--", "sh", "-c", "rm -rf /var/lib/etcd/data/member && kill 1")

        def fails(times: int) -> bool:
            row = app.main.snapshot.find("etcd-1")
            node = row.node if row is not None else None
            return node is not None and node.run_state is RunState.FAILED and (node.restarts or 0) >= times

        await until(pilot, lambda: fails(1), 90)
        await until(pilot, lambda: "2 of 3 voters healthy" in screen_text(app), 30)
        await select(pilot, lambda: app.main.selected is not None and app.main.selected.name == "etcd-1")
        await pilot.press("v")
        # Which of its two complaints comes first depends on who is asked first.
        ends = ("already been bootstrapped", "tocommit")
        await until(pilot, lambda: any(words in screen_text(app) for words in ends), 60)
        keep(app, "kube-log")
        await pilot.press("escape")
        await until(pilot, lambda: fails(3), 180)
        await pilot.press("c")
        await until(pilot, lambda: "fails again and again" in screen_text(app), 60)
        keep(app, "kube-drift")
        await pilot.press("escape", "R")
        await shows(app, pilot, "IS DELETED")
        keep(app, "kube-replace")
        await pilot.press("escape")


async def restoring(session: Session) -> None:
    """A snapshot is saved, more is written, and the snapshot is restored: the review, and how it went."""
    app = EtcdtuiApp(session)
    async with app.run_test(size=(110, 44), notifications=True) as pilot:
        await until(pilot, lambda: "3 of 3 voters healthy" in screen_text(app), 60)
        for number in range(40):
            written(session, f"/shop/orders/{number}")
        saved = session.execute(session.prepare("snapshot-save"))
        if saved.outcome is not Outcome.DONE:
            raise SystemExit(saved.message)
        for number in range(7):
            written(session, f"/shop/orders/{number}")
        await pilot.pause(1)
        await pilot.press("ctrl+p")
        await pilot.pause(0.5)
        await pilot.press(*"Restore", "enter")
        await shows(app, pilot, "Snapshot")
        await pilot.press("enter")
        await until(pilot, lambda: "to override, type the cluster's name" in screen_text(app), 60)
        await pilot.pause(1)
        keep(app, "kube-restore")
        await pilot.press(*session.profile, "enter")
        await until(pilot, lambda: "DONE" in screen_text(app), 180)
        await pilot.pause(1)
        keep(app, "kube-restored")
        await pilot.press("escape")


def written(session: Session, key: str) -> None:
    """One key written through the leader."""
    leader = session.fresh(5).leader_id
    if leader is None:
        raise SystemExit("nobody leads")
    session.writer(leader).put(key.encode(), b"{}", 5)


def main() -> int:
    """A StatefulSet of three and another one to choose from; nothing is left behind."""
    with (
        lab_up() as lab,
        namespace(lab, "etcd") as place,
        namespace(lab, "staging") as other,
        tempfile.TemporaryDirectory(prefix="ops-") as directory,
    ):
        # Where snapshots lie; the review shows it.
        os.environ["XDG_DATA_HOME"] = directory
        other.self_managed(3)
        other.wait_ready(3, 180)
        place.config_files(3, image="localhost/etcd:v3.5.1")
        place.wait_ready(3)
        asyncio.run(choosing(lab, Path(directory)))
        other.run("scale", "statefulset", "etcd", "--replicas=0")
        site = KubeSite("prod", Where(lab.context, place.name, "etcd", Path(lab.kubeconfig)))
        site.connect(30)
        audit, store = AuditLog(Path(directory) / "audit.jsonl"), PlanStore(Path(directory) / "plans")
        session = Session(site, profile="prod", refresh=0.5, timeout=3.0, audit=audit, store=store)
        try:
            asyncio.run(restoring(session))
            asyncio.run(scenes(session, place))
        finally:
            session.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
