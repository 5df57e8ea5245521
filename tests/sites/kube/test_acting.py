"""Restarting, stopping, starting and killing real pods, as far as a StatefulSet allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.errors import EtcdtuiError
from etcdtui.model.cluster import RunState
from tests.sites.kube.support import Console, console_on, leader_of
from tests.support.kube import Place, wait_until

pytestmark = [pytest.mark.kube, pytest.mark.timeout(400)]


@pytest.fixture
def console(three: Place, tmp_path: Path) -> Iterator[Console]:
    with console_on(three, tmp_path) as opened:
        opened.ready(3)
        yield opened


def test_restart_of_the_leader_makes_its_pod_anew_and_waits_for_the_member(
    console: Console, three: Place
) -> None:
    leader = leader_of(console.session)
    before = three.pods()[leader]["metadata"]["uid"]
    said = console.do("restart-node", leader)
    assert "runs anew, is healthy and up to date: " in said
    assert three.pods()[leader]["metadata"]["uid"] != before
    console.from_now()
    assert {m["ID"] for m in three.members()} == {m.id for m in console.ready(3).members}


def test_only_the_last_can_be_stopped_and_its_member_stays(console: Console, three: Place) -> None:
    first = "the highest ordinal first, and that is etcd-2"
    with pytest.raises(EtcdtuiError, match=first):
        console.session.prepare("stop-node", console.row("etcd-0"))
    console.do("stop-node", "etcd-2")
    assert sorted(three.pods()) == ["etcd-0", "etcd-1"] and len(three.members()) == 3
    row = console.row("etcd-2")
    assert row.node is not None and row.node.run_state is RunState.STOPPED
    with pytest.raises(EtcdtuiError, match="not running"):
        console.session.prepare("stop-node", row)
    refused = console.session.execute(console.prepare("stop-node", "etcd-1"))
    assert refused.outcome.value == "refused" and "quorum is 2" in refused.message
    console.do("start-node", "etcd-2")
    assert len(three.ready()) >= 2 and len(three.members()) == 3


def test_stop_all_keeps_the_number_for_start_all(console: Console, three: Place) -> None:
    plan = console.prepare("stop-all")
    result = console.session.execute(plan, override="test")
    assert result.outcome.value == "done", result.message
    wait_until(lambda: not three.pods(), "no pod is left", 30, 0.5)
    with_annotation = three.get("statefulset", "etcd")["metadata"]["annotations"]
    assert with_annotation["etcdtui/stopped-from"] == "3"
    assert [n.run_state for n in console.session.fresh(5).nodes] == [RunState.STOPPED] * 3
    console.do("start-all")
    assert len(three.members()) == 3
    assert "etcdtui/stopped-from" not in (
        three.get("statefulset", "etcd")["metadata"].get("annotations") or {}
    )


def test_kill_ends_the_pod_without_grace_and_it_comes_again(console: Console, three: Place) -> None:
    before = three.pods()["etcd-1"]["metadata"]["uid"]
    console.do("kill-node", "etcd-1")
    three.wait_ready(3)
    console.from_now()
    console.ready(3)
    assert three.pods()["etcd-1"]["metadata"]["uid"] != before


def test_rolling_restart_renews_every_pod_the_leader_last(console: Console, three: Place) -> None:
    before = {name: p["metadata"]["uid"] for name, p in three.pods().items()}
    led = leader_of(console.session)
    plan = console.prepare("rolling-restart")
    restarts = [s.args["node"] for s in plan.steps if s.verb == "node.restart"]
    # There may have been an election in between.
    assert len(restarts) == 3 and restarts[-1] in (led, leader_of(console.session))
    result = console.session.execute(plan)
    assert result.outcome.value == "done", result.message
    after = {name: p["metadata"]["uid"] for name, p in three.pods().items()}
    assert all(after[name] != uid for name, uid in before.items())
