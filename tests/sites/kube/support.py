"""What the tests of the Kubernetes site share: sites and sessions on a namespace."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.site import KubeSite
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


def as_somebody(place: Place, file: Path, rules: list[dict[str, object]]) -> Path:
    """A kubeconfig that impersonates a user with these rights in the namespace."""
    place.apply(
        [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": "few", "namespace": place.name},
                "rules": rules,
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
