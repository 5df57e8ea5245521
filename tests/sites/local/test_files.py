"""The files of a local cluster and their lock; its logs; the etcd binaries and ports it finds."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from etcdtui.errors import SiteError, UsageError
from etcdtui.sites.local import logs
from etcdtui.sites.local.binaries import find_etcd, version_key
from etcdtui.sites.local.files import JsonFile, locked, write_json
from etcdtui.sites.local.ports import free_ports, span
from tests.support.tools import binaries, etcd


def test_json_file_is_parsed_only_when_it_changed(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "a.json")
    assert file.read() is None
    write_json(file.path, {"a": 1})
    first = file.read()
    assert first == {"a": 1}
    assert file.read() is first
    write_json(file.path, {"a": 2}, durable=True)
    assert file.read() == {"a": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(SiteError, match=r"nowhere/a\.json: cannot be written: No such file"):
        write_json(tmp_path / "nowhere" / "a.json", {})


def test_lock_excludes_other_threads_and_says_so(tmp_path: Path) -> None:
    inside = threading.Event()
    leave = threading.Event()

    def hold() -> None:
        with locked(tmp_path, 0):
            inside.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(10)
    with pytest.raises(SiteError, match="another etcdtui is starting or stopping"), locked(tmp_path, 0.05):
        raise AssertionError("not excluded")
    leave.set()
    with locked(tmp_path, 10):
        holder.join(10)


def test_ports_are_different_and_outside_the_ephemeral_range() -> None:
    ports = free_ports(18)
    assert len(set(ports)) == 18
    assert all(20000 <= port < 32000 for port in ports)
    assert set(ports) <= set(span(os.environ))


def test_clusters_beside_each_other_can_be_given_ports_of_their_own() -> None:
    assert span({}) == range(20000, 32000)
    assert span({"ETCDTUI_PORTS": "21500-22999"}) == range(21500, 23000)
    for given in ("21500", "2-1", "0-9", "1-65536", "a-b", "1-2-3"):
        with pytest.raises(UsageError, match=rf"^ETCDTUI_PORTS='{given}': expected FIRST-LAST, such as"):
            span({"ETCDTUI_PORTS": given})


def test_newest_binary_wins_and_launchers_do_not_count(tmp_path: Path) -> None:
    old = etcd("3.4")
    launcher = tmp_path / "bin" / "etcd"
    launcher.parent.mkdir()
    launcher.write_text("#!/bin/sh\necho etcd Version: 99.1.2\n")
    launcher.chmod(0o755)
    found = find_etcd(tmp_path, os.pathsep.join([str(launcher.parent), str(old.parent), str(old.parent)]))
    newest = max(binaries("etcd"), key=version_key)
    assert found.version.startswith(newest)
    cached = json.loads((tmp_path / "etcd-versions.json").read_text())
    assert str(old) in cached
    assert str(launcher) not in cached


def test_versions_are_cached_by_the_binary_s_time(tmp_path: Path) -> None:
    path = str(etcd("3.4"))
    find_etcd(tmp_path, str(Path(path).parent))
    cache = tmp_path / "etcd-versions.json"
    known = json.loads(cache.read_text())
    known[path][2] = "99.1.2"
    cache.write_text(json.dumps(known))
    assert find_etcd(tmp_path, str(Path(path).parent)).version == "99.1.2"
    known[path][0] += 1
    cache.write_text(json.dumps(known))
    assert find_etcd(tmp_path, str(Path(path).parent)).version != "99.1.2"


@pytest.mark.parametrize(
    ("older", "newer"),
    [("3.4.23", "3.5.1"), ("3.5.9", "3.5.10"), ("3.6.0-rc.1", "3.6.0"), ("3.6.9", "4.0.0")],
)
def test_versions_are_ordered(older: str, newer: str) -> None:
    assert version_key(older) < version_key(newer)


def test_tail_and_rotation(tmp_path: Path) -> None:
    log = tmp_path / "n1.log"
    assert logs.tail(log, 5) == ()
    log.write_text("".join(f"line {i} {'x' * 100}\n" for i in range(3000)))
    assert [line.split()[1] for line in logs.tail(log, 2)] == ["2998", "2999"]
    assert len(logs.tail(log, 2000)) == 2000
    logs.rotate(log)
    assert log.exists()
    with log.open("ab") as stream:
        stream.truncate(logs.ROTATE_ABOVE + 1)
    logs.rotate(log)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["n1.log.1"]


def test_follow_survives_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "n1.log"
    log.write_text("old\n")
    later = iter(["one\ntw"])

    def stop() -> bool:
        # It begins at the end of the file as it is when first asked, and asks this from then on.
        with log.open("a") as stream:
            stream.write(next(later, ""))
        return False

    lines = logs.follow(log, stop)
    assert next(lines) == "one"
    log.rename(tmp_path / "n1.log.1")
    log.write_text("three\n")
    assert next(lines) == "three"
    lines.close()


FATAL_35 = '{"level":"info","msg":"x"}\n{"level":"fatal","msg":"discovery failed","error":"in use"}'
FATAL_34 = "2026-11-24 04:21:36.539615 C | etcdmain: error listing data dir: /x\npanic: late"
REASONS = [
    (FATAL_35, "discovery failed: in use"),
    (FATAL_34, "etcdmain: error listing data dir: /x"),
    ("flag provided but not defined: -x\nUsage:\n\n  etcd", "flag provided but not defined: -x"),
    ('{"level":"panic","msg":"\\u001b[31mred"}', "�[31mred"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "reason"), REASONS)
def test_why_ended(tmp_path: Path, text: str, reason: str) -> None:
    log = tmp_path / "n1.log"
    log.write_text('{"level":"fatal","msg":"of an earlier run"}\n' + text)
    assert logs.why_ended(log, 44) == reason


def test_why_ended_without_exit_code_takes_no_mere_warning(tmp_path: Path) -> None:
    log = tmp_path / "n1.log"
    log.write_text('{"level":"warn","msg":"lost the peer","error":"EOF"}\n')
    assert logs.why_ended(log, 0) == "lost the peer: EOF"
    assert logs.why_ended(log, 0, fatal_only=True) == ""
    assert logs.why_ended(tmp_path / "none", 0) == ""
