"""What the tests of the Kubernetes site share: sites and sessions on a namespace."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from etcdtui.model.bootstrap import KubeBootstrap
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.site import KubeSite
from tests.cli.command import Cli
from tests.runtime.watch import Watch, settled
from tests.support.kube import CHECKOUT, Place


def where(place: Place, **more: Any) -> Where:
    kubeconfig = Path(place.kube.kubeconfig) if place.kube.kubeconfig else None
    return Where(**{"context": place.kube.context, "namespace": place.name, "kubeconfig": kubeconfig, **more})


@contextlib.contextmanager
def site_on(place: Place, **more: Any) -> Iterator[KubeSite]:
    site = KubeSite("test", where(place, **more))
    try:
        site.connect()
        yield site
    finally:
        site.close()


def names(place: Place) -> list[str]:
    """The members, as etcdctl in a pod names them."""
    return sorted(m["name"] for m in place.members())


class Console:
    """A session and what it showed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.watch = Watch()
        self.since = 0.0
        session.subscribe(self.watch)

    def until(self, wanted: Callable[[ClusterSnapshot], bool], timeout: float = 30) -> ClusterSnapshot:
        return self.watch.until(wanted, timeout, self.since)[1]

    def from_now(self) -> None:
        """What was seen before does not count any more."""
        self.since = time.monotonic()

    def ready(self, count: int) -> ClusterSnapshot:
        return self.until(lambda shot: settled(count)(shot) and len(shot.nodes) == count)

    def row(self, name: str) -> EndpointRow:
        row = self.session.fresh(5).find(name)
        assert row is not None
        return row

    def do(self, action: str, name: str = "", **options: Any) -> str:
        """Carry an action out; its last message. It must succeed."""
        plan = self.session.prepare(action, self.row(name) if name else None, options)
        result = self.session.execute(plan)
        assert result.outcome is Outcome.DONE, result.message
        return result.message

    def told(self) -> list[str]:
        return [event.text for event in self.session.events()]


@contextlib.contextmanager
def console_on(place: Place, root: Path, **more: Any) -> Iterator[Console]:
    session = Session(
        KubeSite("test", where(place, **more)),
        profile="test",
        refresh=0.5,
        timeout=2.0,
        audit=AuditLog(root / "audit.jsonl"),
        store=PlanStore(root / "plans"),
    )
    console = Console(session)
    session.start()
    try:
        yield console
    finally:
        session.close()


def cli_on(place: Place, root: Path, boot: KubeBootstrap) -> Cli:
    """The command with a profile ``new`` that says what its cluster is to be."""
    cli = Cli(root)
    said = {
        "image": boot.image,
        "members": boot.members,
        "run_as": boot.run_as,
        "storage": boot.storage,
        "cpu": boot.cpu,
        "memory": boot.memory,
        "settings": dict(boot.settings),
    }
    new = {"kind": "kube", "context": place.kube.context, "namespace": place.name, "bootstrap": said}
    if place.kube.kubeconfig:
        new["kubeconfig"] = place.kube.kubeconfig
    cli.config(yaml.safe_dump({"profiles": {"new": new}}, sort_keys=False))
    return cli


def specs(place: Place) -> dict[str, Any]:
    """What is wanted of each object, without who manages it."""
    found = place.get("pdb,service,configmap,statefulset")["items"]
    return {
        f"{o['kind']} {o['metadata']['name']}": o.get("spec") or o.get("data")
        for o in found
        if o["metadata"]["name"].startswith("etcd")
    }


@contextlib.contextmanager
def on_a_terminal(cli: Cli, *words: str) -> Iterator[int]:
    """The command on a terminal of its own; it is quit afterwards, and ends well."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    environ = cli.environ(TERM="xterm-256color", TEXTUAL_ANIMATIONS="none")
    command = [sys.executable, "-m", "etcdtui", *words]
    console = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environ)
    try:
        yield master
        os.write(master, b"q")
        read_until(master, b"\x1b[?1049l")
        assert console.wait(10) == 0
    finally:
        console.kill()
        console.wait(10)
        os.close(slave)
        os.close(master)


def read_until(master: int, wanted: bytes, timeout: float = 40) -> None:
    """Until the console has written that."""
    got, deadline = b"", time.monotonic() + timeout
    while wanted not in got:
        assert time.monotonic() < deadline, got[-3000:]
        if select.select([master], [], [], 0.2)[0]:
            got += os.read(master, 65536)


def as_somebody(place: Place, file: Path, rules: Sequence[Mapping[str, object]]) -> Path:
    """A kubeconfig that impersonates a user with these rights in the namespace."""
    place.apply(
        [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": "few", "namespace": place.name},
                "rules": list(rules),
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "few", "namespace": place.name},
                "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}],
                "roleRef": {"kind": "Role", "name": "few", "apiGroup": "rbac.authorization.k8s.io"},
            },
        ]
    )
    config = json.loads(place.kube.run("config", "view", "--minify", "--flatten", "-o", "json"))
    config["users"][0]["user"]["as"] = "jane"
    file.write_text(yaml.safe_dump(config))
    file.chmod(0o600)
    return file


def token_of(place: Place, account: str) -> str:
    """A token of a service account, good for ten minutes."""
    path = f"/api/v1/namespaces/{place.name}/serviceaccounts/{account}/token"
    asked = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600},
    }
    answer = json.loads(place.run("create", "--raw", path, "-f", "-", stdin=json.dumps(asked)))
    return str(answer["status"]["token"])


def documented_rules() -> list[list[dict[str, object]]]:
    """The rules of the roles in the documentation, read-only and operating."""
    text = (CHECKOUT / "docs" / "kubernetes.md").read_text()
    roles = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(apiVersion: rbac.*?)```", text, re.S)]
    assert [role["metadata"]["name"] for role in roles] == ["etcdtui-read-only", "etcdtui-operating"]
    return [role["rules"] for role in roles]
