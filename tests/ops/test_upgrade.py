"""Upgrades and downgrades: planned steps, and real etcd from 3.4 to 3.5 and half-way back under a writer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from etcdtui.errors import GuardRefused, NodeError, Refused, UsageError
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import Alarm, ClusterSnapshot
from etcdtui.ops.action import Request
from etcdtui.ops.actions import downgrade, upgrade
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.executors import EXECUTORS
from etcdtui.ops.guards import GUARDS, evaluate
from etcdtui.ops.plan import Check, Outcome, Plan
from etcdtui.ops.runner import run
from etcdtui.ops.verify import look
from etcdtui.sites.base import Release, Upgradable
from etcdtui.sites.local.binaries import Binary, probe
from etcdtui.sites.local.demo import open_demo
from etcdtui.sites.local.older import cluster_version
from etcdtui.sites.local.site import LocalSite
from tests.etcd.test_newer import HEADER, number, serving, text
from tests.ops.test_rolling import context_of, verbs
from tests.ops.worlds import PlanningSite, simple
from tests.sites.local.support import QUICK, demo, wait_healthy, wait_until
from tests.support.tools import etcd
from tests.support.writer import ELECTIONS, Writer


class ReleasesSite(PlanningSite):
    """Knows releases and switches nothing."""

    def __init__(self, *versions: str) -> None:
        self.versions = versions

    def releases(self) -> tuple[Release, ...]:
        return tuple(Release(version, f"/opt/etcd-{version}") for version in self.versions)

    def node_release(self, node: str) -> str:
        return "3.5.1"

    def describe_switch(self, node: str, version: str) -> str:
        return f"switch {node} to {version}"

    def switch_release(self, node: str, version: str) -> str:
        raise AssertionError("planning must not act")


def versions(*texts: str, leader: int = 1, **fields: Any) -> ClusterSnapshot:
    """A healthy cluster whose members n1, n2, ... run these versions."""
    snapshot = simple(len(texts), leader=leader)
    rows = []
    for row, version in zip(snapshot.rows, texts, strict=True):
        assert row.reading.status is not None
        status = replace(row.reading.status, version=version, **fields)
        rows.append(replace(row, reading=replace(row.reading, status=status)))
    return replace(snapshot, rows=tuple(rows))


def test_each_node_is_stopped_switched_and_started_and_the_leader_is_last() -> None:
    site = ReleasesSite("3.4.23", "3.5.1", "3.6.4")
    request = Request(versions("3.4.23", "3.4.23", "3.4.23"), site)
    assert upgrade.newer(request) == ("3.5.1",)
    plan = upgrade.plan(request)
    assert verbs(plan)[:6] == ["stop n2", "switch n2", "start n2", "stop n3", "switch n3", "start n3"]
    assert [s.verb for s in plan.steps[6:]] == [
        "leader.move", "node.stop", "release.switch", "node.start", "wait",
    ]  # fmt: skip
    assert plan.steps[0].guards[0] == Check("upgrade-gates", {"version": "3.5.1"})
    assert "can corrupt its data" in plan.consequences[0]
    assert "authentication" in plan.consequences[1]
    undo = [step.undo.verb for step in plan.steps[:3] if step.undo]
    assert undo == ["node.start", "release.switch", "node.stop"]
    assert Plan.from_json(plan.to_json()) == plan


def test_an_upgrade_under_way_goes_on_with_what_is_left() -> None:
    site = ReleasesSite("3.4.23", "3.5.1")
    plan = upgrade.plan(Request(versions("3.4.23", "3.5.1", "3.5.1", leader=2), site))
    assert [s.args.get("node") for s in plan.steps[:3]] == ["n1", "n1", "n1"]
    assert len(plan.steps) == 4


@pytest.mark.parametrize(
    ("now", "target", "error", "words"),
    [
        (
            ("3.4.23",) * 3,
            "3.6.4",
            GuardRefused,
            "one at a time is supported, 3.5 is next",
        ),
        (("3.6.4",) * 3, "3.5.1", GuardRefused, "that is a downgrade"),
        (("3.5.1",) * 3, "3.5.1", UsageError, "every member runs etcd 3.5.1 already"),
        (("3.4.23",) * 3, "3.5.9", UsageError, "etcd 3.5.9 is not there to run"),
    ],
)
def test_impossible_upgrades_are_refused_in_a_sentence(
    now: tuple[str, ...], target: str, error: type[Exception], words: str
) -> None:
    site = ReleasesSite("3.4.23", "3.5.1", "3.6.4")
    with pytest.raises(error, match=words):
        upgrade.plan(Request(versions(*now), site, options={"version": target}))


def test_gates_look_at_health_alarms_and_the_patch_before_36() -> None:
    check = Check("upgrade-gates", {"version": "3.6.4"})
    good = versions("3.5.26", "3.5.27", "3.5.26")
    assert evaluate(check, good).ok
    assert "3.5.1 goes to 3.6 only by way of 3.5.26" in evaluate(check, versions(*("3.5.1",) * 3)).reason
    raised = evaluate(check, replace(good, alarms=(Alarm(2, "NOSPACE"),)))
    assert (raised.ok, raised.overridable, raised.reason) == (False, True, "alarms are raised: NOSPACE of n2")
    assert "not healthy: n3" in evaluate(Check("upgrade-gates", {"version": "3.5.2"}), simple(3, (3,))).reason
    assert "upgrade-gates" in GUARDS


class OlderSite(ReleasesSite):
    """Its nodes run the first of its releases."""

    def node_release(self, node: str) -> str:
        return self.versions[0]


def test_there_is_a_way_back_until_the_last_member_was_upgraded() -> None:
    site = OlderSite("3.4.23", "3.5.1")
    plan = upgrade.plan(Request(versions(*("3.4.23",) * 3), site))
    back = next(step.undo for step in plan.steps if step.verb == "node.start" and step.undo)
    check = back.guards[0]
    assert check == Check("way-back", {"version": "3.4.23"})
    assert evaluate(check, versions("3.5.1", "3.5.1", "3.4.23")).ok
    moved = evaluate(check, versions(*("3.5.1",) * 3))
    assert (moved.ok, moved.overridable) == (False, False)
    assert "every member runs etcd 3.5: the cluster has moved on and takes none of 3.4.23" in moved.reason
    # One that is silent may be the one that holds the cluster back.
    assert evaluate(check, simple(3, (3,))).ok
    on: dict[str, Any] = {"downgrade_enabled": True, "downgrade_target_version": "3.5.0"}
    older = Check("way-back", {"version": "3.5.26"})
    assert evaluate(older, versions(*("3.6.4",) * 3, **on)).ok
    assert not evaluate(older, versions(*("3.6.4",) * 3)).ok
    assert evaluate(Check("way-back", {"version": "3.5.0"}), versions(*("3.5.1",) * 3)).ok


def test_from_36_the_downgrade_api_comes_first() -> None:
    site = ReleasesSite("3.5.26", "3.6.4")
    plan = downgrade.plan(Request(versions(*("3.6.4",) * 3), site))
    assert [s.verb for s in plan.steps[:5]] == [
        "downgrade.validate", "downgrade.enable", "node.stop", "release.switch", "node.start",
    ]  # fmt: skip
    assert plan.steps[1].args == {"version": "3.5"}
    assert plan.steps[1].undo is not None
    assert plan.steps[1].undo.verb == "downgrade.cancel"
    ready = plan.steps[1].verify
    assert ready is not None
    on: dict[str, Any] = {"downgrade_enabled": True, "downgrade_target_version": "3.5.0"}
    assert not look(ready, versions(*("3.6.4",) * 3)).done
    assert (
        "in the format of 3.6.0 yet"
        in look(ready, versions(*("3.6.4",) * 3, storage_version="3.6.0", **on)).text
    )
    assert look(ready, versions(*("3.6.4",) * 3, storage_version="3.5.0", **on)).done
    last = plan.steps[-1].verify
    assert last is not None
    assert not look(last, versions("3.5.26", "3.5.26", "3.6.4")).done
    assert look(last, versions(*("3.5.26",) * 3)).done


def test_35_offers_no_way_down_but_half_way_up_there_is_one() -> None:
    site = ReleasesSite("3.4.23", "3.5.1")
    with pytest.raises(GuardRefused, match=r"3\.5 does not support a downgrade: .* a snapshot saved before"):
        downgrade.plan(Request(versions(*("3.5.1",) * 3), site))
    plan = downgrade.plan(Request(versions("3.5.1", "3.4.23", "3.5.1", leader=2), site))
    assert [s.args.get("node") for s in plan.steps[:6]] == ["n1"] * 3 + ["n3"] * 3
    assert plan.steps[1].args == {"node": "n1", "version": "3.4.23"}
    with pytest.raises(UsageError, match="no older etcd is there to run"):
        downgrade.plan(Request(versions(*("3.4.23",) * 3), site))


# -- real etcd -----------------------------------------------------------------------------


def ran(site: LocalSite) -> dict[str, str]:
    return {n.name: n.etcd_version[:3] for n in site.nodes()}


def way_back(plan: Plan, done: int) -> Plan:
    """The undo of the first `done` steps, the last first."""
    undo = tuple(step.undo for step in reversed(plan.steps[:done]) if step.undo is not None)
    return replace(plan, id=f"{plan.id}-back", steps=undo)


@pytest.mark.timeout(150)
def test_real_members_go_from_34_to_35_under_a_writer(tmp_path: Path) -> None:
    etcd("3.5")
    with demo(tmp_path / "c", 3, version="3.4") as site:
        wait_healthy(site)
        context = context_of(site, tmp_path)
        with Writer(site.seeds()) as writer:
            request = Request(context.fresh(5), site, plan_id="up", options={"version": "3.5.1"})
            result = run(upgrade.plan(request), context)
            assert result.outcome is Outcome.DONE, result.message
            tally = writer.verify()
        assert ran(site) == {"n1": "3.5", "n2": "3.5", "n3": "3.5"}
        assert tally.lost == ()
        assert tally.acknowledged > 100
        assert tally.longest_gap < ELECTIONS
        # The leader raises the cluster version within some seconds; then nothing leads back.
        wait_until(lambda: cluster_version(site.seeds()[0]).startswith("3.5"), "cluster version", 30)
        older = next(r.version for r in site.releases() if r.version.startswith("3.4"))
        with pytest.raises(GuardRefused, match="does not support a downgrade"):
            downgrade.plan(Request(context.fresh(5), site, options={"version": older}))
        context.close()


@pytest.mark.timeout(150)
def test_an_upgrade_that_fails_in_the_middle_goes_back(tmp_path: Path) -> None:
    """The first node gets 3.5; the second one's etcd ends at once; both run 3.4 again at the end."""
    old = etcd("3.4")
    new = tmp_path / "bin" / "etcd"
    new.parent.mkdir()
    # It runs the real etcd until the file beside it appears.
    new.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || [ ! -e {tmp_path}/broken ] || exit 9\nexec {etcd("3.5")} "$@"\n'
    )
    new.chmod(0o700)
    open_demo(tmp_path / "c", nodes=3, options=QUICK, binary=old, launch=False)
    site = LocalSite(tmp_path / "c", binary=Binary(str(old), probe(old)), offered=(str(new),))
    try:
        site.launch(0)
        wait_healthy(site)
        context = context_of(site, tmp_path)
        with Writer(site.seeds()) as writer:
            request = Request(context.fresh(5), site, plan_id="up", options={"version": "3.5.1"})
            plan = upgrade.plan(request)
            first = replace(plan, steps=plan.steps[:3])
            done = run(first, context)
            assert done.outcome is Outcome.DONE, done.message
            (tmp_path / "broken").write_text("")
            rest = replace(plan, id="up2", steps=plan.steps[3:])
            failed = run(rest, context)
            assert failed.outcome is Outcome.FAILED
            assert failed.steps_done == 2
            assert "exited with 9" in failed.message
            assert "to take it back: have" in failed.message
            assert sorted(ran(site).values()) == ["3.4", "3.5", "3.5"]
            assert sum(n.pid is not None for n in site.nodes()) == 2
            back = run(way_back(plan, 6), context)
            assert back.outcome is Outcome.DONE, back.message
            tally = writer.verify()
        assert ran(site) == {"n1": "3.4", "n2": "3.4", "n3": "3.4"}
        assert all(s.version.startswith("3.4") for s in context.fresh(5).answers)
        assert tally.lost == ()
        context.close()
    finally:
        site.shutdown(everything=True)


