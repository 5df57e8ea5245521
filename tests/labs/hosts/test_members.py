"""Members come and go on real hosts under a writer whose every acknowledged write is read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etcdtui.model.cluster import RunState
from tests.labs.hosts.clusters import DATA, LabCluster
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.opened import Seen, opened
from tests.sites.local.support import wait_until
from tests.support.writer import Writer

pytestmark = pytest.mark.timeout(240)
ALL = ("n1", "n2", "n3", "n4")
GAP = 4.0
"""Seconds without an acknowledged write that an election and a put given up after 1 s explain."""


@contextmanager
def written(seen: Seen) -> Iterator[Writer]:
    """Writes all the while, through the jump host; afterwards every acknowledged one is read back."""

    def serving() -> list[str]:
        rows = seen.session.snapshot().rows
        return [row.endpoint for row in rows if row.reading.answered and row.member is not None]

    with Writer(serving(), current=serving, reach=seen.site.dial) as writer:
        yield writer
        tally = writer.verify(serving())
    assert tally.lost == ()
    assert tally.acknowledged > 100
    assert tally.longest_gap < GAP, writer.errors[-3:]


def names(seen: Seen) -> set[str]:
    """The names of the voters."""
    return {row.member.name for row in seen.session.fresh(3).voters if row.member is not None}


@pytest.mark.long
def test_every_way_of_running_etcd_takes_a_member_away_and_back(
    lab: Lab, mixed: LabCluster, tmp_path: Path
) -> None:
    """A cluster shrinks to one and grows again, wherever etcd is a unit, a static pod or a process."""
    with opened(lab, tmp_path / "other") as other, opened(lab, tmp_path) as seen:
        seen.settled()
        other.settled()
        with written(seen):
            seen.done("scale", voters=1)
            (left,) = names(seen)
            assert [n.name for n in seen.session.snapshot().nodes] == [left]
            # Another console sees that they were given up, however they were run.
            wait_until(lambda: [n.name for n in other.session.snapshot().nodes] == [left], "given up", 30)
            seen.done("scale", voters=3)
            assert names(seen) == {"n1", "n2", "n3"}
    # A console that was not there finds all of them, and how they are started and stopped.
    with opened(lab, tmp_path) as seen:
        seen.settled()
        for name in ("n1", "n2", "n3"):
            seen.done("restart-node", name)


@pytest.mark.long
def test_a_further_host_is_set_up_as_its_sibling_is(lab: Lab, mixed: LabCluster, tmp_path: Path) -> None:
    """After the pattern of the first host, the static pod, for none is more frequent."""
    mixed.clear(lab.spare)
    mixed.give_kubelet(lab.spare)
    with opened(lab, tmp_path, hosts=("n2", "n1", "n3", "n4")) as seen:
        seen.settled()
        assert seen.session.snapshot().site_note == "free: n4"
        with written(seen):
            seen.done("add-member")
            assert names(seen) == set(ALL)
            seen.done("restart-node", "n4")
            seen.done("remove-member", "n4")
            assert names(seen) == set(ALL) - {"n4"}
            assert "n4" not in {n.name for n in seen.session.snapshot().nodes}
            assert lab["n4"].run("sh", "-c", f"ls -d {DATA['static']}.aside-*/member").strip()
            assert lab["n4"].run("pgrep", "-x", "etcd", check=False) == ""


def test_a_member_whose_disk_was_lost_is_replaced_where_it_ran(
    lab: Lab, mixed: LabCluster, tmp_path: Path
) -> None:
    with opened(lab, tmp_path) as seen:
        seen.settled()
        old = seen.row("n3").member_id
        lab["n3"].run("sh", "-c", f"pkill -9 -x etcd; rm -rf {DATA['process']}/member")
        with written(seen):
            seen.until(lambda _: not seen.row("n3").reading.answered)
            seen.done("replace-member", "n3")
            assert names(seen) == {"n1", "n2", "n3"}
            assert seen.row("n3").member_id != old
            seen.until(lambda _: seen.row("n3").node.run_state is RunState.RUNNING)
