"""Bring-ups on real hosts in every pair of sizes, bootstraps, kinds of TLS, users and versions of etcd.

Twelve combinations in which each value of one meets each of every other. The ordinary run has those that
no other test has; all of them: ``pytest -m hosts --matrix tests/labs/hosts/test_founding_matrix.py``.
"""

from __future__ import annotations

import contextlib
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from etcdtui.config import TlsPaths
from etcdtui.model.bootstrap import (
    Discovery,
    GivenTls,
    HostsBootstrap,
    Meeting,
    ReleasePlan,
    Source,
    Tls,
)
from etcdtui.ops.plan import Outcome
from tests.labs.hosts.bare import DOMAIN, LEFT, OLDER, bare, console, here, inner, plan_for, tarball, zone
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.machines import Machine
from tests.support.consoles import bring_up
from tests.support.etcd import free_ports, make_cluster
from tests.support.pki import make_pki

OLD, NEW = "3.4.23", "3.5.1"
STATIC, SRV, SERVICE = Discovery.STATIC, Discovery.SRV, Discovery.SERVICE


@dataclass(frozen=True)
class Combination:
    """One way of bringing a cluster up."""

    size: int
    by: Discovery
    tls: Tls
    users: bool
    version: str
    ordinary: bool = False
    """Whether the ordinary run has it too."""

    def __str__(self) -> str:
        users = "users" if self.users else "open"
        return f"{self.size}-{self.by}-{self.tls}-{users}-{self.version}"


COMBINATIONS = (
    Combination(1, STATIC, Tls.NONE, False, OLD),
    Combination(3, STATIC, Tls.MADE, True, NEW),
    Combination(5, STATIC, Tls.GIVEN, False, OLD),
    Combination(3, STATIC, Tls.AUTO, True, OLD),
    Combination(3, SRV, Tls.NONE, True, NEW),
    Combination(5, SRV, Tls.MADE, False, OLD),
    Combination(1, SRV, Tls.GIVEN, True, NEW),
    Combination(5, SRV, Tls.AUTO, False, NEW),
    Combination(5, SERVICE, Tls.NONE, True, OLD, ordinary=True),
    Combination(1, SERVICE, Tls.MADE, False, OLD),
    Combination(3, SERVICE, Tls.GIVEN, False, OLD),
    Combination(1, SERVICE, Tls.AUTO, True, NEW),
)


def test_every_pair_is_there() -> None:
    rows = [(c.size, c.by, c.tls, c.users, c.version) for c in COMBINATIONS]
    columns = [sorted({row[at] for row in rows}, key=str) for at in range(5)]
    missing = [
        (one, other)
        for a in range(5)
        for b in range(a)
        for one in columns[a]
        for other in columns[b]
        if not any(row[a] == one and row[b] == other for row in rows)
    ]
    assert missing == []


@contextlib.contextmanager
def discovery_service(folder: Path, size: int) -> Iterator[str]:
    """The URL of a token at a real etcd with its old API, which the hosts reach."""
    with here() as address:
        cluster = make_cluster(folder, 1, "3.4", extra=["--enable-v2"])
        (port,) = free_ports(1)
        listen = f"http://{address}:{port}"
        (proc,) = cluster.procs
        proc.argv += [
            "--listen-client-urls",
            f"{proc.client_url},{listen}",
            "--advertise-client-urls",
            listen,
        ]
        cluster.start()
        try:
            cluster.wait_healthy()
            url = f"{listen}/v2/keys/_etcd/registry/tok"
            data = f"value={size}".encode()
            request = urllib.request.Request(f"{url}/_config/size", data, method="PUT")
            urllib.request.urlopen(request, timeout=5).close()
            yield url
        finally:
            cluster.close()


@contextlib.contextmanager
def met(way: Combination, machines: tuple[Machine, ...], folder: Path) -> Iterator[Meeting]:
    """What the members need to find each other."""
    if way.by is SRV:
        with zone(machines) as served:
            service = "_etcd-server" + ("" if way.tls is Tls.NONE else "-ssl")
            served.services[f"{service}._tcp.{DOMAIN}"] = [(f"{m.name}.{DOMAIN}", 2380) for m in machines]
            yield Meeting(SRV, domain=DOMAIN)
    elif way.by is SERVICE:
        with discovery_service(folder / "service", way.size) as url:
            yield Meeting(SERVICE, url=url)
    else:
        yield Meeting()


def planned(
    way: Combination, machines: tuple[Machine, ...], meeting: Meeting, folder: Path
) -> tuple[HostsBootstrap, dict[str, Any]]:
    """The plan, and what else the profile says."""
    more: dict[str, Any] = {}
    release = tarball(folder) if way.version == NEW else ReleasePlan("", Source.THERE, OLDER)
    boot = plan_for(machines, release, tls=way.tls, auth=way.users, meeting=meeting)
    if way.by is SRV:
        named = tuple(replace(m, address=f"{m.host}.{DOMAIN}") for m in boot.members)
        boot = replace(boot, members=named)
    if way.tls is Tls.GIVEN:
        names = (DOMAIN, *(f"{m.name}.{DOMAIN}" for m in machines), "localhost")
        pki = make_pki(folder / "pki", names, (*(inner(m) for m in machines), "127.0.0.1"))
        boot = replace(boot, given=GivenTls(str(pki.ca), str(pki.server_cert), str(pki.server_key)))
        more["tls"] = TlsPaths(pki.ca, pki.client_cert, pki.client_key)
    if way.users:
        (folder / "secret").write_text("s3cret\n")
        more["etcd_password_file"] = folder / "secret"
    return boot, more


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "way",
    [pytest.param(c, id=str(c), marks=() if c.ordinary else pytest.mark.matrix) for c in COMBINATIONS],
)
def test_a_whole_life(hosts: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Combination) -> None:
    """Brought up, healthy, written to, a member restarted, torn down; nothing is left."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    with bare(hosts, way.size) as machines, met(way, machines, tmp_path) as meeting:
        boot, more = planned(way, machines, meeting, tmp_path)
        times, began = [], time.monotonic()
        session = console(hosts, tmp_path, boot, **more)
        try:
            result = bring_up(session)
            assert result.outcome is Outcome.DONE, result.message
            times.append(time.monotonic())
            shot = session.fresh(5)
            assert {m.name for m in shot.members} == {f"m-{m.name}" for m in machines}
            assert {r.reading.status.version for r in shot.rows if r.reading.status} == {way.version}
            assert session.check_health().healthy
            first, last = (session.writer(shot.members[at].id) for at in (0, -1))
            first.put(b"written", b"yes", 5)
            found = last.get(b"written", 5)
            assert found is not None and found.value == b"yes"
            # The only member of one is restarted by the word of who knows that it is down meanwhile.
            plan = session.prepare("restart-node", session.fresh(5).find(machines[-1].name))
            result = session.execute(plan, override="new" if way.size == 1 else None)
            assert result.outcome is Outcome.DONE, result.message
            times.append(time.monotonic())
            plan = session.prepare("destroy", None, {"data": "delete"})
            result = session.execute(plan, override="new")
            assert result.outcome is Outcome.DONE, result.message
            times.append(time.monotonic())
        finally:
            session.close()
        spans = [f"{b - a:.1f}" for a, b in zip([began, *times], times, strict=False)]
        print(f"{way}: up {spans[0]} s, written to and restarted {spans[1]} s, torn down {spans[2]} s")
        assert [machine.run("sh", "-c", LEFT) for machine in machines] == [""] * way.size
