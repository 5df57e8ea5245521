"""A seeded selection of trials on real hosts: a console killed in mid-change, and the next launch."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.cli.command import Cli
from tests.labs.hosts.clusters import DATA, LabCluster
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.opened import opened
from tests.labs.hosts.stage import LabStage
from tests.labs.hosts.test_members import written

pytestmark = pytest.mark.timeout(280)
SEED = 11
TRIALS = (
    ("systemd", "add-member", "node.prepare"),
    ("systemd", "replace-member", "node.set-aside"),
    ("process", "replace-member", "node.start"),
    ("static", "rolling-restart", "node.stop"),
)


@pytest.mark.parametrize(("kind", "action", "verb"), TRIALS, ids=lambda value: str(value))
def test_a_killed_console_leaves_what_the_next_one_settles(
    lab: Lab, tmp_path: Path, kind: str, action: str, verb: str
) -> None:
    random = Random(f"{SEED} {kind} {action} {verb}")
    cluster = LabCluster(lab, (kind,) * 3)
    cluster.up()
    stage = LabStage(lab, cluster, Cli(tmp_path / "cli"))
    with opened(lab, tmp_path, hosts=stage.hosts) as seen:
        seen.settled()
        argv = [action]
        if action == "replace-member":
            lost = f"systemctl kill -s KILL etcd; pkill -9 -x etcd; rm -rf {DATA[kind]}/member"
            if kind == "process":
                # How a process is started is known to the next console once one has stopped it.
                seen.done("stop-node", "n2")
            lab["n2"].run("sh", "-c", lost)
            seen.until(lambda _: not seen.row("n2").reading.answered)
            argv.append("n2")
        with written(seen):
            assert stage.killed(argv, verb, random.uniform(0, 0.6)), stage.said
            (left,) = stage.unfinished()
            how = stage.settle(random)
            added = action == "add-member" and how == "finish"
            undone = action == "replace-member" and how == "undo"
            voters = 3 + added - undone
            seen.until(lambda s: sum(r.reading.answered for r in s.rows) == voters == len(s.members))
            members = seen.session.fresh(3).members
            assert not [m for m in members if not m.name or m.is_learner], (left, how, stage.said)
