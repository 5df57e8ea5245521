"""A pod whose data is lost comes back as another member on another volume."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.model.cluster import RunState
from tests.sites.kube.support import console_on, names
from tests.support.kube import Place, wait_until

pytestmark = [
    pytest.mark.kube,
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("in_the_lab"),
]


def test_lost_data_is_replaced_on_a_new_claim(place: Place, tmp_path: Path) -> None:
    place.config_files(3, image="localhost/etcd:v3.5.1")
    place.wait_ready(3)
    claim = place.get("pvc", "data-etcd-1")["metadata"]["uid"]
    member = next(m["ID"] for m in place.members() if m["name"] == "etcd-1")
    with console_on(place, tmp_path) as console:
        console.ready(3)
        place.end_container("etcd-1", "rm -rf /var/lib/etcd/data/member")

        def broken() -> bool:
            row = console.session.snapshot().find("etcd-1")
            return row is not None and row.node is not None and row.node.run_state is RunState.FAILED

        wait_until(broken, "it fails", 90, 0.3)
        plan = console.prepare("replace-member", "etcd-1")
        assert any("IS DELETED" in sentence for sentence in plan.consequences)
        assert any(
            s.verb == "node.empty" and "DELETE" in s.call and "data-etcd-1" in s.call for s in plan.steps
        )
        result = console.session.execute(plan)
        assert result.outcome.value == "done", result.message
        assert names(place) == ["etcd-0", "etcd-1", "etcd-2"] and len(place.ready()) >= 2
        assert place.get("pvc", "data-etcd-1")["metadata"]["uid"] != claim
        assert member not in {m["ID"] for m in place.members()}
        console.from_now()
        console.ready(3)
