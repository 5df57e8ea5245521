"""StatefulSets that manage themselves, for real: grown, shrunk, and what their scripts leave mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.errors import EtcdtuiError
from etcdtui.model.cluster import RunState
from tests.sites.kube.support import console_on, names
from tests.support.kube import Place, wait_until

pytestmark = [pytest.mark.kube, pytest.mark.timeout(500)]


def test_self_managing_set_grows_shrinks_and_is_mended(place: Place, tmp_path: Path) -> None:
    place.self_managed(3)
    place.wait_ready(3)
    with console_on(place, tmp_path) as console:
        console.ready(3)
        console.do("scale", voters=4)
        assert names(place) == ["etcd-0", "etcd-1", "etcd-2", "etcd-3"]
        with pytest.raises(EtcdtuiError, match="preStop script removes its member"):
            console.prepare("restart-node", "etcd-3")
        # Its container is started again: it adds itself again, and loops for good.
        place.end_container("etcd-3")

        def loops() -> bool:
            row = console.session.snapshot().find("etcd-3")
            node = row.node if row is not None else None
            return node is not None and bool(node.restarts) and node.run_state is RunState.FAILED

        wait_until(loops, "it crash-loops", 90, 0.5)
        console.do("scale", voters=3)
        assert names(place) == ["etcd-0", "etcd-1", "etcd-2"]
        console.do("scale", voters=4)
        assert names(place) == ["etcd-0", "etcd-1", "etcd-2", "etcd-3"]
        place.wait_ready(4)
