"""Changes whose console is killed with SIGKILL, on a real demo: finished or undone; plans in files."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import Cli, one_line


def _stored(cli: Cli) -> list[list[str]]:
    """The marks of the steps of every plan in the store."""
    found = []
    for file in sorted((cli.root / "state" / "etcdtui" / "plans").glob("*.json")):
        try:
            found.append([state["mark"] for state in json.loads(file.read_text())["states"]])
        except FileNotFoundError:
            continue
    return found


def kill_when(cli: Cli, test: Callable[[list[str]], bool], *args: str) -> None:
    """Run a command and SIGKILL it as soon as its stored plan satisfies something.

    A step takes some 50 ms: where a busy machine let the moment pass, it is sought once more.
    """
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-m", "etcdtui", *args],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env=cli.environ(),
        )
        try:
            deadline = time.monotonic() + 30
            while not _met(cli, test) and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.002)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        if _met(cli, test):
            return
        for left in cli.json("plans", "demo", "-o", "json"):
            assert cli("finish", left["id"], "demo", "--yes").returncode == 0
        cli("start-all", "demo", "--yes")
    raise AssertionError("it never stood where it was to be killed")


def _met(cli: Cli, test: Callable[[list[str]], bool]) -> bool:
    return any(test(marks) for marks in _stored(cli))


def only(cli: Cli) -> dict[str, object]:
    found = cli.json("plans", "demo", "-o", "json")
    assert len(found) == 1
    entry = found[0]
    assert isinstance(entry, dict)
    return entry


def test_nothing_unfinished(demo: Cli) -> None:
    assert demo("restart", "n1", "demo", "--yes").returncode == 0
    done = demo("plans", "demo")
    assert (done.returncode, done.stdout.strip()) == (0, "nothing was left unfinished")
    assert (
        one_line(demo("finish", "abc", "demo", "--yes"))
        == "there is no unfinished plan 'abc' (there is none)"
    )


@pytest.mark.parametrize(
    ("moment", "where"),
    [
        (lambda marks: marks[0] == "begun", "in step 1 of 2"),
        (lambda marks: marks[0] == "done", "step"),
        (lambda marks: marks[1] == "begun", "in step 2 of 2"),
    ],
    ids=["in the middle of stopping", "between", "in the middle of starting"],
)
def test_a_killed_restart_is_finished(demo: Cli, moment: Callable[[list[str]], bool], where: str) -> None:
    kill_when(demo, moment, "restart", "n2", "demo", "--yes")
    left = only(demo)
    assert left["title"] == "restart n2"
    assert where in str(left["why"])
    done = demo("finish", str(left["id"]), "demo", "--yes")
    assert done.returncode == 0, done.stderr
    assert demo("status", "demo").returncode == 0
    assert demo("plans", "demo").returncode == 0
    lines = [json.loads(line) for line in demo.audit.read_text().splitlines()]
    assert any(line.get("origin") == left["id"] for line in lines)


def test_a_console_killed_after_the_last_step_left_nothing_to_do(demo: Cli) -> None:
    assert demo("restart", "n1", "demo", "--yes").returncode == 0
    plans = demo.root / "state" / "etcdtui" / "plans"
    (kept,) = (plans / "finished").glob("*.json")
    entry = json.loads(kept.read_text())
    # As it stands between the last step's end and the plan's.
    (plans / kept.name).write_text(json.dumps({**entry, "outcome": None, "message": ""}))
    kept.unlink()
    done = demo("plans", "demo")
    assert (done.returncode, done.stdout.strip()) == (0, "nothing was left unfinished")
    assert kept.exists()


def test_a_killed_stop_is_undone(demo: Cli) -> None:
    kill_when(demo, lambda marks: marks[0] == "done" or marks[0] == "begun", "stop", "n3", "demo", "--yes")
    left = only(demo)
    shown = demo("undo", str(left["id"]), "demo", "--dry-run")
    assert "start n3" in shown.stdout
    done = demo("undo", str(left["id"]), "demo", "--yes")
    assert done.returncode == 0, done.stderr
    assert demo("status", "demo").returncode == 0
    assert demo("plans", "demo").returncode == 0


@pytest.mark.timeout(150)
def test_a_second_console_is_told_who_holds_the_cluster(demo: Cli) -> None:
    # It is healthy for 5 s after each node, so that it is under way long enough to be met.
    first = subprocess.Popen(
        [sys.executable, "-m", "etcdtui", "rolling-restart", "demo", "--yes"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=demo.environ(),
    )
    try:
        deadline = time.monotonic() + 30
        while not any("begun" in marks for marks in _stored(demo)):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        refused = demo("restart", "n2", "demo", "--yes")
        assert refused.returncode == 3
        assert re.search(r"holds the cluster: restart n\d, n\d, n\d, one at a time", refused.stderr)
    finally:
        first.wait(100)
    assert first.returncode == 0
    assert demo("restart", "n2", "demo", "--yes").returncode == 0


def test_a_plan_in_a_file(demo: Cli, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    assert demo("restart", "n1", "demo", "--save", str(file)).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert "cannot be saved: File exists" in one_line(demo("restart", "n1", "demo", "--save", str(file)))
    done = demo("run", str(file), "demo", "--yes")
    assert done.returncode == 0, done.stderr
    other = json.loads(file.read_text())
    other["plan"]["cluster_id"] += 1
    (tmp_path / "other.json").write_text(json.dumps(other))
    stale = demo("run", str(tmp_path / "other.json"), "demo", "--yes")
    assert stale.returncode == 3
    assert "was made for cluster" in one_line(stale)
    (tmp_path / "bad.json").write_text('{"format": 1, "plan": {}}')
    assert "damaged" in one_line(demo("run", str(tmp_path / "bad.json"), "demo", "--yes"))
