"""Compaction, defragmentation, alarms, NOSPACE and saved snapshots on real etcd, under a writer."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings

from etcdtui.errors import EtcdError, EtcdtuiError, UsageError
from etcdtui.etcd.errors import is_transient
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.past import noted, revision_at
from etcdtui.model.quorum import is_healthy_voter
from etcdtui.model.space import space_of
from etcdtui.ops import owner
from etcdtui.ops.action import Request
from etcdtui.ops.actions import defrag
from etcdtui.ops.guards import evaluate
from etcdtui.ops.maintenance_exec import still_compacts
from etcdtui.ops.plan import Check, Outcome, Plan
from etcdtui.ops.resume import Unfinished, finish_plan
from etcdtui.ops.store import Entry, Mark, StepState
from etcdtui.ops.verify import look
from etcdtui.runtime.session import Session
from etcdtui.sites.local.site import LocalSite
from tests.model.build import snapshot, up
from tests.ops.worlds import PlanningSite, World, simple, worlds
from tests.sites.local.support import etcdctl, wait_until
from tests.support.consoles import cluster, console, cut_off, do, prepare, ready
from tests.support.writer import Writer

BLOCK = b"x" * 400_000


def fill(site: LocalSite, megabytes: int, *, until_full: bool = False) -> None:
    """Overwrite one key again and again: history that a compaction can drop."""
    api = site.dial(site.seeds()[0])
    left = megabytes * 1_000_000 // len(BLOCK)
    deadline = time.monotonic() + 40
    try:
        while left:
            try:
                api.put(b"big", BLOCK, 10)
            except EtcdError as error:
                if until_full and "space exceeded" in error.message:
                    return
                # Of an election: whether it was written does not matter here.
                assert is_transient(error) and time.monotonic() < deadline, error
            else:
                left -= 1
    finally:
        api.close()


def free_bytes(session: Session) -> list[int]:
    return [space_of(status).free or 0 for status in session.fresh(3).answers]


def test_a_revision_is_known_as_far_back_as_it_was_watched() -> None:
    past = noted(noted(noted((), 0.0, 5), 4.0, 7), 12.0, 9)
    assert past == ((0.0, 5), (12.0, 9))
    assert [revision_at(past, when) for when in (-1.0, 0.0, 11.9, 99.0)] == [None, 5, 5, 9]
    assert noted(past, 30.0, 2) == ((30.0, 2),)


def test_a_member_that_still_compacts_is_known_by_what_it_has_in_use() -> None:
    """The others were asked, or are done: it would copy the history into a file that stays as large."""

    def used(*megabytes: float | None) -> ClusterSnapshot:
        sizes = [None if each is None else int(each * 1e6) for each in megabytes]
        return snapshot([up(n, db_size=40_000_000, db_size_in_use=each) for n, each in enumerate(sizes, 1)])

    assert still_compacts(used(2, 39, 2.1), 2) == (39_000_000, 2_000_000)
    assert still_compacts(used(2, 39, 2.1), 3) is None
    assert still_compacts(used(39, 39.5, 38), 2) is None
    assert still_compacts(used(0.02, 0.9, 0.02), 2) is None
    assert still_compacts(used(None, 39, None), 2) is None
    assert still_compacts(used(2, None, 2), 2) is None
    assert still_compacts(used(2, 39), 7) is None


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_one_member_after_the_other_and_the_leader_last(world: World) -> None:
    """Every voter that answers once, no learner, and the leader only when it leads no more."""
    options = {"share": 0, "free": 0}
    try:
        plan = defrag.plan(Request(world.snapshot, PlanningSite(), options=options, plan_id="p"))
    except EtcdtuiError:
        return
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    order = [step.args["member"] for step in plan.steps if step.verb == "member.defrag"]
    voters = {r.member_id for r in world.snapshot.voters if r.reading.answered}
    assert len(order) == len(set(order))
    assert set(order) == voters
    leader = world.snapshot.leader_id
    for number, step in enumerate(plan.steps):
        if step.args.get("member") != leader or leader is None:
            continue
        assert order[-1] == leader
        before = plan.steps[number - 1]
        others = [
            r for r in world.snapshot.voters if is_healthy_voter(world.snapshot, r) and r.member_id != leader
        ]
        assert (before.verb == "leader.move" and before.args["target"] != leader) == bool(others)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_compact_and_defragment_under_a_writer(tmp_path: Path, version: str) -> None:
    with cluster(tmp_path / "c", version=version) as site, console(site, tmp_path) as session:
        ready(session)
        fill(site, 16)
        told: list[str] = []
        with Writer(site.seeds()) as writer:
            compacted = do(session, "compact", keep=5, physical=True)
            assert compacted.outcome is Outcome.DONE, compacted.message
            assert "compacted: the history before revision" in compacted.message
            wait_until(lambda: min(free_bytes(session)) > 8_000_000, "the space is free")
            plan = prepare(session, "defrag", options={"share": 40, "free": 1_000_000, "pause": 1.0})
            verbs = [step.verb for step in plan.steps]
            assert verbs == ["member.defrag"] * 2 + ["leader.move", "member.defrag", "wait"]
            heir = plan.steps[2].args["target"]
            assert heir in [step.args["member"] for step in plan.steps[:2]]
            leader = plan.steps[3].args["member"]
            assert leader == session.snapshot().leader_id
            result = session.execute(plan, progress=lambda report: told.append(report.text))
            assert result.outcome is Outcome.DONE, result.message
            assert result.message.count("MB given back") >= 4, result.message
            assert any("given back in " in text for text in told)
            tally = writer.verify()
        assert max(s.db_size for s in session.fresh(3).answers) < 8_000_000
        lines = {(line["phase"], line["step"]): line for line in session.audit.read()}
        # An election in between may have moved it before.
        called, moved = session.snapshot().label, lines["end", 3]["result"]
        words = f"leadership moved from {called(leader)} to {called(heir)};"
        assert moved.startswith(words) or "leads already" in moved, moved
        assert {m["id"]: m["state"] for m in lines["begin", 4]["members_before"]}[f"{leader:x}"] != "leader"
        assert tally.lost == ()
        assert tally.acknowledged > 50
        with pytest.raises(UsageError, match="nothing is worth defragmenting by the rule"):
            prepare(session, "defrag")
        assert session.changes.unfinished() == ()


def test_what_compact_refuses_and_predicts(tmp_path: Path) -> None:
    with cluster(tmp_path / "c", 1) as site, console(site, tmp_path) as session:
        ready(session, 1)
        for number in range(10):
            etcdctl(site, "put", "k", str(number))
        plan = prepare(session, "compact", options={"revision": 99})
        refused = session.execute(plan)
        assert refused.outcome is Outcome.REFUSED
        assert "revision 99 is yet to come" in refused.message
        assert "mvcc: required revision is a future revision" in refused.message
        with pytest.raises(UsageError, match=r"has \d+ revisions, so there is nothing to compact"):
            prepare(session, "compact", options={"keep": 5000})
        with pytest.raises(
            UsageError, match=r"current 1h00m ago is not known: etcd keeps no times.*periodic"
        ):
            prepare(session, "compact", options={"last": 3600.0})
        assert do(session, "compact", revision=5).outcome is Outcome.DONE
        again = prepare(session, "compact", options={"revision": 5})
        assert session.execute(again).message.endswith("was compacted to revision 5 before")
        gone = do(session, "compact", revision=3)
        assert gone.outcome is Outcome.FAILED
        assert "required revision has been compacted" in gone.message
        recent = prepare(session, "compact", options={"last": 0.0})
        assert recent.steps[0].args["revision"] in [revision for _, revision in session.snapshot().past]
        assert "the last 0s stays" in recent.consequences[0]


def test_a_single_member_is_defragmented_only_with_the_name_typed(tmp_path: Path) -> None:
    with cluster(tmp_path / "c", 1) as site, console(site, tmp_path) as session:
        ready(session, 1)
        refused = do(session, "defrag", share=0, free=0, pause=0.0)
        assert refused.outcome is Outcome.REFUSED
        assert refused.overridable
        assert "n1 is the only voter: nothing is read or written" in refused.message
        done = do(session, "defrag-member", "n1", override=session.snapshot().name, pause=0.0)
        assert done.outcome is Outcome.DONE, done.message


def test_a_member_that_came_to_lead_gives_its_leadership_away_first(tmp_path: Path) -> None:
    with cluster(tmp_path / "c") as site, console(site, tmp_path) as session:
        ready(session)
        plan = prepare(session, "defrag", options={"share": 0, "free": 0, "pause": 0.0})
        first = session.snapshot().label(plan.steps[0].args["member"])
        assert do(session, "move-leader", first).outcome is Outcome.DONE
        told: list[str] = []
        done = session.execute(plan, progress=lambda report: told.append(report.text))
        assert done.outcome is Outcome.DONE, done.message
        assert any(f"{first} has come to lead: its leadership moves to n" in text for text in told)


def test_a_defragmentation_that_was_cut_off_is_carried_out_again() -> None:
    """What a compaction freed shows only at the next write: its verification may hold without it."""
    shot = simple(3, leader=1)
    plan = defrag.plan(
        Request(shot, PlanningSite(), options={"share": 0, "free": 0, "pause": 0.0}, plan_id="p")
    )
    verify = plan.steps[0].verify
    assert verify is not None and look(verify, shot).done
    states = (StepState(Mark.BEGUN), *[StepState()] * (len(plan.steps) - 1))
    left = Unfinished(Entry(plan, states, "lab", "paper", owner.current(), {}, ""), "")
    assert [s.verb for s in finish_plan(left, shot, "q").steps] == [s.verb for s in plan.steps]


def test_the_leader_is_not_blocked_while_another_can_lead() -> None:
    shot = simple(3, leader=1)
    leads = evaluate(Check("defrag-target", {"member": 1}), shot)
    assert leads.ok
    assert "n1 leads: its leadership moves to n2 first" in leads.reason
    assert evaluate(Check("defrag-target", {"member": 2}), shot).ok
    gone = evaluate(Check("defrag-target", {"member": 2}), simple(3, down=(2,)))
    assert (gone.ok, gone.overridable) == (False, False)


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("version", "nodes"), [("3.4", 3), ("3.5", 3), ("3.5", 1)])
def test_a_full_cluster_is_brought_back(tmp_path: Path, version: str, nodes: int) -> None:
    quota = ("--quota-backend-bytes=16000000",)
    with cluster(tmp_path / "c", nodes, version, quota) as site, console(site, tmp_path) as session:
        ready(session, nodes)
        etcdctl(site, "put", "colour", "blue")
        with pytest.raises(UsageError, match="no NOSPACE alarm is raised"):
            prepare(session, "free-space")
        fill(site, 40, until_full=True)
        wait_until(lambda: bool(session.fresh(3).alarms), "the alarm")
        # Told the quota, the console knows that disarming alone does not help.
        hasty = do(session, "disarm-alarm", quota=16_000_000)
        assert hasty.outcome is Outcome.REFUSED
        assert "etcd raises the alarm again" in hasty.message
        plan = prepare(session, "free-space", options={"pause": 0.5})
        name = session.snapshot().name
        assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
        if nodes == 1:
            assert session.execute(plan).overridable
        told: list[str] = []
        override = name if nodes == 1 else None
        result = session.execute(plan, override=override, progress=lambda report: told.append(report.text))
        assert result.outcome is Outcome.DONE, result.message
        assert any("a write was acknowledged at revision" in text for text in told)
        assert session.fresh(3).alarms == ()
        assert etcdctl(site, "get", "colour", "--print-value-only").strip() == "blue"
        assert etcdctl(site, "get", "--prefix", "/etcdtui/probe") == ""
        assert max(s.db_size for s in session.fresh(3).answers) < 8_000_000
        lock = [line["result"] for line in session.audit.read() if line["phase"] == "lock"]
        assert any("nothing protects this change" in text for text in lock)


@pytest.mark.timeout(120)
def test_freeing_space_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    quota = ("--quota-backend-bytes=16000000",)
    with cluster(tmp_path / "c", 3, "3.5", quota) as site, console(site, tmp_path) as session:
        ready(session)
        fill(site, 40, until_full=True)
        wait_until(lambda: bool(session.fresh(3).alarms), "the alarm")
        plan = prepare(session, "free-space", options={"pause": 0.5})
        cut_off(session, plan, 2)
        with console(site, tmp_path) as later:
            ready(later)
            (left,) = later.changes.unfinished()
            result = later.execute(later.changes.finish(left))
            assert result.outcome is Outcome.DONE, result.message
            assert later.changes.unfinished() == ()
            assert later.fresh(3).alarms == ()


def raise_corrupt(site: LocalSite, member: int) -> None:
    """What a member does that finds its data damaged; no console call raises an alarm."""
    import etcdtui.etcd.rpc  # noqa: F401, I001  (sets what etcd3 needs before it is imported)
    import grpc
    from etcd3 import etcdrpc

    with grpc.insecure_channel(site.seeds()[0].split("://")[-1]) as channel:
        request = etcdrpc.AlarmRequest(
            action=etcdrpc.AlarmRequest.ACTIVATE, memberID=member, alarm=etcdrpc.AlarmType.Value("CORRUPT")
        )
        etcdrpc.MaintenanceStub(channel).Alarm(request, timeout=5)


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_corrupt_is_disarmed_only_where_all_hold_the_same(tmp_path: Path, version: str) -> None:
    with cluster(tmp_path / "c", 3, version) as site, console(site, tmp_path) as session:
        shot = ready(session)
        etcdctl(site, "put", "colour", "blue")
        raise_corrupt(site, shot.members[0].id)
        wait_until(lambda: bool(session.fresh(3).alarms), "the alarm")
        plan = prepare(session, "disarm-alarm")
        assert "CORRUPT" in plan.consequences[0]
        told: list[str] = []
        result = session.execute(plan, progress=lambda report: told.append(report.text))
        assert result.outcome is Outcome.DONE, result.message
        assert any("3 members hold the same data up to revision" in text for text in told)
        assert session.fresh(3).alarms == ()


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_a_snapshot_is_saved_with_progress_under_a_writer(tmp_path: Path, version: str) -> None:
    where = tmp_path / "saved"
    with cluster(tmp_path / "c", 3, version) as site, console(site, tmp_path) as session:
        ready(session)
        fill(site, 4)
        with Writer(site.seeds()) as writer:
            told: list[str] = []
            result = do(session, "snapshot-save", told=told, directory=str(where), keep=1)
            assert result.outcome is Outcome.DONE, result.message
            assert any(" of about " in text for text in told), told
            again = do(session, "snapshot-save", directory=str(where), keep=1)
            assert "deleted, beyond the last 1" in again.message
            tally = writer.verify()
        assert tally.lost == ()
        (file,) = where.glob("*.db")
        origin = json.loads(Path(f"{file}.json").read_text())
        assert origin["keys"] > 1
        assert origin["revision"] > 10
        # No lock was taken, so none lies in the file to stand in the way of a restore.
        assert not [line for line in session.audit.read() if line["phase"] == "lock"]


def test_a_read_only_console_saves_snapshots_and_nothing_else(tmp_path: Path) -> None:
    with cluster(tmp_path / "c", 1) as site, console(site, tmp_path, read_only=True) as session:
        ready(session, 1)
        assert [action.id for action in session.actions()] == ["snapshot-save"]
        result = do(session, "snapshot-save", directory=str(tmp_path / "saved"))
        assert result.outcome is Outcome.DONE, result.message
        cancelled = threading.Event()
        cancelled.set()
        plan = prepare(session, "snapshot-save", options={"directory": str(tmp_path / "saved")})
        assert session.execute(plan, cancel=cancelled).outcome is Outcome.CANCELLED
