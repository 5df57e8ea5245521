"""A cluster brought up on real hosts behind a jump host, under systemd, from a tarball, with TLS."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.model.bootstrap import Discovery, HostsBootstrap, Meeting, Tls
from etcdtui.ops.plan import Outcome
from tests.labs.hosts.bare import DOMAIN, LEFT, assert_laid, bare, console, plan_for, tarball, zone
from tests.labs.hosts.lab import Lab
from tests.support.consoles import bring_up, cut_off, do, done, ready


@pytest.fixture
def boot(hosts: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostsBootstrap]:
    """Four hosts with nothing on them, and what is to be on three."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    with bare(hosts, 4) as machines:
        yield plan_for(machines[:3], tarball(tmp_path), tls=Tls.MADE)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "cuts", [(6,), pytest.param(range(1, 7), marks=pytest.mark.long)], ids=["one", "all"]
)
def test_from_nothing_under_systemd_and_cut_off_on_the_way(
    lab: Lab, tmp_path: Path, boot: HostsBootstrap, cuts: Sequence[int]
) -> None:
    """It goes on, grows by a host that has nothing on it, and is torn down with that one."""
    for steps in cuts:
        session = console(lab, tmp_path, boot, (lab.spare,))
        result = bring_up(session, stop_after=steps)
        session.close()
        assert result.outcome is Outcome.CANCELLED, result.message
    session = console(lab, tmp_path, boot, (lab.spare,))
    began = time.monotonic()
    result = bring_up(session)
    print(f"went on and was done in {time.monotonic() - began:.1f} s")
    assert result.outcome is Outcome.DONE, result.message
    node = lab.nodes[0]
    assert_laid(node)
    # Once more: nothing is done; the console's other actions work on what stands.
    pid = node.run("pidof", "etcd").strip()
    result = bring_up(session)
    assert result.outcome is Outcome.DONE, result.message
    assert node.run("pidof", "etcd").strip() == pid
    done(do(session, "scale", voters=4))
    ready(session, 4)
    assert_laid(lab.spare)
    # Torn down only when the name is typed; the data is out of the way and nothing else is left.
    plan = session.prepare("destroy")
    assert session.execute(plan).outcome is Outcome.REFUSED
    result = session.execute(plan, override="new")
    session.close()
    assert result.outcome is Outcome.DONE, result.message
    for machine in (*lab.nodes, lab.spare):
        (left,) = machine.run("sh", "-c", LEFT).split()
        assert left.startswith(f"/var/lib/brought/m-{machine.name}.destroyed.")


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
    for steps in (2, 5, 6):
        session = console(lab, tmp_path, boot)
        result = bring_up(session, stop_after=steps)
        session.close()
        assert result.outcome is Outcome.CANCELLED, result.message
        session = console(lab, tmp_path, boot)
        session.fresh(5)
        (left,) = session.unfinished()
        plan = session.settle(left.id, "undo")
        if steps == 6:
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
