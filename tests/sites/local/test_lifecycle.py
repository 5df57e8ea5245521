"""The life of a local cluster, on real etcd processes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from etcdtui.errors import NodeError, SiteError, UsageError
from etcdtui.model.cluster import RunState
from etcdtui.model.logline import stamp_of
from etcdtui.sites.base import HasNodes, Killable, Logged, Site, Startable
from etcdtui.sites.local import process
from etcdtui.sites.local.demo import attach_demo, open_demo
from etcdtui.sites.local.ports import port_of, taken
from tests.sites.local.support import (
    QUICK,
    demo,
    etcdctl,
    left_over,
    node,
    pids,
    wait_healthy,
    wait_until,
)
from tests.support.tools import etcd

ENDS = 30.0
"""Seconds that an etcd which cannot run may take to end; it is waited for no longer than until it has."""


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_bootstrap_stop_kill_restart_and_data_that_survives(tmp_path: Path, version: str) -> None:
    with demo(tmp_path, version=version) as site:
        assert [n.run_state for n in site.nodes()] == [RunState.RUNNING] * 3
        assert all(n.etcd_version.startswith(version) for n in site.nodes())
        assert site.started_here == ("n1", "n2", "n3")
        wait_healthy(site)
        etcdctl(site, "put", "colour", "blue")

        assert site.stop_node("n1", 10).startswith("n1: stopped")
        assert (node(site, "n1").run_state, node(site, "n1").detail) == (RunState.STOPPED, "stopped")
        assert site.stop_node("n1", 10) == "n1: does not run"
        assert site.kill_node("n2").startswith("n2: killed")
        assert (node(site, "n2").run_state, node(site, "n2").detail) == (
            RunState.STOPPED,
            "killed with SIGKILL",
        )
        for name in ("n1", "n2"):
            assert site.start_node(name).startswith(f"{name}: started")
            assert site.start_node(name).startswith(f"{name}: runs already")
        wait_healthy(site)
        before = pids(site)
        assert site.shutdown() == ("n1", "n2", "n3")
        assert site.shutdown() == ()
        assert not any(psutil.pid_exists(pid) for pid in before)
        assert [n.run_state for n in site.nodes()] == [RunState.STOPPED] * 3
        with pytest.raises(SiteError, match="being closed"):
            site.start_node("n1")

    with demo(tmp_path, nodes=None, version=version) as again:
        wait_healthy(again)
        assert etcdctl(again, "get", "colour", "--print-value-only").strip() == "blue"
    assert left_over(tmp_path) == []


def test_reads_through_its_own_dial(tmp_path: Path) -> None:
    with demo(tmp_path, 1) as site:
        wait_healthy(site)
        api = site.dial(site.seeds()[0])
        try:
            assert api.status(5).version.startswith("3.5")
            assert [m.name for m in api.member_list(5)] == ["n1"]
        finally:
            api.close()
        with pytest.raises(SiteError, match="nonsense"):
            site.dial("nonsense://")


def test_offers_what_the_protocols_ask_for(tmp_path: Path) -> None:
    with demo(tmp_path, 1, launch=False) as site:
        for protocol in (Site, HasNodes, Startable, Killable, Logged):
            assert isinstance(site, protocol)
        assert site.kind == "local"
        assert site.name == "demo"
        assert node(site, "n1").detail == "never started"


def test_a_killed_node_starts_again_at_once(tmp_path: Path) -> None:
    """Its ports are free as soon as the kill is reported."""
    with demo(tmp_path, 3) as site:
        wait_healthy(site)
        for _ in range(3):
            site.kill_node("n3")
            assert "started" in site.start_node("n3")


def test_the_commands_shown_are_the_commands_used(tmp_path: Path) -> None:
    root = tmp_path / "with a space"
    with demo(root, 1) as site:
        pid = node(site, "n1").pid
        assert shlex.split(site.describe_start("n1")) == psutil.Process(pid).cmdline()
        assert site.describe_stop("n1") == f"kill -TERM {pid}  (etcd n1)"
        assert site.describe_kill("n1") == f"kill -KILL {pid}  (etcd n1)"
        site.kill_node("n1")
        assert site.describe_stop("n1") == "nothing: n1 does not run"
        with pytest.raises(NodeError, match=r"n9: there is no such node \(the nodes are n1\)"):
            site.stop_node("n9", 1)


def test_second_open_adopts_and_leaves_running(tmp_path: Path) -> None:
    with demo(tmp_path) as site:
        second = open_demo(tmp_path, nodes=3)
        assert pids(second) == pids(site)
        assert second.started_here == ()
        # What ran when it was opened stays adopted, also when it is started anew by the second one.
        second.kill_node("n2")
        second.start_node("n2")
        assert second.started_here == ()
        second.close(stop=True)
        assert len(pids(site)) == 3
        # The first one launched the cluster: it stops n2 too, whoever restarted it.
        assert site.started_here == ("n1", "n2", "n3")
        site.close(stop=True)
        assert left_over(tmp_path) == []


def test_second_open_stops_only_what_it_started(tmp_path: Path) -> None:
    with demo(tmp_path) as site:
        site.kill_node("n2")
        second = open_demo(tmp_path)
        assert second.started_here == ("n2",)
        assert second.shutdown() == ("n2",)
        assert [n.name for n in site.nodes() if n.pid] == ["n1", "n3"]


def test_concurrent_opens_start_each_node_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        sites = list(pool.map(lambda _: open_demo(tmp_path, options=QUICK, settle=0), range(4)))
    try:
        assert len(left_over(tmp_path)) == 3
        assert len({tuple(pids(site)) for site in sites}) == 1
        assert sorted(len(site.started_here) for site in sites) == [0, 0, 0, 3]
    finally:
        sites[0].shutdown(everything=True)


def test_concurrent_opens_by_processes_start_each_node_once(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from etcdtui.sites.local.demo import open_demo;"
        "open_demo(pathlib.Path(sys.argv[1]))"
    )
    openers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [opener.wait(30) for opener in openers] == [0, 0, 0]
    try:
        assert len(left_over(tmp_path)) == 3
    finally:
        attach_demo(tmp_path).shutdown(everything=True)
    assert left_over(tmp_path) == []


def test_attach_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"no demo cluster here: .*run etcdtui demo"):
        attach_demo(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with demo(tmp_path, launch=False):
        assert [n.run_state for n in attach_demo(tmp_path).nodes()] == [RunState.STOPPED] * 3
        assert left_over(tmp_path) == []


def test_recycled_pid_is_not_taken_for_ours(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    with stranger, demo(tmp_path, 1) as site:
        site.kill_node("n1")
        run = json.loads((tmp_path / "n1.run.json").read_text())
        run.update(pid=stranger.pid, ended_by="", exit_code=None)
        (tmp_path / "n1.run.json").write_text(json.dumps(run))
        for looking in (site, attach_demo(tmp_path)):
            assert node(looking, "n1").pid is None
            assert looking.kill_node("n1") == "n1: does not run"
        assert stranger.poll() is None
        assert site.start_node("n1").startswith("n1: started")
        stranger.kill()


def test_a_child_that_ended_does_not_speak_for_a_later_process_of_its_pid(tmp_path: Path) -> None:
    """An etcd started by another console may get that pid: it must not count as ended."""
    child, created = process.spawn(["false"], tmp_path / "n1.log", tmp_path / "n1")
    child.wait(10)
    assert process.exit_code(process.Run(child.pid, created, "3.5.1", 0)) == 1
    assert process.exit_code(process.Run(child.pid, created + 60, "3.5.1", 0)) is None


def test_a_clock_that_was_set_does_not_lose_the_process(tmp_path: Path) -> None:
    """The creation time shifts with the clock; the command line still tells whose process it is."""
    with demo(tmp_path, 1) as site:
        run = json.loads((tmp_path / "n1.run.json").read_text())
        run["created"] += 7200
        (tmp_path / "n1.run.json").write_text(json.dumps(run))
        assert node(attach_demo(tmp_path), "n1").pid == run["pid"]
        assert node(site, "n1").pid == run["pid"]


def test_a_process_nobody_wrote_down_is_adopted(tmp_path: Path) -> None:
    """A console killed between starting etcd and writing its run file leaves this."""
    with demo(tmp_path, 1) as site:
        pid = node(site, "n1").pid
        (tmp_path / "n1.run.json").unlink()
        other = open_demo(tmp_path)
        assert node(other, "n1").pid == pid
        assert other.started_here == ()


def test_a_process_nobody_wrote_down_is_adopted_before_it_listens(tmp_path: Path) -> None:
    """The next console may come so soon that the one etcd has not opened its ports yet."""
    with demo(tmp_path, 1) as site:
        wait_healthy(site)
        own = node(site, "n1")
        argv = shlex.split(site.describe_start("n1"))
        site.stop_node("n1", 10)
        # Before anything else etcd reads its configuration: from this pipe, once somebody writes there.
        flags = argv[1 : -len(QUICK)]
        settings = json.dumps({flag[2:]: value for flag, value in zip(flags[::2], flags[1::2], strict=True)})
        pipe = tmp_path / "configuration"
        os.mkfifo(pipe)
        child, _ = process.spawn([*argv, "--config-file", str(pipe)], tmp_path / "n1.log", tmp_path / "n1")
        assert not any(taken(port_of(url)) for url in (*own.client_urls, *own.peer_urls))
        site.start_node("n1")
        assert node(site, "n1").pid == child.pid
        with pipe.open("w") as stream:
            stream.write(settings)
            # It reads them twice.
            pipe.unlink()
            pipe.write_text(settings)
        wait_healthy(site)


def test_frozen_is_shown_and_can_be_stopped(tmp_path: Path) -> None:
    with demo(tmp_path, 1) as site:
        wait_healthy(site)
        pid = node(site, "n1").pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: node(site, "n1").run_state is RunState.FROZEN, "frozen")
        assert f"kill -CONT {pid}" in node(site, "n1").detail
        assert site.start_node("n1").startswith("n1: runs already")
        assert site.stop_node("n1", 10).startswith("n1: stopped")


def test_death_by_itself_is_failed_with_its_reason_for_every_console(tmp_path: Path) -> None:
    with demo(tmp_path) as site:
        wait_healthy(site)
        other = attach_demo(tmp_path)
        victims = {n.name: n.pid for n in site.nodes()}
        assert victims["n1"] and victims["n2"]
        os.kill(victims["n1"], signal.SIGKILL)
        wait_until(lambda: node(site, "n1").run_state is RunState.FAILED, "failed")
        assert node(site, "n1").detail == "ended by SIGKILL"
        # Written down, so that other processes know it too.
        assert json.loads((tmp_path / "n1.run.json").read_text())["exit_code"] == -signal.SIGKILL
        assert node(other, "n1") == node(site, "n1")
        # Ended from outside as a service manager would: not a failure, as systemd sees it.
        os.kill(victims["n2"], signal.SIGTERM)
        wait_until(lambda: node(site, "n2").run_state is RunState.STOPPED, "stopped")
        assert node(site, "n2").detail == "ended by SIGTERM"


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_taken_port_names_port_pid_and_way_out(tmp_path: Path, version: str) -> None:
    with demo(tmp_path, 1, version, launch=False) as site:
        port = port_of(site.seeds()[0])
        with socket.socket() as squatter:
            squatter.bind(("0.0.0.0", port))
            squatter.listen()
            wanted = rf"^n1: port {port} of 127.0.0.1 is taken by pid {os.getpid()} \(.*\) \(end that process"
            with pytest.raises(NodeError, match=wanted):
                site.start_node("n1")
        assert site.start_node("n1").startswith("n1: started")


def test_launch_is_undone_when_a_node_cannot_start(tmp_path: Path) -> None:
    with demo(tmp_path, launch=False) as site:
        (tmp_path / "n2").write_text("in the way")
        with pytest.raises(NodeError, match=r"n2: .*n2: the data directory is a file"):
            site.launch()
        assert left_over(tmp_path) == []
        # It may be mended and tried again.
        (tmp_path / "n2").unlink()
        site.launch()
        assert len(pids(site)) == 3
        site.kill_node("n3")
        (tmp_path / "n3").rename(tmp_path / "aside")
        (tmp_path / "n3").write_text("in the way")
        adopting = open_demo(tmp_path)
        assert "n3: the data directory is a file" in adopting.notes[0]
        assert len(pids(adopting)) == 2


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_damaged_data_is_reported_with_etcds_own_words(tmp_path: Path, version: str) -> None:
    with demo(tmp_path, 1, version, launch=False) as site:
        for name in ("wal/0000000000000000-0000000000000000.wal", "snap/db"):
            file = tmp_path / "n1" / "member" / name
            file.parent.mkdir(parents=True)
            file.write_text("garbage")
        with pytest.raises(NodeError, match=r"^n1: etcd exited with \d: .*invalid database"):
            site.launch(ENDS)
        assert node(site, "n1").run_state is RunState.FAILED
        assert "invalid database" in node(site, "n1").detail


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_bad_flag_is_reported_with_etcds_own_words(tmp_path: Path, version: str) -> None:
    for flag, words in (
        ("--nonsense", "flag provided but not defined"),
        ("--election-timeout=10", "5 times"),
    ):
        root = tmp_path / flag[2:6]
        with pytest.raises(NodeError, match=rf"^n1: etcd exited with \d: .*{words}.*its log is"):
            open_demo(root, nodes=1, binary=etcd(version), options=[flag], settle=ENDS)
        assert left_over(root) == []


def test_binary_that_is_gone(tmp_path: Path) -> None:
    binary = tmp_path / "etcd"
    binary.write_bytes(etcd("3.5").read_bytes())
    binary.chmod(0o755)
    site = open_demo(tmp_path / "demo", nodes=1, binary=binary, launch=False)
    binary.unlink()
    with pytest.raises(NodeError, match=f"n1: etcd is gone: {binary}"):
        site.start_node("n1")


def test_data_of_a_newer_etcd_is_refused_to_an_older_one(tmp_path: Path) -> None:
    with demo(tmp_path, 1, "3.5") as site:
        site.shutdown()
        old = open_demo(tmp_path, binary=etcd("3.4"), launch=False)
        with pytest.raises(SiteError, match=r"data was written by etcd 3\.5\..* newest etcd found is 3\.4\."):
            old.start_node("n1")
        with pytest.raises(SiteError, match=r"move .* aside"):
            old.launch()
        assert node(old, "n1").pid is None


def test_an_older_cluster_is_taken_over_by_a_newer_etcd(tmp_path: Path) -> None:
    with demo(tmp_path, 1, "3.4") as site:
        wait_healthy(site)
    with demo(tmp_path, None, "3.5") as site:
        wait_healthy(site)
        assert node(site, "n1").etcd_version.startswith("3.5")


def test_wrong_sizes(tmp_path: Path) -> None:
    for count in (0, 10):
        with pytest.raises(UsageError, match=f"--nodes {count}: a demo has 1 to 9 nodes"):
            open_demo(tmp_path, nodes=count, launch=False)
    assert open_demo(tmp_path, launch=False).notes == ()
    with pytest.raises(
        UsageError, match=r"--nodes 5: the demo in .* has 3 nodes \(leave --nodes out, or move"
    ):
        open_demo(tmp_path, nodes=5, launch=False)
    even = open_demo(tmp_path / "even", nodes=4, launch=False)
    assert even.notes == (
        "4 voters survive the loss of 1, no more than 3 do: an odd number is the better choice",
    )


def test_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    cluster = tmp_path / "cluster.json"
    for content, words in (
        ("{", "not valid JSON"),
        ("[]", "a JSON object is expected"),
        ('{"format": 2}', "format 2 is not 1"),
        ('{"format": 1, "nodes": 3}', "damaged"),
    ):
        cluster.write_text(content)
        with pytest.raises(SiteError, match=rf"^{cluster}: {words}"):
            open_demo(tmp_path, launch=False)
    cluster.unlink()
    (tmp_path / "n2").mkdir()
    with pytest.raises(SiteError, match=r"holds the data of n2 and no cluster\.json"):
        open_demo(tmp_path, launch=False)
    with pytest.raises(SiteError, match="cannot be made"):
        open_demo(Path("/dev/null/demo"), launch=False)


def test_damaged_run_file_is_an_error_but_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    with demo(tmp_path, 1) as site:
        assert node(site, "n1").pid
        (tmp_path / "n1.run.json").write_text('{"pid": 1}')
        with pytest.raises(SiteError, match=r"n1\.run\.json: damaged"):
            site.nodes()
        site.shutdown()
        assert left_over(tmp_path) == []


def test_a_deleted_directory_does_not_keep_the_processes_alive(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    with demo(root) as site:
        # etcd ends by itself when its files go while it makes them.
        wait_healthy(site)
        assert len(pids(site)) == 3
        root.rename(tmp_path / "elsewhere")
        assert site.shutdown() == ("n1", "n2", "n3")
        assert left_over(root) == []


def test_nodes_added_by_another_console_are_seen(tmp_path: Path) -> None:
    with demo(tmp_path, 1, launch=False) as site:
        cluster = tmp_path / "cluster.json"
        raw = json.loads(cluster.read_text())
        raw["nodes"].append({**raw["nodes"][0], "name": "n2", "client_url": "http://127.0.0.1:1"})
        (tmp_path / "new.json").write_text(json.dumps(raw))
        (tmp_path / "new.json").rename(cluster)
        assert [n.name for n in site.nodes()] == ["n1", "n2"]
        assert site.seeds()[1] == "http://127.0.0.1:1"


def test_log_is_read_and_followed(tmp_path: Path) -> None:
    with demo(tmp_path, 1) as site:
        wait_healthy(site)
        assert len(site.log_tail("n1", 5)) == 5
        everything = site.log_from("n1", "2000-01-01 00:00:00", 10_000)
        middle = stamp_of(everything[-1])
        assert site.log_from("n1", middle, 3)[0] == next(x for x in everything if stamp_of(x) == middle)
        assert site.log_from("n1", "2999-01-01 00:00:00", 10) == ()
        enough = threading.Event()
        lines: list[str] = []

        def read() -> None:
            for line in site.log_follow("n1", enough.is_set):
                lines.append(line)
                if "skipped leadership transfer" in line:
                    enough.set()

        reader = threading.Thread(target=read)
        reader.start()

        def wrote_and_seen() -> bool:
            with (tmp_path / "n1.log").open("a") as log:
                log.write("a line of ours\n")
            return bool(lines)

        wait_until(wrote_and_seen, "following")
        site.stop_node("n1", 10)
        reader.join(20)
        assert enough.is_set()
