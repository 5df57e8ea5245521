"""Restoring and founding anew on real hosts, however they run etcd, the data read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.ops.plan import Outcome
from tests.labs.hosts.clusters import DATA, LabCluster
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.opened import Answers, Seen, opened

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


def test_a_snapshot_becomes_a_new_cluster(hosts: Lab, tmp_path: Path) -> None:
    """On one host by an account that is not etcd's, whose sudo wants a password: it is asked once."""
    LabCluster(hosts, KINDS).up()
    asker = Answers(sudo="pat-secret")
    with opened(hosts, tmp_path, asker=asker, hosts=("n1", "n2", "pat@n3")) as seen:
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
        for machine, kind in zip(hosts.nodes, KINDS, strict=True):
            assert machine.run("sh", "-c", f"ls -d {DATA[kind]}.shelf-*/member").strip()
            assert not machine.run("sh", "-c", "ls /home/*/.local/state/etcdtui/*.db 2>/dev/null || :")
        # The only one whose command line no file of the host has.
        seen.done("restart-node", NODES[KINDS.index("process")])
        assert colours(seen) == {"blue"}
    assert [prompt.split(" of ")[0] for prompt in asker.prompts] == ["sudo password"]


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_cluster_is_founded_anew_from_its_survivor(hosts: Lab, tmp_path: Path, kind: str) -> None:
    LabCluster(hosts, KINDS).up()
    survivor = NODES[KINDS.index(kind)]
    with opened(hosts, tmp_path) as seen:
        seen.settled()
        put(seen, b"green")
        if seen.session.snapshot().leader_row is not seen.row(survivor):
            seen.done("move-leader", survivor)
        for name in set(NODES) - {survivor}:
            result = seen.act("stop-node", name, override="lab")
            assert result.outcome is Outcome.DONE, result.message
            hosts[name].run("rm", "-rf", f"{DATA[KINDS[NODES.index(name)]]}/member")
        seen.done("recover-quorum", override="lab", node=survivor)
        assert colours(seen) == {"green"}
        # The flag was for one start alone.
        seen.done("restart-node", survivor, override="lab")
        line = "tr '\\0' ' ' < /proc/$(pgrep -xo etcd)/cmdline"
        assert "force" not in hosts[survivor].run("sh", "-c", line)
        assert len(seen.session.fresh(3).members) == 1
        if kind == "systemd":
            # It runs the oldest etcd of the three: a newer one would not take the others back.
            seen.done("scale", voters=2)
            assert colours(seen) == {"green"}