@pytest.mark.timeout(90)
def test_half_way_up_the_downgrade_takes_the_newer_ones_back(tmp_path: Path) -> None:
    etcd("3.5")
    with demo(tmp_path / "c", 3, version="3.4") as site:
        wait_healthy(site)
        context = context_of(site, tmp_path)
        request = Request(context.fresh(5), site, plan_id="up", options={"version": "3.5.1"})
        up = upgrade.plan(request)
        assert run(replace(up, steps=up.steps[:3]), context).outcome is Outcome.DONE
        down = downgrade.plan(Request(context.fresh(5), site, plan_id="down"))
        assert [s.verb for s in down.steps] == ["node.stop", "release.switch", "node.start", "wait"]
        result = run(down, context)
        assert result.outcome is Outcome.DONE, result.message
        assert set(ran(site).values()) == {"3.4"}
        context.close()


def test_a_release_that_is_gone_is_named_and_the_node_goes_back(tmp_path: Path) -> None:
    old, copy = etcd("3.4"), tmp_path / "etcd-copy"
    copy.write_bytes(etcd("3.5").read_bytes())
    copy.chmod(0o700)
    open_demo(tmp_path / "c", nodes=1, options=QUICK, binary=old, launch=False)
    site = LocalSite(tmp_path / "c", binary=Binary(str(old), probe(old)), offered=(str(copy),))
    try:
        assert site.switch_release("n1", "3.5.1") == f"n1: starts with etcd 3.5.1 ({copy}) from now on"
        assert site.switch_release("n1", "3.5.1") == "n1: starts with etcd 3.5.1 already"
        assert site.node_release("n1") == "3.5.1"
        assert str(copy) in site.describe_start("n1")
        copy.unlink()
        with pytest.raises(NodeError, match=r"n1: .*etcd-copy: etcd is gone"):
            site.start_node("n1")
        site.switch_release("n1", probe(old))
        site.start_node("n1")
        wait_healthy(site)
        site.stop_node("n1", 10)
        assert isinstance(site, Upgradable)
    finally:
        site.shutdown(everything=True)


