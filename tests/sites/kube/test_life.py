"""One cluster from its bring-up to its end: scaled, a pod lost with its claim, restored, torn down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from etcdtui.model.cluster import ClusterSnapshot, RunState
from etcdtui.ops.plan import Outcome
from etcdtui.runtime.session import Session
from tests.sites.kube.support import prepared
from tests.sites.kube.test_founding import objects, plan_for, session_on
from tests.support.consoles import bring_up
from tests.support.kube import Place, wait_until

pytestmark = [
    pytest.mark.kube,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("in_the_lab", "data_home"),
]

HELPER = "localhost/busybox:latest"


class Life:
    """A session and what is done in it."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def do(self, action: str, node: str = "", **options: Any) -> str:
        """Carry an action out, the cluster's name typed; its last message."""
        result = self.session.execute(prepared(self.session, action, node, **options), override="new")
        assert result.outcome is Outcome.DONE, result.message
        return result.message

    def voters(self) -> list[str]:
        """Those that are healthy, once all are."""

        def well(shot: ClusterSnapshot) -> bool:
            return len(shot.answers) == len(shot.voters) == len(shot.members) and shot.leader_id is not None

        wait_until(lambda: well(self.session.snapshot()), "all are well", 60, 0.3)
        return sorted(member.name for member in self.session.fresh(5).members)

    def put(self, value: bytes) -> None:
        leader = self.session.fresh(5).leader_id
        assert leader is not None
        self.session.writer(leader).put(b"colour", value, 5)

    def held(self) -> set[bytes]:
        """What each member holds."""
        found = (
            self.session.writer(m.id).get(b"colour", 5, serializable=True)
            for m in self.session.fresh(5).members
        )
        return {each.value for each in found if each is not None}


def test_scaled_a_pod_and_its_claim_lost_restored_and_torn_down(place: Place, tmp_path: Path) -> None:
    """With certificates of its own, and an image without a shell."""
    with session_on(place, tmp_path, plan_for(place), helper_image=HELPER) as session:
        life = Life(session)
        assert bring_up(session).outcome is Outcome.DONE
        life.do("scale", voters=5)
        five = [f"etcd-{n}" for n in range(5)]
        assert life.voters() == five and place.get("pdb", "etcd")["spec"]["minAvailable"] == 3
        life.put(b"blue")
        claim = place.get("pvc", "data-etcd-1")["metadata"]["uid"]
        place.run("delete", "pvc", "data-etcd-1", "--wait=false")
        place.run("delete", "pod", "etcd-1", "--grace-period=0", "--force", "--wait=false")

        def lost() -> bool:
            row = session.fresh(5).find("etcd-1")
            return row is not None and row.node is not None and row.node.run_state is RunState.FAILED

        wait_until(lost, "etcd-1 came without its data", 90, 0.5)
        life.do("replace-member", "etcd-1")
        assert life.voters() == five and life.held() == {b"blue"}
        assert place.get("pvc", "data-etcd-1")["metadata"]["uid"] != claim
        assert place.get("pdb", "etcd")["spec"]["minAvailable"] == 3
        before = {member.id for member in session.fresh(5).members}
        life.do("snapshot-save", directory=str(tmp_path / "saved"))
        (file,) = (tmp_path / "saved").glob("*.db")
        life.put(b"red")
        assert "hold 1 key, as the snapshot" in life.do("restore", snapshot=str(file))
        assert life.voters() == five and life.held() == {b"blue"}
        assert {member.id for member in session.fresh(5).members}.isdisjoint(before)
        life.do("scale", voters=3)
        assert life.voters() == five[:3] and place.get("pdb", "etcd")["spec"]["minAvailable"] == 2
        files = place.get("configmap", "etcd-config")["data"]
        assert sorted(files) == [f"{name}.yaml" for name in five[:3]]
        assert {yaml.safe_load(text)["initial-cluster"].count("=") for text in files.values()} == {3}
        assert session.unfinished() == ()
        life.do("destroy", data="delete")
    wait_until(lambda: not objects(place) and not place.get("pvc")["items"], "nothing is left", 60)
