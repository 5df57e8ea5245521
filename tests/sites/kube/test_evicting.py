"""Pods evicted by others in the middle of a plan, by the Eviction API in the version that the server has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etcdtui.ops.plan import Outcome
from etcdtui.ops.runner import Progress
from tests.sites.kube.support import Console, console_on, names
from tests.support.kube import Place, wait_until

pytestmark = [pytest.mark.kube, pytest.mark.long, pytest.mark.timeout(400)]


def evict(place: Place, pod: str) -> None:
    """As `kubectl drain` does; the disruption budget is asked. RuntimeError when it refuses."""
    resources = json.loads(place.kube.run("get", "--raw", "/api/v1"))["resources"]
    version = next(r for r in resources if r["name"] == "pods/eviction")["version"]
    meta = {"name": pod, "namespace": place.name}
    body = {"apiVersion": f"policy/{version}", "kind": "Eviction", "metadata": meta}
    path = f"/api/v1/namespaces/{place.name}/pods/{pod}/eviction"
    place.run("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def settled(console: Console, action: str, after: str, act: Callable[[], None], **options: Any) -> list[str]:
    """Carry an action out, and finish it as often as it was stopped; what each run said.

    Args:
        after: the verb of a step; once the first one of these is done,
        act: is done.
    """
    plan = console.prepare(action, **options)
    index = [step.verb for step in plan.steps].index(after)

    def watch(report: Progress) -> None:
        if (report.phase, report.step_index) == ("done", index):
            act()

    result, said = console.session.execute(plan, progress=watch), []
    for _ in range(3):
        said.append(result.message)
        assert "\n" not in result.message
        if result.outcome is Outcome.DONE:
            return said
        assert result.outcome is Outcome.FAILED, result.message
        console.from_now()
        console.until(lambda shot: len(shot.answers) == len(shot.members) and shot.leader_id is not None, 60)
        (left,) = console.session.changes.unfinished()
        result = console.session.execute(console.session.changes.finish(left))
    raise AssertionError(said)


def test_a_pod_that_is_evicted_in_mid_plan_costs_no_quorum_and_the_plan_goes_on(
    place: Place, tmp_path: Path
) -> None:
    place.config_files(3)
    place.wait_ready(3)
    with console_on(place, tmp_path) as console:
        leader = console.ready(3).leader_row
        assert leader is not None
        before = {name: pod["metadata"]["uid"] for name, pod in place.pods().items()}
        members = {m["ID"] for m in place.members()}
        settled(console, "rolling-restart", "node.restart", lambda: evict(place, leader.name))
        place.wait_ready(3)
        after_uids = {name: pod["metadata"]["uid"] for name, pod in place.pods().items()}
        assert all(after_uids[name] != uid for name, uid in before.items())
        assert {m["ID"] for m in place.members()} == members
        # The learner is added, and one of those that must promote it goes away.
        console.from_now()
        console.ready(3)
        settled(console, "scale", "member.add", lambda: evict(place, "etcd-1"), voters=4)
        assert names(place) == ["etcd-0", "etcd-1", "etcd-2", "etcd-3"]
        wait_until(lambda: not any(m.get("isLearner") for m in place.members()), "all vote", 30, 0.5)
