"""Bad days on real hosts: each gives a true picture within two ticks, one sentence, and mends itself."""

from __future__ import annotations

import contextlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.terminal import Terminal
from etcdtui.errors import SiteError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, RunState, State
from etcdtui.ops.plan import Outcome
from tests.labs.hosts.clusters import LabCluster
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.opened import Answers, opened

pytestmark = pytest.mark.timeout(150)
TICKS = 5.0
"""Seconds: two ticks of the console's usual pace, a deadline of 1.5 s included, are 3.2; a busy machine has
the rest. Who is told by nothing but a silent connection learns of it after 9 s."""


FULL = """
cd /var/lib/etcd && mv default kept && mkdir default
mount -t tmpfs -o size=300m,nr_inodes=$(find kept | wc -l) tmpfs default
cp -a kept/. default/
"""
"""A disk with the member's data and room for no file more."""
EMPTY = "systemctl stop etcd; cd /var/lib/etcd && umount default && rmdir default && mv kept default"


def row_of(snapshot: ClusterSnapshot, name: str) -> EndpointRow:
    found = snapshot.find(name)
    assert found is not None
    return found


def test_a_lost_jump_host_makes_all_unknown_and_comes_back_by_itself(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    way = ["--ssh", "n1,n2,n3", "--config", "/dev/null"]
    home = lab.home(tmp_path / "home")
    console = Terminal([sys.executable, "-m", "etcdtui", "launch", *way], env=home)
    with contextlib.closing(console), opened(lab, tmp_path) as seen:
        seen.settled()
        console.wait_for("3 of 3 voters healthy")
        cut = time.monotonic()
        lab.jump.power(False)
        took = seen.until(lambda s: all(r.state is State.UNKNOWN for r in s.rows))
        assert took < TICKS, seen.told()
        assert all("ops@jump" in r.reading.reason for r in seen.session.snapshot().rows), seen.told()
        seen.until(lambda s: all(n.run_state is RunState.UNKNOWN for n in s.nodes), TICKS)
        console.wait_for("unknown", since=cut)
        # A whole console ends without waiting, and so does one that never came so far as to connect.
        console.send("q")
        assert console.process.wait(5) == 0
        with opened(lab, tmp_path / "late", connect=0):
            pass
        lab.jump.power(True)
        seen.settled(timeout=40)
    lab.wait_ssh()


LINGER = "[Service]\nKillSignal=SIGWINCH\n"
"""An etcd that does not end when it is told to; the next boot has forgotten it."""


def test_a_host_without_power_is_out_and_the_others_are_not_disturbed(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    lab["n2"].write("/run/systemd/system/etcd.service.d/linger.conf", LINGER)
    lab["n2"].run("systemctl", "daemon-reload")
    with ThreadPoolExecutor(1) as pool, opened(lab, tmp_path) as seen:
        seen.settled()
        # In the middle of a command.
        stop = pool.submit(seen.act, "stop-node", "n2")
        seen.until(lambda s: "deactivating" in (node.detail if (node := row_of(s, "n2").node) else ""))
        lab["n2"].power(False)
        took = seen.until(lambda s: row_of(s, "n2").state in (State.UNKNOWN, State.DOWN))
        assert took < TICKS
        seen.until(
            lambda s: row_of(s, "n2").state is State.UNKNOWN and "n2" in row_of(s, "n2").reading.reason, 3
        )
        seen.until(lambda s: sum(r.reading.answered for r in s.rows) == 2 and s.leader_id)
        seen.until(lambda s: any(n.name == "n2" and n.run_state is RunState.UNKNOWN for n in s.nodes), TICKS)
        result = stop.result(40)
        assert result.outcome is Outcome.UNKNOWN, result.message
        assert "was sent, and then the host was lost" in result.message
        assert seen.act("start-node", "n2").outcome is not Outcome.DONE
        lab["n2"].power(True)
        # The unit is enabled, so the member comes back with its host.
        seen.settled(timeout=60)


def test_a_host_that_accepts_and_says_nothing(lab: Lab, cluster: LabCluster, tmp_path: Path) -> None:
    with opened(lab, tmp_path) as seen:
        seen.settled()
        # Frozen: the kernel answers TCP, and no process does.
        signal = "for n in 1 2; do kill -%s $(pgrep -x sshd) $(pgrep -x etcd) 2>/dev/null; done; :"
        lab["n3"].run("sh", "-c", signal % "STOP")
        try:
            took = seen.until(lambda s: row_of(s, "n3").state is State.UNKNOWN)
            assert took < TICKS + 1, seen.told()
            assert "n3" in seen.row("n3").reading.reason
            began = time.monotonic()
            with (
                pytest.raises(SiteError, match="says nothing"),
                opened(lab, tmp_path, hosts=("n3",), connect=20, connect_timeout=2),
            ):
                pass
            assert time.monotonic() - began < 15
        finally:
            lab["n3"].run("sh", "-c", signal % "CONT")
        seen.settled(timeout=40)


def test_delay_and_stalls_on_the_way_are_borne(lab: Lab, cluster: LabCluster, tmp_path: Path) -> None:
    slow = Path(__file__).with_name("slow.py")
    config = tmp_path / "config"
    command = f"    ProxyCommand {sys.executable} {slow} %h %p 0.05 0.01\n"
    config.write_text(lab.ssh_config.read_text().replace("Host jump\n", f"Host jump\n{command}"))
    with opened(lab, tmp_path, ssh_config=config) as seen:
        seen.settled()
        readings = [row.reading for _ in range(8) for row in seen.session.fresh(3).rows]
        rtt = [reading.rtt for reading in readings if reading.answered]
        assert len(readings) - len(rtt) <= 2, seen.told()
        assert all(each is not None and each > 0.1 for each in rtt)


def told_by(snapshot: ClusterSnapshot, name: str) -> tuple[int, int]:
    """The cluster and its leader as a member has them, 0 where it does not answer."""
    status = row_of(snapshot, name).reading.status
    return (status.cluster_id, status.leader) if status else (0, 0)


def test_forbidden_forwarding_falls_back_to_the_hosts_etcdctl(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    lab["n1"].write("/etc/ssh/sshd_config.d/no.conf", "AllowTcpForwarding no\n")
    lab["n1"].run("systemctl", "reload", "ssh")
    try:
        with opened(lab, tmp_path) as seen:
            seen.settled()
            seen.until(lambda _: "does not allow forwarding" in " ".join(seen.site.notes))
            seen.until(lambda s: told_by(s, "n1") == told_by(s, "n2") != (0, 0))
            seen.done("stop-node", "n1")
            seen.done("start-node", "n1")
            seen.settled()
            leader = seen.session.snapshot().leader_row
            assert leader is not None
            if leader.name != "n1":
                seen.done("move-leader", "n1")
            other_name = next(r.name for r in seen.session.snapshot().rows if r.name != "n1")
            seen.done("move-leader", other_name)
    finally:
        lab["n1"].run("rm", "/etc/ssh/sshd_config.d/no.conf")
        lab["n1"].run("systemctl", "reload", "ssh")


def test_a_changed_host_key_is_refused_with_the_line_that_stands(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    lines = lab.known_hosts.read_text().splitlines()
    n2, n3 = (next(i for i, x in enumerate(lines) if x.startswith(m.address)) for m in lab.nodes[1:])
    lines[n2] = f"{lab['n2'].address} " + lines[n3].split(" ", 1)[1]
    known.write_text("\n".join(lines) + "\n")
    with opened(lab, tmp_path, known_hosts=known) as seen:
        seen.until(lambda s: sum(r.reading.answered for r in s.rows) >= 2)
        seen.until(lambda s: any("HAS CHANGED" in row.reading.reason for row in s.rows))
        seen.until(lambda s: any("HAS CHANGED" in node.detail for node in s.nodes))
        (node,) = (n for n in seen.session.snapshot().nodes if "HAS CHANGED" in n.detail)
        assert node.name == "n2"
        assert f"{known}:{n2 + 1}" in node.detail


def test_sudo_that_is_refused_is_one_sentence(lab: Lab, cluster: LabCluster, tmp_path: Path) -> None:
    asker = Answers(sudo="nosudo-secret")
    lab["n2"].write("/etc/sudoers.d/tty", "Defaults:op requiretty\n", 0o440)
    with (
        lab["n2"].without("/etc/sudoers.d/tty"),
        opened(lab, tmp_path, asker=asker, hosts=("nosudo@n1", "n2", "n3")) as seen,
    ):
        seen.settled()
        result = seen.act("stop-node", "n2")
        assert result.outcome is Outcome.FAILED
        assert "sudo there wants a terminal (requiretty)" in result.message
        result = seen.act("stop-node", "n1")
        assert result.outcome is Outcome.FAILED
        assert "nosudo may not use sudo there" in result.message
        assert lab["n1"].run("systemctl", "is-active", "etcd").strip() == "active"


def test_a_wrong_account_is_told_once_with_what_was_tried(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    asker = Answers()
    with (
        pytest.raises(SiteError, match=r"ghost@n1: login refused: .*the server accepts"),
        opened(lab, tmp_path, asker=asker, hosts=("ghost@n1",)),
    ):
        pass
    assert len([p for p in asker.prompts if "ghost@n1" in p]) == 1


def test_a_missing_binary_and_a_full_disk_are_said_by_the_start(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    with opened(lab, tmp_path) as seen:
        seen.settled()
        seen.done("stop-node", "n1")
        lab["n1"].run("mv", "/usr/bin/etcd", "/usr/bin/gone")
        try:
            result = seen.act("start-node", "n1")
            assert "its binary cannot be executed" in result.message, result.message
        finally:
            lab["n1"].run("mv", "/usr/bin/gone", "/usr/bin/etcd")
        seen.done("start-node", "n1")
        seen.settled()
        seen.done("stop-node", "n2")
        lab["n2"].run("sh", "-c", FULL)
        try:
            result = seen.act("start-node", "n2")
            assert "no space left on device" in result.message.lower(), result.message
            seen.until(lambda s: "no space left" in (node.detail if (node := row_of(s, "n2").node) else ""))
        finally:
            lab["n2"].run("sh", "-c", EMPTY)
        seen.done("start-node", "n2")
