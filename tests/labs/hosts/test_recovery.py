"""Restoring and founding anew on real hosts, however they run etcd, the data read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.ops.plan import Outcome
from tests.labs.hosts.clusters import DATA, LabCluster
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.opened import Seen, opened
from tests.support.consoles import cut_off

pytestmark = pytest.mark.timeout(240)
NODES = ("n1", "n2", "n3")
KINDS = ("systemd", "static", "process")


def put(seen: Seen, value: bytes) -> None:
    """Give the colour."""
    row = next(row for row in seen.session.snapshot().rows if row.reading.answered)
    api = seen.site.dial(row.endpoint)
    api.put(b"colour", value, 5)
    api.close()


def colours(seen: Seen) -> set[str]:
    """The colour that every member gives, by linearizable reads."""
    out = set()
    for row in seen.session.fresh(3).rows:
        if row.reading.answered:
            api = seen.site.dial(row.endpoint)
            found = api.get(b"colour", 5)
            out.add(found.value.decode() if found else "")
            api.close()
    return out


def test_a_snapshot_becomes_a_new_cluster(lab: Lab, tmp_path: Path) -> None:
    LabCluster(lab, KINDS).up()
    with opened(lab, tmp_path) as seen:
        seen.settled()
        old = seen.session.snapshot().cluster_id
        put(seen, b"blue")
        seen.done("snapshot-save", directory=str(tmp_path / "saved"))
        (file,) = (tmp_path / "saved").glob("*.db")
        put(seen, b"red")
        message = seen.done("restore", override="lab", snapshot=str(file))
        assert "hold 1 key, as the snapshot" in message
        seen.settled()
        assert seen.session.snapshot().cluster_id != old
        assert colours(seen) == {"blue"}
        for machine, kind in zip(lab.nodes, KINDS, strict=True):
            assert machine.run("sh", "-c", f"ls -d {DATA[kind]}.shelf-*/member").strip()
            assert not machine.run("sh", "-c", "ls /home/op/.local/state/etcdtui/snapshot-* 2>/dev/null || :")
        seen.done("rolling-restart")
        assert colours(seen) == {"blue"}


def test_a_restore_that_was_cut_off_is_undone_by_the_next_console(lab: Lab, tmp_path: Path) -> None:
    """Cut off when one of three nodes is restored: all get back the data and the settings they had."""
    LabCluster(lab, KINDS).up()
    with opened(lab, tmp_path) as seen:
        seen.settled()
        old = seen.session.snapshot().cluster_id
        seen.done("snapshot-save", directory=str(tmp_path / "saved"))
        (file,) = (tmp_path / "saved").glob("*.db")
        put(seen, b"red")
        plan = seen.session.prepare("restore", None, {"snapshot": str(file)})
        cut_off(seen.session, plan, 8, "lab")
    with opened(lab, tmp_path) as later:
        later.until(lambda _: later.session.changes.unfinished())
        changes = later.session.changes
        result = later.session.execute(changes.undo(changes.unfinished()[0]))
        assert result.outcome is Outcome.DONE, result.message
        later.settled()
        assert later.session.snapshot().cluster_id == old
        assert colours(later) == {"red"}


@pytest.mark.parametrize("kind", ["systemd", "static", "process"])
def test_a_cluster_is_founded_anew_from_its_survivor_and_grows_back(
    lab: Lab, tmp_path: Path, kind: str
) -> None:
    LabCluster(lab, (kind,) * 3).up()
    with opened(lab, tmp_path) as seen:
        seen.settled()
        put(seen, b"green")
        leader = seen.session.snapshot().leader_row
        assert leader is not None
        for name in set(NODES) - {leader.name}:
            result = seen.act("stop-node", name, override="lab")
            assert result.outcome is Outcome.DONE, result.message
            lab[name].run("rm", "-rf", f"{DATA[kind]}/member")
        seen.done("recover-quorum", override="lab", node=leader.name)
        assert colours(seen) == {"green"}
        seen.done("scale", voters=3)
        seen.settled()
        assert colours(seen) == {"green"}
        # The flag was for one start alone.
        assert "force" not in lab[leader.name].run(
            "sh", "-c", "tr '\\0' ' ' < /proc/$(pgrep -xo etcd)/cmdline"
        )
        seen.done("restart-node", leader.name)
        assert len(seen.session.fresh(3).members) == 3
