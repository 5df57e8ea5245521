"""The audit log on real files, with real writers beside each other."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from etcdtui.errors import AuditError
from etcdtui.model.cluster import ClusterSnapshot, Member
from etcdtui.ops.audit import AuditLog, Phase, Record, members_of
from tests.support.tools import missing


def record(**changes: object) -> Record:
    values: dict[str, object] = {
        "phase": Phase.BEGIN,
        "profile": "prod",
        "site": "local",
        "cluster": "lab",
        "cluster_id": 0xC1,
        "plan": "p1",
        "action": "stop-node",
        "total": 2,
        "step": 1,
        "call": "kill -TERM 4711",
    }
    return Record(**{**values, **changes})  # type: ignore[arg-type]


def test_a_line_says_everything(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "state" / "audit.jsonl")
    log.write(record(phase=Phase.END, outcome="done", result="stopped", duration=1.23456))
    (line,) = log.read()
    when = datetime.fromisoformat(line["time"])
    assert when.utcoffset() == timedelta(0)
    assert "T" in line["time"]
    assert (line["cluster"], line["cluster_id"], line["plan"]) == ("lab", "c1", "p1")
    assert (line["step"], line["total"], line["phase"]) == (1, 2, "end")
    assert (line["outcome"], line["result"], line["duration"]) == ("done", "stopped", 1.235)
    assert set(line["who"]) == {"user", "sudo_user", "tty", "client"}
    assert "@" in line["who"]["user"]


def test_modes(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "state" / "audit.jsonl")
    before = os.umask(0)
    try:
        log.write(record())
    finally:
        os.umask(before)
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


def test_each_line_is_forced_to_disk(tmp_path: Path) -> None:
    """Seen from outside, in the system calls of a real process."""
    strace = shutil.which("strace") or missing("strace", "apt-get install strace")
    path = str(tmp_path / "audit")
    code = "import sys; from pathlib import Path; from etcdtui.ops.audit import AuditLog\n"
    code += "AuditLog(Path(sys.argv[1])).write({'a': 1})"
    AuditLog(Path(path)).write({"a": 0})  # a new file has its directory synced as well
    out = tmp_path / "trace"
    subprocess.run(
        [strace, "-f", "-o", out, "-e", "trace=write,fsync", sys.executable, "-c", code, path], check=True
    )
    trace = out.read_text()
    written = re.search(r'write\((\d+), "{', trace)
    assert written is not None
    assert f"fsync({written[1]})" in trace[written.end() :]


def test_a_torn_last_line_is_skipped_and_not_glued_to_the_next(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write({"n": 1})
    with log.path.open("ab") as file:
        file.write(b'{"n": 2, "call": "kill')
    assert [r["n"] for r in log.read()] == [1]
    log.write({"n": 3})
    assert [r["n"] for r in log.read()] == [1, 3]


def test_a_file_that_is_not_there_has_no_records(tmp_path: Path) -> None:
    assert list(AuditLog(tmp_path / "none").read()) == []


def test_many_writers_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    code = (
        "import sys; from pathlib import Path; from etcdtui.ops.audit import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]))\n"
        "for n in range(25): log.write({'who': sys.argv[2], 'n': n, 'pad': 'x' * 5000})"
    )
    procs = [subprocess.Popen([sys.executable, "-c", code, str(path), f"p{i}"]) for i in range(3)]
    log = AuditLog(path)

    def write(name: str) -> None:
        for number in range(25):
            log.write({"who": name, "n": number})

    threads = [threading.Thread(target=write, args=(f"t{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.wait(30) for p in procs] == [0, 0, 0]
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert len(lines) == 150
    for name in {line["who"] for line in lines}:
        assert [line["n"] for line in lines if line["who"] == name] == list(range(25))


def test_a_log_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditError) as caught:
        AuditLog(tmp_path / "file" / "audit.jsonl").write({})
    text = str(caught.value)
    assert str(tmp_path / "file" / "audit.jsonl") in text
    assert "\n" not in text


def test_a_full_disk_leaves_no_half_line() -> None:
    with pytest.raises(AuditError, match="No space left"):
        AuditLog(Path("/dev/full")).write({"n": 1})


def test_a_held_lock_is_not_waited_for_without_end(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write({"n": 1})
    with log.path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(AuditError, match="another process keeps it locked"):
            log.write({"n": 2})
    assert [r["n"] for r in log.read()] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "https://root:hunter2@10.0.0.1:2379 refused",
        "etcdctl --user=root:hunter2 get x",
        "etcdctl --user root:hunter2 get x",
        "password=hunter2",
        "Password: hunter2",
    ],
)
def test_secrets_do_not_pass(tmp_path: Path, text: str) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write(record(call=text, result=text))
    assert "hunter2" not in log.path.read_text()


def test_control_sequences_of_a_cluster_stay_escaped(tmp_path: Path) -> None:
    snapshot = ClusterSnapshot("lab", members=(Member(1, "\x1b[31mred\n{}"),), members_known=True)
    log = AuditLog(tmp_path / "audit.jsonl")
    log.write(record(members_before=members_of(snapshot)))
    raw = log.path.read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f]", raw)
    assert raw.count(b"\n") == 1


def test_who_comes_from_the_login() -> None:
    code = "import json; from etcdtui.ops.audit import who; print(json.dumps(who()))"
    env = {**os.environ, "SUDO_USER": "ada", "SSH_CONNECTION": "192.0.2.7 50000 192.0.2.1 22"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    person = json.loads(done.stdout)
    assert (person["sudo_user"], person["client"]) == ("ada", "192.0.2.7")
