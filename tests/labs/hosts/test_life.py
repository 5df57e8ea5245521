"""The life of nodes on real hosts: every way of running etcd, its log, drift, TLS and upgrades."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from etcdtui.model.cluster import ClusterSnapshot, Node, RunState
from etcdtui.model.logline import stamp_of
from etcdtui.ops.plan import Outcome
from etcdtui.sites.base import Upgradable
from etcdtui.sites.ssh.site import SshSite
from etcdtui.ui.logfeed import LogFeed
from tests.labs.hosts.clusters import ASIDE, LOG_FILE, MANIFEST_FILE, OLDER, LabCluster
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.machines import Machine
from tests.labs.hosts.opened import Answers, Seen, opened
from tests.sites.local.support import wait_until
from tests.support.pki import make_pki

pytestmark = pytest.mark.timeout(150)


def node_of(snapshot: ClusterSnapshot, name: str) -> Node:
    row = snapshot.find(name)
    assert row is not None
    assert row.node is not None
    return row.node


def runs_none(machine: Machine) -> bool:
    return machine.run("pgrep", "-x", "etcd", check=False) == ""


def stopped(name: str, snapshot: ClusterSnapshot) -> bool:
    return node_of(snapshot, name).run_state is RunState.STOPPED


def detail_of(snapshot: ClusterSnapshot, name: str) -> str:
    return node_of(snapshot, name).detail


def drift_of(seen: Seen) -> str:
    return " / ".join(f.message for f in seen.session.check_health().findings if f.check == "drift")


def collect(site: SshSite, node: str, stop: threading.Event, lines: list[str], came: threading.Event) -> None:
    for line in site.log_follow(node, stop.is_set):
        lines.append(line)
        came.set()


def test_systemd_static_pod_and_process_are_found_stopped_and_started(
    lab: Lab, mixed: LabCluster, tmp_path: Path
) -> None:
    with opened(lab, tmp_path) as seen:
        seen.settled()
        words = {n.name: n.detail for n in seen.session.snapshot().nodes}
        assert "kvstore.service active (running) since " in words["n1"]
        assert f"static pod {MANIFEST_FILE}" in words["n2"]
        assert "started by hand" in words["n3"]
        manifest = lab["n2"].run("cat", MANIFEST_FILE)
        seen.done("stop-node", "n1")
        seen.until(partial(stopped, "n1"))
        refused = seen.act("stop-all")
        assert refused.outcome is Outcome.REFUSED
        seen.done("stop-all", override="lab")
        for name in ("n1", "n2", "n3"):
            # What has ended is there until its parent has waited for it.
            wait_until(partial(runs_none, lab[name]), "no etcd runs")
            seen.until(partial(stopped, name))
        assert lab["n2"].run("cat", ASIDE) == manifest
    # A console that was not there when they were stopped knows as well how to start them.
    with opened(lab, tmp_path) as seen:
        seen.until(lambda s: len([n for n in s.nodes if n.run_state is RunState.STOPPED]) == 3)
        seen.done("start-all")
        seen.settled(timeout=60)
        assert lab["n2"].run("cat", MANIFEST_FILE) == manifest
        assert not lab["n2"].run("sh", "-c", f"ls {ASIDE} 2>/dev/null || :")
        for name in ("n1", "n2", "n3"):
            before = seen.row(name).node.pid
            message = seen.done("kill-node", name)
            assert f"pid {before}" in message
            if name == "n3":
                seen.done("start-node", name)
            seen.settled()
        seen.until(lambda s: "restarted 1 time by systemd" in detail_of(s, "n1"))


LATE = {
    "/run/systemd/system/late.service": "[Service]\nType=oneshot\nExecStart=/bin/sleep 4\n",
    "/run/systemd/system/kvstore.service.d/late.conf": "[Unit]\nWants=late.service\nAfter=late.service\n",
}
"""What has a unit wait for another one, as where a network is slow to come up."""


def test_a_unit_that_waits_for_another_has_not_ended_at_once(
    lab: Lab, mixed: LabCluster, tmp_path: Path
) -> None:
    machine = lab["n1"]
    with opened(lab, tmp_path) as seen:
        seen.settled()
        try:
            for file, text in LATE.items():
                machine.write(file, text)
            machine.run("systemctl", "daemon-reload")
            seen.done("stop-node", "n1")
            assert seen.site.start_node("n1") == "n1: started"
            seen.until(lambda s: "systemd has yet to start it" in detail_of(s, "n1"))
            seen.settled()
        finally:
            machine.run("rm", "-rf", *LATE)
            machine.run("systemctl", "daemon-reload")


TORRENT = """
exec perl -e '$| = 1; my $x = "x" x 150; for my $r (0 .. 199) {
    print map { $r * 200 + $_ . " of many $x\\n" } 0 .. 199; select(undef, undef, undef, 0.02)
}' >> """
"""Forty thousand lines in little more than four seconds."""


