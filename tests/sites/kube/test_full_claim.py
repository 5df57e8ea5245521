"""A claim that is full: etcd's own word for it stands beside the node, and all goes on once there is room."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.model.cluster import ClusterSnapshot, RunState
from tests.labs.kube import settings
from tests.labs.kube.procs import Processes
from tests.sites.kube.support import console_on
from tests.support.kube import Place

pytestmark = [pytest.mark.kube, pytest.mark.long, pytest.mark.timeout(240)]

FULL = "no space left on device"


@contextlib.contextmanager
def no_room(place: Place, pod: str) -> Iterator[None]:
    """The volume of a pod's claim covered by one of 4 MB meanwhile, for whatever is started then."""
    volume = place.get("pvc", f"data-{pod}")["spec"]["volumeName"]
    path = place.get("pv", volume)["spec"]["hostPath"]["path"]
    holder = Processes(settings.from_environment().state_dir).pid("mountns")

    def there(*words: str) -> None:
        """Where the lab's containers have their mounts from."""
        subprocess.run(["nsenter", "-t", str(holder), "-m", *words], check=True, timeout=20)

    there("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path)
    try:
        yield
    finally:
        there("umount", "-l", path)


def test_a_full_claim_is_told_in_etcds_words_and_the_member_comes_back(three: Place, tmp_path: Path) -> None:
    if not three.kube.lab:
        pytest.skip("mounts on the lab's own machine")
    with console_on(three, tmp_path) as console:
        before = {m.id for m in console.ready(3).members}
        with no_room(three, "etcd-2"):
            three.run("delete", "pod", "etcd-2", "--wait=false")

            def failed(shot: ClusterSnapshot) -> bool:
                row = shot.find("etcd-2")
                node = row.node if row is not None else None
                return node is not None and node.run_state is RunState.FAILED and FULL in node.detail

            shot = console.until(failed, 90)
            assert len(shot.answers) == 2 and shot.leader_id is not None
            refused = console.session.execute(console.session.prepare("restart-node", shot.find("etcd-1")))
            assert refused.outcome.value == "refused" and "quorum is 2" in refused.message
        console.from_now()
        # Kubernetes waits longer and longer before it starts a container again.
        console.until(lambda s: len(s.answers) == 3 and {m.id for m in s.members} == before, 90)