def test_data_of_a_newer_cluster_is_never_given_to_an_older_etcd(tmp_path: Path) -> None:
    with demo(tmp_path / "c", 1, version="3.5") as site:
        wait_healthy(site)
        older = LocalSite(tmp_path / "c", offered=(str(etcd("3.4")),))
        release = next(r.version for r in older.releases() if r.version.startswith("3.4"))
        site.stop_node("n1", 10)
        with pytest.raises(NodeError, match=r"n1: its data was written by etcd 3\.5\.1, and"):
            older.switch_release("n1", release)


# -- the downgrade API, on a server that says what 3.6 says: proves our calls, not etcd 3.6 itself


@dataclass
class OneEndpoint:
    """A Context of one endpoint that stands for the leader n1."""

    api: EtcdWriter
    state: ClusterSnapshot
    site: PlanningSite = field(default_factory=PlanningSite)
    audit: AuditLog = field(default_factory=lambda: AuditLog(Path("/nonexistent")))
    profile: str = "lab"

    def snapshot(self) -> ClusterSnapshot:
        return self.state

    def fresh(self, timeout: float) -> ClusterSnapshot:
        return self.state

    def reader(self, url: str) -> EtcdWriter:
        return self.api

    def writer(self, member_id: int) -> EtcdWriter:
        assert member_id == self.state.leader_id
        return self.api


