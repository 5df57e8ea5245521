"""A quota that is reached in the middle of a growth: told in Kubernetes' words, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sites.kube.support import console_on, names
from tests.support.kube import Place

pytestmark = [pytest.mark.kube, pytest.mark.timeout(120)]


def test_a_quota_that_allows_no_further_pod_is_told_and_the_growth_taken_back(
    place: Place, tmp_path: Path
) -> None:
    place.config_files(1)
    place.wait_ready(1)
    place.run("create", "quota", "few", "--hard=pods=1")
    with console_on(place, tmp_path) as console:
        console.ready(1)
        result = console.session.execute(console.session.prepare("scale", None, {"voters": 2}))
        assert result.outcome.value == "failed" and "exceeded quota: few" in result.message, result.message
        (left,) = console.session.unfinished()
        undone = console.session.execute(console.session.settle(left.id, "undo"))
        assert undone.outcome.value == "done", undone.message
    assert names(place) == ["etcd-0"]
    assert place.get("statefulset", "etcd")["spec"]["replicas"] == 1
