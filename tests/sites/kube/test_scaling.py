"""Growing and shrinking a real StatefulSet by learners: no stray member, no stale data."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.errors import EtcdtuiError
from tests.sites.kube.support import as_somebody, console_on, documented_rules, leader_of, names
from tests.support.kube import Place

pytestmark = [pytest.mark.kube, pytest.mark.timeout(400)]


def claims(place: Place) -> list[str]:
    return sorted(c["metadata"]["name"] for c in place.get("pvc")["items"])


def test_grow_by_learners_and_shrink_leader_and_all(place: Place, tmp_path: Path) -> None:
    """With the rights that the documentation gives for it, and no others."""
    place.config_files(1)
    place.wait_ready(1)
    reading, acting = documented_rules()
    rights = as_somebody(place, tmp_path / "kubeconfig", [*reading, *acting])
    with console_on(place, tmp_path, kubeconfig=rights) as console:
        console.ready(1)
        plan = console.prepare("scale", voters=3)
        assert [s.args["learner"] for s in plan.steps if s.verb == "member.add"] == [True, True]
        console.do("scale", voters=3)
        assert names(place) == ["etcd-0", "etcd-1", "etcd-2"]
        console.ready(3)
        if leader_of(console.session) != "etcd-2":
            console.do("move-leader", "etcd-2")
        with pytest.raises(EtcdtuiError, match="its node must go too: etcd-0: Kubernetes stops the highest"):
            console.prepare("remove-member", "etcd-0")
        console.do("scale", voters=1)
        assert names(place) == ["etcd-0"] and sorted(place.pods()) == ["etcd-0"]
        assert claims(place) == ["data-etcd-0", "data-etcd-1", "data-etcd-2"]
        assert sorted(place.get("configmap", "etcd-config")["data"]) == ["etcd-0.yaml"]
        stale = [f.message for f in console.session.check_health().findings if "removed member" in f.message]
        assert len(stale) == 2
        # The old members' data is deleted, by a step of its own, before nodes of their names come again.
        again = console.prepare("scale", voters=2)
        assert again.steps[0].verb == "node.discard" and "DELETE" in again.steps[0].call
        console.do("scale", voters=2)
        assert names(place) == ["etcd-0", "etcd-1"]
        assert claims(place) == ["data-etcd-0", "data-etcd-1", "data-etcd-2"]
        last = console.prepare("scale", voters=1, discard=True).steps[-1]
        assert last.verb == "node.discard" and last.args == {"node": "etcd-1"}
