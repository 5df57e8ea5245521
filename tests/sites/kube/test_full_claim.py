"""A claim that is full: etcd's own word for it stands beside the node, and all goes on once there is room."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.model.cluster import ClusterSnapshot, RunState, State
from tests.labs.kube import settings
from tests.labs.kube.procs import Processes
from tests.sites.kube.support import console_on
from tests.support.kube import Place

pytestmark = [
    pytest.mark.kube,
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("in_the_lab"),
]

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


def test_a_full_claim_is_told_in_etcds_words_and_the_member_comes_back(place: Place, tmp_path: Path) -> None:
    """One member: a further one that finds no data would end for having been bootstrapped already."""
    place.config_files(1)
    place.wait_ready(1)
    with console_on(place, tmp_path) as console:
        member = console.ready(1).members[0].id
        with no_room(place, "etcd-0"):
            place.run("delete", "pod", "etcd-0", "--wait=false")

            def failed(shot: ClusterSnapshot) -> bool:
                return any(n.run_state is RunState.FAILED and FULL in n.detail for n in shot.nodes)

            shot = console.until(failed, 90)
            assert not shot.answers and [row.state for row in shot.rows] == [State.DOWN]
        console.from_now()
        # Kubernetes waits longer and longer before it starts a container again.
        console.until(lambda s: [status.member_id for status in s.answers] == [member], 90)