def test_the_downgrade_api_is_called_once_and_recognised_afterwards() -> None:
    off = versions(*("3.6.4",) * 3, downgrade_enabled=False)
    on = versions(*("3.6.4",) * 3, downgrade_enabled=True, downgrade_target_version="3.5.0")
    other = versions(*("3.6.4",) * 3, downgrade_enabled=True, downgrade_target_version="3.4.0")
    enable, cancel = EXECUTORS["downgrade.enable"], EXECUTORS["downgrade.cancel"]
    with serving(Downgrade=HEADER + text(2, b"3.6.0")) as (api, server):
        assert "can be downgraded to 3.5" in EXECUTORS["downgrade.validate"](
            {"version": "3.5"}, OneEndpoint(api, off)
        )
        assert server.asked["Downgrade"] == text(2, b"3.5")
        assert enable({"version": "3.5"}, OneEndpoint(api, off)) == "the downgrade to 3.5 is enabled"
        assert server.asked["Downgrade"] == number(1, 1) + text(2, b"3.5")
        server.asked.clear()
        assert "enabled already" in enable({"version": "3.5"}, OneEndpoint(api, on))
        with pytest.raises(Refused, match=r"a downgrade to 3\.4\.0 is enabled"):
            enable({"version": "3.5"}, OneEndpoint(api, other))
        assert cancel({}, OneEndpoint(api, off)) == "no downgrade is enabled"
        assert not server.asked
        assert cancel({}, OneEndpoint(api, on)) == "the downgrade is cancelled"
        assert server.asked["Downgrade"] == number(1, 2)
