"""A cluster brought up on real hosts behind a jump host, under systemd, from a tarball, with TLS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.model.bootstrap import Discovery, HostsBootstrap, Meeting, Tls
from etcdtui.ops.plan import Outcome
from tests.labs.hosts.bare import DOMAIN, bare, console, plan_for, tarball, zone
from tests.labs.hosts.lab import Lab
from tests.support.consoles import bring_up, cut_off


@pytest.fixture
def boot(hosts: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostsBootstrap]:
    """Hosts with nothing on them, and what is to be there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    with bare(hosts) as machines:
        yield plan_for(machines, tarball(tmp_path), tls=Tls.MADE)


@pytest.mark.timeout(240)
def test_from_nothing_under_systemd_and_cut_off_on_the_way(
    lab: Lab, tmp_path: Path, boot: HostsBootstrap
) -> None:
    for done in range(1, 7):
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


@pytest.mark.long
@pytest.mark.timeout(240)
def test_members_that_find_each_other_in_dns(lab: Lab, tmp_path: Path, boot: HostsBootstrap) -> None:
    members = tuple(replace(m, address=f"{m.host}.{DOMAIN}") for m in boot.members)
    plan = replace(boot, members=members, meeting=Meeting(Discovery.SRV, domain=DOMAIN))
    with zone(lab.nodes) as served:
        session = console(lab, tmp_path, plan)
        session.fresh(5)
        told = session.prepare("bootstrap").consequences
        assert "DNS must have: _etcd-server-ssl._tcp.kv.test. 300 IN SRV 0 0 2380 n1.kv.test." in told
        served.services["_etcd-server-ssl._tcp.kv.test"] = [("n1.kv.test", 2380), ("n2.kv.test", 2380)]
        result = bring_up(session)
        assert result.outcome is Outcome.FAILED
        assert "_etcd-server-ssl._tcp.kv.test does not lead to n3.kv.test:2380: there is" in result.message
        assert lab.nodes[0].run("sh", "-c", "pidof etcd || :") == ""
        served.services["_etcd-server-ssl._tcp.kv.test"].append(("n3.kv.test", 2380))
        result = bring_up(session)
        assert result.outcome is Outcome.DONE, result.message
        assert {m.name for m in session.fresh(5).members} == {"m-n1", "m-n2", "m-n3"}
        result = session.execute(session.prepare("destroy", None, {"data": "delete"}), override="new")
        session.close()
        assert result.outcome is Outcome.DONE, result.message


STATE = r"""
find /etc/brought /var/lib/brought /etc/systemd/system 2>/dev/null | grep brought | sort |
    grep -v -e undone -e '^/var/lib/brought$'
readlink /opt/brought/current; pidof etcd; systemctl is-enabled brought 2>/dev/null; :
"""


@pytest.mark.long
@pytest.mark.timeout(240)
def test_undone_by_the_next_console_wherever_it_stopped(
    lab: Lab, tmp_path: Path, boot: HostsBootstrap
) -> None:
    """Unit, configuration, certificates and directories are gone; what was there is as it was."""
    for node in lab.nodes:
        node.run(
            "sh", "-c", "mkdir -p /opt/brought/v3.0.0 && ln -sfn /opt/brought/v3.0.0 /opt/brought/current"
        )
    before = [node.run("sh", "-c", STATE) for node in lab.nodes]
    for done in (2, 5, 6):
        session = console(lab, tmp_path, boot)
        result = bring_up(session, stop_after=done)
        session.close()
        assert result.outcome is Outcome.CANCELLED, result.message
        session = console(lab, tmp_path, boot)
        session.fresh(5)
        (left,) = session.unfinished()
        plan = session.settle(left.id, "undo")
        if done == 6:
            # Cut off as well, it is finished by the one after.
            cut_off(session, plan, 2, override="new")
            session.close()
            session = console(lab, tmp_path, boot)
            session.fresh(5)
            (left,) = session.unfinished()
            plan = session.settle(left.id, "finish")
        result = session.execute(plan)
        assert result.outcome is Outcome.DONE, result.message
        assert session.unfinished() == ()
        session.close()
        assert [node.run("sh", "-c", STATE) for node in lab.nodes] == before
    for node in lab.nodes:
        # The data of members that ran is kept, once.
        assert node.run("sh", "-c", "ls /var/lib/brought | grep -c undone").strip() == "1"