def has_one_connection(machine: Machine) -> bool:
    told = machine.run("ss", "-Htn", "state", "established", "sport", "=", ":22")
    return len(told.splitlines()) == 1


def test_logs_of_every_kind_are_read_and_followed(lab: Lab, mixed: LabCluster, tmp_path: Path) -> None:
    with opened(lab, tmp_path) as seen:
        seen.settled()
        for name in ("n1", "n2", "n3"):
            lines = seen.site.log_tail(name, 50)
            assert any("raft" in line or "etcd" in line for line in lines)
            stop = threading.Event()
            followed: list[str] = []
            came = threading.Event()
            thread = threading.Thread(target=collect, args=(seen.site, name, stop, followed, came))
            thread.start()
            # Leadership changes are logged by every member; following may begin after the first.
            for _ in range(4):
                leader = seen.session.snapshot().leader_row
                assert leader is not None
                other = next(r.name for r in seen.session.snapshot().rows if r.name != leader.name)
                seen.done("move-leader", other)
                if came.wait(2):
                    break
            assert came.is_set(), name
            stop.set()
            thread.join(5)
            assert not thread.is_alive()
            assert not any("stderr F" in line for line in followed)
            # From a time on, by the host's own clock.
            moment = stamp_of(next(line for line in reversed(lines) if stamp_of(line)))
            since = seen.site.log_from(name, moment, 1000)
            assert next(filter(None, map(stamp_of, since))) >= moment
            assert set(followed) <= set(since)
            assert seen.site.log_from(name, moment, 2) == since[:2]
            # Whatever goes on at once, there is one connection to a host, and one to the jump host.
            for machine in (lab.jump, lab[name]):
                wait_until(partial(has_one_connection, machine), "one connection")
            assert seen.site.log_from(name, "2999-01-01 00:00:00", 10) == ()


def test_ten_thousand_lines_a_second_do_not_slow_the_readings(
    lab: Lab, mixed: LabCluster, tmp_path: Path
) -> None:
    with opened(lab, tmp_path) as seen:
        seen.settled()
        feed = LogFeed(seen.site, "n3")
        deadline = time.monotonic() + 20
        followed = 0
        while followed < 2:
            # The first may be of the lines from before, which are read once; the next came by following.
            followed += any("follows" in line for line in feed.take())
            lab["n3"].run("sh", "-c", f"echo follows $(date +%N) >> {LOG_FILE}")
            assert time.monotonic() < deadline
        writer = threading.Thread(target=lambda: lab["n3"].run("sh", "-c", TORRENT + LOG_FILE))
        writer.start()
        got: list[str] = []
        good: list[bool] = []
        while writer.is_alive():
            began = time.monotonic()
            answers = seen.session.fresh(3).answers
            good.append(len(answers) == 3 and time.monotonic() - began < 1.5)
            got += feed.take()
        writer.join()
        deadline = time.monotonic() + 20
        while sum("of many" in line for line in got) < 40_000 and time.monotonic() < deadline:
            time.sleep(0.1)
            got += feed.take()
        feed.close()
        numbers = [int(line.split()[0]) for line in got if " of many " in line]
        assert numbers == list(range(40_000))
        # One may have met a moment in which the whole machine stood.
        assert good.count(False) <= 1 and good.count(True) >= 3, good


