"""A quota that is reached in the middle of a growth: told in Kubernetes' words, and taken back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from etcdtui.ops.plan import Outcome
from etcdtui.ops.runner import Phase, Progress
from tests.sites.kube.support import console_on, hurried, names
from tests.support.kube import Place

WHY = "exceeded quota: few"

pytestmark = [pytest.mark.kube, pytest.mark.timeout(240)]


def test_a_quota_that_allows_no_further_pod_is_told_and_the_growth_taken_back(
    place: Place, tmp_path: Path
) -> None:
    place.config_files(1)
    place.wait_ready(1)
    place.run("create", "quota", "few", "--hard=pods=1")
    place.wait_quota("few")
    told = threading.Event()

    def watch(report: Progress) -> None:
        if report.phase is Phase.VERIFY and WHY in report.text:
            told.set()

    with console_on(place, tmp_path) as console:
        console.ready(1)
        # Stopped by who reads why it does not come; tried again it does not come either.
        plan = console.prepare("scale", voters=2)
        first = console.session.execute(plan, progress=watch, cancel=told)
        assert first.outcome is Outcome.UNKNOWN and WHY in first.message, first.message
        (left,) = console.session.unfinished()
        again = console.session.execute(hurried(console.session.settle(left.id, "finish")))
        assert again.outcome is Outcome.FAILED and WHY in again.message, again.message
        (left,) = console.session.unfinished()
        undone = console.session.execute(console.session.settle(left.id, "undo"))
        assert undone.outcome is Outcome.DONE, undone.message
    assert names(place) == ["etcd-0"]
    assert place.get("statefulset", "etcd")["spec"]["replicas"] == 1
