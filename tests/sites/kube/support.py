"""What the tests of the Kubernetes site share: sites and sessions on a namespace."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import secrets
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from etcdtui.errors import GuardRefused
from etcdtui.model.bootstrap import KubeBootstrap
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.guards import may_pass
from etcdtui.ops.plan import Outcome, Plan
from etcdtui.ops.runner import PATIENCE, PAUSE
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.site import KubeSite
from tests.cli.command import Cli
from tests.runtime.watch import Watch, settled
from tests.support.kube import CHECKOUT, Place, wait_until

READING = 4.0
"""Seconds of a reading in these tests: the pods of several of them start on the same two cores."""
SHORT = 4.0
"""Seconds for which what will not come is waited for once more."""
PATIENT = 400.0
"""Seconds for a command that waits for pods to go: a busy kubelet takes a minute, or two."""


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


def prepared(session: Session, action: str, name: str = "", **options: Any) -> Plan:
    """The plan of an action that must be possible, as the command makes it: a member may be silent for a
    moment, or there is an election, and what then stands against it is looked at again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        shot = session.fresh(5)
        row = shot.find(name) if name else None
        assert row is not None or not name, f"there is no {name}"
        try:
            return session.prepare(action, row, options)
        except GuardRefused:
            if not may_pass(shot) or time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE)


def hurried(plan: Plan) -> Plan:
    """The plan for what will not come, once it was told why: it waits no longer than to tell so again."""
    steps = [replace(step, verify_timeout=min(step.verify_timeout, SHORT)) for step in plan.steps]
    return replace(plan, steps=tuple(steps))


def leader_of(session: Session) -> str:
    """Who led when the session last looked."""
    row = session.snapshot().leader_row
    assert row is not None
    return row.name


class Console:
    """A session and what it showed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.watch = Watch()
        self.since = 0.0
        session.subscribe(self.watch)

    def until(self, wanted: Callable[[ClusterSnapshot], bool], timeout: float = 120) -> ClusterSnapshot:
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

    def prepare(self, action: str, name: str = "", **options: Any) -> Plan:
        """See `prepared`."""
        return prepared(self.session, action, name, **options)

    def do(self, action: str, name: str = "", **options: Any) -> str:
        """Carry an action out; its last message. It must succeed."""
        result = self.session.execute(self.prepare(action, name, **options))
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
        timeout=READING,
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
    cli = Cli(root, timeout=PATIENT)
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
        assert console.wait(30) == 0
    finally:
        console.kill()
        console.wait(10)
        os.close(slave)
        os.close(master)


def read_until(master: int, wanted: bytes, timeout: float = 60) -> None:
    """Until the console has written that."""
    got, deadline = b"", time.monotonic() + timeout
    while wanted not in got:
        assert time.monotonic() < deadline, got[-3000:]
        if select.select([master], [], [], 0.2)[0]:
            got += os.read(master, 65536)


def as_somebody(place: Place, file: Path, rules: Sequence[Mapping[str, object]]) -> Path:
    """A kubeconfig that impersonates a user with these rights in the namespace, which hold by now."""
    # Not of digits and an `e` alone: to some that is a number.
    mark = f"mark-{secrets.token_hex(4)}"
    place.apply(
        [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": "few", "namespace": place.name},
                "rules": [*rules, {"apiGroups": [MARKS], "resources": [mark], "verbs": ["get"]}],
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
    wait_until(lambda: _may_get(place, mark), "the API server goes by these rights", 30)
    config = json.loads(place.kube.run("config", "view", "--minify", "--flatten", "-o", "json"))
    config["users"][0]["user"]["as"] = "jane"
    file.write_text(yaml.safe_dump(config))
    file.chmod(0o600)
    return file


MARKS = "marks.etcdtui"
"""API group of what is nowhere: a right on it shows that the rules beside it are in force."""


def _may_get(place: Place, mark: str) -> bool:
    """Whether the API server, which learns of roles a moment after they were written, knows that one."""
    attributes = {"namespace": place.name, "verb": "get", "group": MARKS, "resource": mark}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "jane", "resourceAttributes": attributes},
    }
    said = json.loads(place.kube.run("create", "-f", "-", "-o", "json", stdin=json.dumps(review)))
    return bool(said["status"].get("allowed"))


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