def test_drift_between_unit_process_and_data_is_said(lab: Lab, cluster: LabCluster, tmp_path: Path) -> None:
    with opened(lab, tmp_path) as seen:
        seen.settled()
        seen.done("stop-node", "n1")
        lab["n1"].run("systemctl", "disable", "-q", "etcd")
        lab["n1"].run("sh", "-c", "set -a; . /etc/default/etcd; setsid runuser -u etcd -- /usr/bin/etcd "
                      ">/dev/null 2>&1 </dev/null & sleep 0.5")  # fmt: skip
        seen.site.hosts()["n1"].look(deep=True)
        seen.until(lambda s: "outside of the unit" in detail_of(s, "n1"))
        assert "n1: an etcd runs on its data outside of the unit" in drift_of(seen)
        lab["n1"].run("pkill", "-9", "-x", "etcd")
        seen.until(lambda s: "it does not start at boot" in detail_of(s, "n1"))
        lab["n1"].run("mv", "/var/lib/etcd/default", "/var/lib/etcd/kept")
        seen.site.hosts()["n1"].look(deep=True)
        seen.until(lambda s: "/var/lib/etcd/default is missing" in detail_of(s, "n1"))
        result = seen.act("start-node", "n1")
        assert result.outcome is Outcome.FAILED
        assert "a member without data would start there" in result.message
        # A host on which nothing is left that could run its member.
        lab["n1"].run("mv", "/etc/default/etcd", "/etc/default/etcd.away")
        seen.site.hosts()["n1"].look(deep=True)
        seen.until(lambda s: "n1" not in {node.name for node in s.nodes})
        assert "is down, and nothing on n1 is set up to run it" in drift_of(seen)
        lab["n1"].run("mv", "/etc/default/etcd.away", "/etc/default/etcd")
        lab["n1"].run("mv", "/var/lib/etcd/kept", "/var/lib/etcd/default")
        lab["n1"].run("systemctl", "enable", "-q", "etcd")
        seen.site.hosts()["n1"].look(deep=True)
        seen.until(lambda s: "n1" in {node.name for node in s.nodes})
        seen.done("start-node", "n1")
        seen.settled()
        assert drift_of(seen) == "members, units, processes and data agree"


def test_tls_files_on_the_hosts_are_used_as_kubeadm_lays_them(hosts: Lab, tmp_path: Path) -> None:
    """Keys that root alone reads are had by sudo, with its password on one of the hosts."""
    addresses = tuple(m.address for m in hosts.nodes)
    make_pki(tmp_path / "pki", dns=("localhost",), ips=("127.0.0.1", *addresses))
    LabCluster(hosts, ("static", "unit", "unit"), tls=tmp_path / "pki").up()
    asker = Answers(pat="pat-secret")
    with opened(hosts, tmp_path, asker=asker, hosts=("n1", "pat@n2", "n3")) as seen:
        seen.settled()
        assert all(row.endpoint.startswith("https://") for row in seen.session.snapshot().rows)
        assert [p.split(" of ")[0] for p in asker.prompts] == ["sudo password"]
        seen.done("snapshot-save", directory=str(tmp_path / "saved"))
        assert len(asker.prompts) == 1


@pytest.mark.long
def test_an_upgrade_switches_the_link_on_one_host_after_the_other(hosts: Lab, tmp_path: Path) -> None:
    lab, cluster = hosts, LabCluster(hosts, ("unit", "unit", "process"))
    cluster.up(before=OLDER)
    with opened(lab, tmp_path) as seen:
        seen.settled()
        assert {status.version for status in seen.session.snapshot().answers} == {"3.4.23"}
        releases = seen.session.site
        assert isinstance(releases, Upgradable)
        assert [release.version for release in releases.releases()] == ["3.4.23", "3.5.1"]
        seen.done("upgrade", version="3.5.1")
        assert {status.version for status in seen.session.snapshot().answers} == {"3.5.1"}
        for machine in lab.nodes:
            assert machine.run("readlink", "/opt/etcd").strip().endswith("etcd-v3.5.1")
