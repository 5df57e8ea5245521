"""Draws the pictures of the page about bring-ups, on both labs: `make pictures-bringup`, as root."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from docs.pictures.make import SIZE, keep
from etcdtui.cli.wizard import Behind, profile_of
from etcdtui.config import Config, Profile
from etcdtui.config.draft import Draft
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.asking import Nobody
from etcdtui.sites.build import open_for_console
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.wizard.app import WizardApp
from tests.labs.hosts.clusters import LabCluster
from tests.labs.hosts.lab import Lab, ready
from tests.support.kube import lab_up, namespace
from tests.ui.pilot import Pilot, screen_text, until

FILE = Path("/home/ops/.config/etcdtui/config.yaml")
CLEAN = (
    "systemctl disable -q --now kv 2>/dev/null; userdel kv 2>/dev/null; systemctl reset-failed; "
    "rm -rf /etc/systemd/system/kv.service /etc/kv /var/lib/kv; systemctl daemon-reload; :"
)
PLACES = {"unit": "kv.service", "account": "kv", "config_dir": "/etc/kv", "data_dir": "/var/lib/kv/{name}"}


def text(app: WizardApp) -> str:
    """What the wizard shows."""
    return screen_text(app)  # type: ignore[arg-type]


async def wizard(draft: Draft, name: str, kube: bool) -> None:
    """Page by page, as it is typed."""
    behind = Behind(FILE, Config(), Nobody())
    app = WizardApp(draft, behind)
    picture: Any = app
    try:
        async with app.run_test(size=(100, 26)) as pilot:
            await pilot.press("pagedown")
            if not kube:
                await _table(pilot, app)
            await until(pilot, lambda: (not app._looking and "fsync" in text(app)) or kube, 60)
            if kube:
                await until(pilot, lambda: "no claim of an earlier cluster" in text(app), 60)
            keep(picture, f"bring-up-{name}-plan")
            await pilot.press("pagedown", "down", "down", "down")
            await pilot.pause(1)
            keep(picture, f"bring-up-{name}-how")
            while "Written into" not in text(app):
                await pilot.press("pagedown")
                await pilot.pause(1)
            await pilot.press(*["down"] * (4 if kube else 3))
            await pilot.pause(1)
            keep(picture, f"bring-up-{name}-review")
    finally:
        behind.close()


async def _table(pilot: Pilot[Any], app: WizardApp) -> None:
    for number in (1, 2, 3):
        await pilot.press(*f"n{number}", "tab", "tab", "tab", *f"kv-{number}", "tab")
        await pilot.press(*f"10.213.1.1{number}", "tab")
    await pilot.press("up", "up")
    await until(pilot, lambda: len(app.sights) >= 3 and not app._looking, 60)


async def console(profile: Profile, root: Path, name: str) -> None:
    """The review, the run, the cluster."""
    opening = open_for_console(profile)
    audit, store = AuditLog(root / "audit.jsonl"), PlanStore(root / "plans")
    session = Session(opening.site, profile=profile.name, refresh=0.5, audit=audit, store=store)
    app = EtcdtuiApp(session, prepare=opening.prepare, begin="bootstrap")
    try:
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await until(pilot, lambda: "Run (y)" in screen_text(app), 60)
            await pilot.press("y")
            await until(pilot, lambda: "▶ start all members" in screen_text(app)
                        or "▶ apply the StatefulSet" in screen_text(app)
                        or "FAILED" in screen_text(app), 120)  # fmt: skip
            await until(pilot, lambda: "verify" in screen_text(app) or "DONE" in screen_text(app), 60)
            keep(app, f"bring-up-{name}-run")
            await until(pilot, lambda: "DONE" in screen_text(app) or "FAILED" in screen_text(app), 180)
            if "FAILED" in screen_text(app):
                raise SystemExit(screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: "3 of 3 voters healthy" in screen_text(app), 60)
            await pilot.pause(1)
            keep(app, f"bring-up-{name}-done")
    finally:
        session.close()


def hosts(root: Path) -> None:
    """Three hosts behind a jump host."""
    with ready() as lab:
        home = root / "home"
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh/config").write_text(lab.ssh_config.read_text())
        os.environ |= {"HOME": str(home), "XDG_DATA_HOME": str(root / "data")}
        _clean(lab)
        try:
            draft = Draft({"name": "prod", "jump": "jump", "tls": "made", **PLACES})
            asyncio.run(wizard(draft, "hosts", kube=False))
            asyncio.run(console(profile_of(draft), root, "hosts"))
        finally:
            _clean(lab)


def _clean(lab: Lab) -> None:
    for machine in lab.nodes:
        LabCluster.clear(machine)
        machine.run("sh", "-c", CLEAN)


def kube(root: Path) -> None:
    """A namespace of its own in the lab's Kubernetes."""
    with lab_up() as lab, namespace(lab, "storage") as place:
        os.environ |= {"KUBECONFIG": lab.kubeconfig, "XDG_DATA_HOME": str(root / "kube-data")}
        draft = Draft({
            "name": "prod", "kind": "kubernetes", "context": lab.context, "namespace": place.name,
            "image": "localhost/etcd-distroless:v3.5.1", "storage": "1Gi", "run_as": "0", "cpu": "10m",
            "memory": "32Mi", "tls": "made",
        })  # fmt: skip
        asyncio.run(wizard(draft, "kube", kube=True))
        asyncio.run(console(profile_of(draft), root, "kube"))


def main() -> int:
    """Nothing is left behind."""
    with tempfile.TemporaryDirectory() as directory:
        # Those of hosts come last: they change where home is.
        for draw in (kube, hosts):
            if sys.argv[1:] in ([], [draw.__name__]):
                draw(Path(directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
