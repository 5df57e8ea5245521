"""A cluster brought up on real hosts behind a jump host, under systemd, from a tarball, with TLS."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.config import SshProfile
from etcdtui.model.bootstrap import (
    Discovery,
    HostsBootstrap,
    Meeting,
    MemberPlan,
    ReleasePlan,
    Source,
    Tls,
)
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_site
from tests.labs.hosts.clusters import LabCluster
from tests.labs.hosts.lab import INNER, Lab
from tests.labs.hosts.machines import sh
from tests.support.consoles import bring_up
from tests.support.tools import etcd as etcd_binary
from tests.support.zone import Zone, serving

VERSION = "3.5.1"
CLEAN = (
    "systemctl disable -q --now brought 2>/dev/null; userdel kv 2>/dev/null; systemctl reset-failed; "
    "rm -rf /etc/systemd/system/brought.service /etc/brought /opt/brought /var/lib/brought /home/op/.cache; "
    "systemctl daemon-reload; :"
)


@pytest.fixture
def boot(hosts: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostsBootstrap]:
    """Hosts with nothing on them, and what is to be there."""
    lab = hosts
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    tarball = tmp_path / f"etcd-v{VERSION}-linux-amd64.tar.gz"
    with tarfile.open(tarball, "w:gz", compresslevel=1) as tar:
        for tool in ("etcd", "etcdctl"):
            tar.add(etcd_binary("3.5", tool), f"etcd-v{VERSION}-linux-amd64/{tool}")
    for machine in lab.nodes:
        LabCluster.clear(machine)
        machine.run("sh", "-c", CLEAN)
    yield HostsBootstrap(
        members=tuple(MemberPlan(m.name, f"m-{m.name}", m.address) for m in lab.nodes),
        tls=Tls.MADE,
        release=ReleasePlan(VERSION, Source.TARBALL, str(tarball)),
        unit="brought.service",
        data_dir="/var/lib/brought/{name}",
        config_dir="/etc/brought",
        install_dir="/opt/brought",
        account="kv",
    )
    for machine in lab.nodes:
        machine.run("sh", "-c", CLEAN)


def console(lab: Lab, root: Path, boot: HostsBootstrap) -> Session:
    hosts = tuple(machine.name for machine in lab.nodes)
    site = open_site(SshProfile(name="new", hosts=hosts, ssh_config=lab.ssh_config, bootstrap=boot))
    audit, store = AuditLog(root / "audit.jsonl"), PlanStore(root / "plans")
    session = Session(site, profile="new", refresh=0.5, timeout=1.5, audit=audit, store=store)
    session.start()
    return session


@pytest.mark.timeout(240)
def test_from_nothing_under_systemd_and_cut_off_on_the_way(
    lab: Lab, tmp_path: Path, boot: HostsBootstrap
) -> None:
    for done in (2, 4, 6):
        session = console(lab, tmp_path, boot)
        result = bring_up(session, stop_after=done)
        session.close()
        assert result.outcome is Outcome.CANCELLED, result.message
    session = console(lab, tmp_path, boot)
    began = time.monotonic()
    result = bring_up(session)
    print(f"went on and was done in {time.monotonic() - began:.1f} s")
    assert result.outcome is Outcome.DONE, result.message
    node = lab.nodes[0]
    show = "systemctl show brought -p ActiveState -p User -p NRestarts -p UnitFileState --value"
    assert sorted(node.run("sh", "-c", show).split()) == ["0", "active", "enabled", "kv"]
    assert "existing" in node.run("cat", "/etc/brought/m-n1.yaml")
    modes = node.run("sh", "-c", "stat -c '%a %U:%G' /etc/brought/tls/m-n1/*-key.pem /var/lib/brought/m-n1")
    assert modes.splitlines() == ["640 root:kv", "640 root:kv", "700 kv:kv"]
    # Once more: nothing is done; the console's other actions work on what stands.
    pid = node.run("pidof", "etcd").strip()
    result = bring_up(session)
    assert result.outcome is Outcome.DONE, result.message
    assert node.run("pidof", "etcd").strip() == pid
    plan = session.prepare("restart-node", session.fresh(5).find("n2"), {})
    result = session.execute(plan)
    assert result.outcome is Outcome.DONE, result.message
    # Torn down only when the name is typed; the data is out of the way and nothing else is left.
    plan = session.prepare("destroy")
    assert session.execute(plan).outcome is Outcome.REFUSED
    result = session.execute(plan, override="new")
    session.close()
    assert result.outcome is Outcome.DONE, result.message
    assert node.run("sh", "-c", "pidof etcd || :") == ""
    assert (
        node.run("sh", "-c", "ls /etc/systemd/system/brought.service /etc/brought/m-n1.yaml 2>/dev/null; :")
        == ""
    )
    assert node.run("ls", "/var/lib/brought").startswith("m-n1.destroyed.")


NAMESERVER = "10.213.1.1"


@pytest.fixture
def zone(lab: Lab) -> Iterator[Zone]:
    """A nameserver that the nodes ask, on their own network."""
    sh("ip", "address", "add", f"{NAMESERVER}/24", "dev", INNER)
    hosts = {f"{machine.name}.kv.test": machine.address for machine in lab.nodes}
    try:
        for machine in lab.nodes:
            machine.run("sh", "-c", f"echo nameserver {NAMESERVER} > /etc/resolv.conf")
        with serving(NAMESERVER, hosts) as served:
            yield served
    finally:
        sh("ip", "address", "delete", f"{NAMESERVER}/24", "dev", INNER, check=False)


@pytest.mark.timeout(240)
def test_members_that_find_each_other_in_dns(
    lab: Lab, tmp_path: Path, boot: HostsBootstrap, zone: Zone
) -> None:
    members = tuple(replace(m, address=f"{m.host}.kv.test") for m in boot.members)
    plan = replace(boot, members=members, meeting=Meeting(Discovery.SRV, domain="kv.test"))
    session = console(lab, tmp_path, plan)
    session.fresh(5)
    told = session.prepare("bootstrap").consequences
    assert "DNS must have: _etcd-server-ssl._tcp.kv.test. 300 IN SRV 0 0 2380 n1.kv.test." in told
    zone.services["_etcd-server-ssl._tcp.kv.test"] = [("n1.kv.test", 2380), ("n2.kv.test", 2380)]
    result = bring_up(session)
    assert result.outcome is Outcome.FAILED
    assert "_etcd-server-ssl._tcp.kv.test does not lead to n3.kv.test:2380: there is" in result.message
    assert lab.nodes[0].run("sh", "-c", "pidof etcd || :") == ""
    zone.services["_etcd-server-ssl._tcp.kv.test"].append(("n3.kv.test", 2380))
    result = bring_up(session)
    assert result.outcome is Outcome.DONE, result.message
    assert {m.name for m in session.fresh(5).members} == {"m-n1", "m-n2", "m-n3"}
    result = session.execute(session.prepare("destroy", None, {"data": "delete"}), override="new")
    session.close()
    assert result.outcome is Outcome.DONE, result.message
