"""start, stop, restart and kill as real processes on a real cluster: guards, exit codes, audit lines."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import Cli, one_line


def states(cli: Cli) -> dict[str, str]:
    return {row["name"]: row["state"] for row in cli.json("status", "demo", "-o", "json")}


def leader(cli: Cli) -> str:
    """The leader, once an election that may be under way is over."""
    for _ in range(30):
        if found := [name for name, state in states(cli).items() if state == "leader"]:
            return found[0]
    raise AssertionError("no leader")


@pytest.mark.timeout(150)
def test_leadership_is_handed_over_and_every_node_restarted(demo: Cli) -> None:
    first = leader(demo)
    wanted = next(name for name in states(demo) if name != first)
    done = demo("move-leader", wanted, "demo", "--yes")
    assert done.returncode == 0, done.stderr
    assert leader(demo) == wanted
    assert "leads already" in one_line(demo("move-leader", wanted, "demo", "--yes"))
    before = {row["name"]: row["pid"] for row in demo.json("status", "demo", "-o", "json")}
    rolled = demo("rolling-restart", "demo", "--yes")
    assert rolled.returncode == 0, rolled.stderr
    after = {row["name"]: row["pid"] for row in demo.json("status", "demo", "-o", "json")}
    assert all(before[name] != after[name] for name in before)
    assert demo("status", "demo").returncode == 0


def test_stop_is_refused_when_it_costs_quorum_and_can_be_overruled(demo: Cli) -> None:
    done = demo("stop", "n1", "demo", "--yes", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["outcome"] == "done"
    assert states(demo)["n1"] == "down"

    refused = demo("stop", "n2", "demo", "--yes")
    assert refused.returncode == 3
    assert "--override demo" in one_line(refused)
    assert demo("stop", "n2", "demo", "--dry-run").returncode == 3
    assert demo("stop", "n2", "demo", "--yes", "--override", "wrong").returncode == 3
    assert states(demo)["n2"] != "down"

    assert demo("stop", "n2", "demo", "--yes", "--override", "demo").returncode == 0
    assert states(demo)["n2"] == "down"

    back = demo("start-all", "demo", "--yes")
    assert back.returncode == 0, back.stderr
    assert demo("status", "demo").returncode == 0

    phases = [json.loads(line)["phase"] for line in demo.audit.read_text().splitlines()]
    assert {"plan", "begin", "end", "refused", "override"} <= set(phases)
    table = demo("audit", "--last", "3").stdout
    assert "| PHASE" in table
    assert len(demo.json("audit", "--last", "3", "-o", "json")) == 3


def test_kill_the_leader_then_restart_and_start(demo: Cli) -> None:
    first = leader(demo)
    killed = demo("kill", first, "demo", "--yes")
    assert killed.returncode == 0, killed.stderr
    assert killed.stdout.splitlines()[-1].startswith("done: ")
    assert states(demo)[first] == "down"
    assert leader(demo) != first
    assert demo("start", first, "demo", "--yes").returncode == 0
    assert demo("status", "demo").returncode == 0
    follower = next(name for name, state in states(demo).items() if state == "follower")
    before = {r["name"]: r["pid"] for r in demo.json("status", "demo", "-o", "json")}
    assert demo("restart", follower, "demo", "--yes").returncode == 0
    after = {r["name"]: r["pid"] for r in demo.json("status", "demo", "-o", "json")}
    assert after[follower] != before[follower]
    assert demo("status", "demo").returncode == 0


def test_what_is_not_confirmed_is_not_done(demo: Cli) -> None:
    done = demo("stop", "n1", "demo")
    assert done.returncode == 2
    assert "1. " in done.stderr
    assert "kill -TERM" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("etcdtui: nothing was done")
    dry = demo.json("stop", "n1", "demo", "--dry-run", "-o", "json")
    assert dry["refused"] is False
    assert dry["plan"]["action"] == "stop-node"
    assert all(verdict["ok"] for verdict in dry["verdicts"])
    assert states(demo)["n1"] != "down"
    assert not demo.audit.exists()

    unknown = demo("stop", "n9", "demo", "--yes")
    assert unknown.returncode == 2
    assert "there is n1, n2, n3" in one_line(unknown)

    demo.config(f"profiles: {{mine: {{kind: local, directory: {demo.demo}, read_only: true}}}}")
    barred = demo("stop", "n1", "mine", "--yes")
    assert (barred.returncode, "read-only" in one_line(barred)) == (2, True)


def test_demo_stop_ends_what_was_left_running(demo: Cli) -> None:
    done = demo("demo", "--stop")
    assert (done.returncode, done.stdout) == (0, "stopped 3 nodes: n1, n2, n3\n")
    assert set(states(demo).values()) == {"down"}
    assert demo("demo", "--stop").stdout == "nothing runs\n"
    assert demo("start-all", "demo", "--yes").returncode == 0
    refused = demo("stop-all", "demo", "--yes")
    assert refused.returncode in (0, 3)
