"""Bring-ups in Kubernetes in every pair of sizes, kinds of TLS, images and users.

Nine combinations in which each value of one meets each of every other. The ordinary run has one that no
other test has; all of them: ``pytest --matrix tests/sites/kube/test_founding_matrix.py``.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from etcdtui.config import KubeProfile, TlsPaths
from etcdtui.model.bootstrap import KubeBootstrap, Tls
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_site
from tests.sites.kube.support import READING, prepared
from tests.sites.kube.test_founding import objects, plan_for
from tests.support.consoles import bring_up
from tests.support.etcd import TlsFiles
from tests.support.kube import Place, wait_until
from tests.support.pki import make_pki

pytestmark = [
    pytest.mark.kube,
    pytest.mark.long,
    pytest.mark.timeout(500),
    pytest.mark.usefixtures("in_the_lab", "data_home"),
]

OLD, NEW, BARE = "localhost/etcd:v3.4.23", "localhost/etcd:v3.5.1", "localhost/etcd-distroless:v3.5.1"
"""Of etcd 3.4 and 3.5, and one without a shell."""


@dataclass(frozen=True)
class Combination:
    """One way of bringing a cluster up."""

    size: int
    tls: Tls
    image: str
    users: bool
    ordinary: bool = False
    """Whether the ordinary run has it too."""

    def __str__(self) -> str:
        users = "users" if self.users else "open"
        return f"{self.size}-{self.tls}-{self.image.rpartition('/')[2].replace(':v', '-')}-{users}"


COMBINATIONS = (
    Combination(1, Tls.NONE, OLD, True),
    Combination(1, Tls.MADE, NEW, False),
    Combination(1, Tls.GIVEN, BARE, True),
    Combination(3, Tls.NONE, NEW, True),
    Combination(3, Tls.MADE, BARE, False),
    Combination(3, Tls.GIVEN, OLD, False),
    Combination(5, Tls.NONE, BARE, False),
    Combination(5, Tls.MADE, OLD, True, ordinary=True),
    Combination(5, Tls.GIVEN, NEW, False),
)
SCALED = {1: 3, 5: 3}
"""To how many voters a cluster of a size goes, where nobody asks for users."""


def secret(name: str, ca: Path, cert: Path, key: Path) -> dict[str, Any]:
    files = {"ca.crt": ca, "tls.crt": cert, "tls.key": key}
    data = {file: base64.b64encode(path.read_bytes()).decode() for file, path in files.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name},
        "data": data,
    }


def brought(place: Place, folder: Path) -> TlsFiles:
    """Certificates that the operator brings, as Secrets."""
    domain = f"etcd.{place.name}.svc.cluster.local"
    pki = make_pki(folder, (f"*.{domain}", domain, "localhost"))
    pair = (pki.ca, pki.server_cert, pki.server_key)
    place.apply([secret("our-server", *pair), secret("our-peer", *pair)])
    return pki


@contextlib.contextmanager
def session_for(place: Place, root: Path, way: Combination) -> Iterator[Session]:
    more: dict[str, Any] = {}
    boot: KubeBootstrap = replace(plan_for(place, way.tls, way.image), members=way.size, auth=way.users)
    if way.tls is Tls.GIVEN:
        pki = brought(place, root / "pki")
        boot = replace(boot, secrets=("our-server", "our-peer"))
        more["tls"] = TlsPaths(pki.ca, pki.client_cert, pki.client_key)
    if way.users:
        (root / "secret").write_text("s3cret\n")
        more["password_file"] = root / "secret"
    kubeconfig = Path(place.kube.kubeconfig) if place.kube.kubeconfig else None
    profile = KubeProfile(
        name="new",
        context=place.kube.context,
        namespace=place.name,
        kubeconfig=kubeconfig,
        bootstrap=boot,
        **more,
    )
    audit, store = AuditLog(root / "audit.jsonl"), PlanStore(root / "plans")
    session = Session(
        open_site(profile), profile="new", refresh=0.5, timeout=READING, audit=audit, store=store
    )
    session.start()
    try:
        yield session
    finally:
        session.close()


@pytest.mark.parametrize(
    "way",
    [pytest.param(c, id=str(c), marks=() if c.ordinary else pytest.mark.matrix) for c in COMBINATIONS],
)
def test_a_whole_life(place: Place, tmp_path: Path, way: Combination) -> None:
    """Brought up, healthy, written to, a member restarted, scaled, torn down; nothing is left."""
    with session_for(place, tmp_path, way) as session:
        times = [time.monotonic()]

        def do(action: str, node: str = "", override: str | None = None, **options: Any) -> None:
            result = session.execute(prepared(session, action, node, **options), override=override)
            assert result.outcome is Outcome.DONE, result.message

        result = bring_up(session)
        assert result.outcome is Outcome.DONE, result.message
        times.append(time.monotonic())
        shot = session.fresh(5)
        assert [m.name for m in sorted(shot.members, key=lambda m: m.name)] == [
            f"etcd-{n}" for n in range(way.size)
        ]
        assert {f"v{r.reading.status.version}" for r in shot.rows if r.reading.status} == {
            way.image.rpartition(":")[2]
        }
        # Each endpoint is given some seconds, and the pods of other tests start meanwhile.
        wait_until(lambda: session.check_health().healthy, "all are healthy", 60, 0.5)
        first, last = (session.writer(shot.members[at].id) for at in (0, -1))
        first.put(b"written", b"yes", 5)
        found = last.get(b"written", 5)
        assert found is not None and found.value == b"yes"
        # The only member of one is restarted by the word of who knows that it is down meanwhile.
        do("restart-node", f"etcd-{way.size - 1}", "new" if way.size == 1 else None)
        times.append(time.monotonic())
        if way.size in SCALED and not way.users:
            do("scale", voters=SCALED[way.size])
            assert len(session.fresh(5).voters) == SCALED[way.size]
            times.append(time.monotonic())
        do("destroy", override="new", data="delete")
        times.append(time.monotonic())
    print(f"{way}: {' '.join(f'{b - a:.1f}' for a, b in itertools.pairwise(times))} s")
    wait_until(lambda: not objects(place) and not place.get("pvc")["items"], "nothing is left", 60)
