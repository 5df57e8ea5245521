"""Restoring a cluster from a snapshot and recovering from a lost quorum on real etcd, the data checked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.errors import EtcdError, NodeError, UsageError
from etcdtui.model.cluster import RunState
from etcdtui.model.identity import cluster_id, member_id
from etcdtui.ops.action import Request
from etcdtui.ops.actions import recover_quorum
from etcdtui.ops.guards import evaluate
from etcdtui.ops.plan import Check, Outcome, Plan
from etcdtui.runtime.session import Session
from etcdtui.sites.base import NewNode
from etcdtui.sites.local.site import LocalSite
from tests.ops.worlds import PlanningSite, simple
from tests.sites.local.support import etcdctl, node, wait_until
from tests.support.consoles import cluster, console, cut_off, do, prepare, ready

NAME = "demo"


def value(site: LocalSite, name: str, key: bytes = b"colour") -> str:
    """What that node's member has, by a linearizable read."""
    api = site.dial(node(site, name).client_urls[0])
    try:
        found = api.get(key, 5)
        return found.value.decode() if found is not None else ""
    finally:
        api.close()


def saved(session: Session, where: Path) -> str:
    """A snapshot in which the colour is blue; it is red afterwards."""
    site = session.site
    assert isinstance(site, LocalSite)
    etcdctl(site, "put", "colour", "blue")
    # Whichever member is asked for it has applied that.
    assert {value(site, name) for name in site.node_names()} == {"blue"}
    result = do(session, "snapshot-save", directory=str(where))
    assert result.outcome is Outcome.DONE, result.message
    etcdctl(site, "put", "colour", "red")
    (file,) = where.glob("*.db")
    return str(file)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_a_snapshot_becomes_a_new_cluster_on_the_same_nodes(tmp_path: Path, version: str) -> None:
    with cluster(tmp_path / "c", 3, version) as site, console(site, tmp_path) as session:
        old = ready(session)
        file = saved(session, tmp_path / "saved")
        plan = prepare(session, "restore", options={"snapshot": file})
        assert Plan.from_json(plan.to_json()) == plan
        assert plan.consequences[0].startswith("EVERY WRITE after revision")
        assert ": 1 revision, the cluster is at" in plan.consequences[0]
        verdict = session.verdicts(plan)[0]
        assert not verdict.ok
        assert "restoring n1, n2 and n3 would leave 0 of 3 voters healthy" in verdict.reason
        assert session.execute(plan).outcome is Outcome.REFUSED
        result = session.execute(plan, override=NAME)
        assert result.outcome is Outcome.DONE, result.message
        assert "hold 1 key, as the snapshot" in result.message
        new = session.fresh(3)
        assert new.cluster_id == plan.founds != old.cluster_id
        assert {m.id for m in new.members}.isdisjoint(m.id for m in old.members)
        assert [value(site, name) for name in ("n1", "n2", "n3")] == ["blue"] * 3
        assert len(list((tmp_path / "c" / "aside").iterdir())) == 3
        # The console goes on with the new cluster, and nothing is left to finish.
        assert session.changes.unfinished() == ()
        ready(session)
        assert do(session, "compact", keep=0).outcome is Outcome.DONE


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("version", "cuts"), [("3.4", (6, 12)), ("3.5", (3, 9))])
def test_a_restore_that_was_cut_off_is_undone_or_finished(
    tmp_path: Path, version: str, cuts: tuple[int, ...]
) -> None:
    """Steps: check, 3 x stop, 3 x move aside, 3 x restore, 3 x start, wait, compare, count."""
    with cluster(tmp_path / "c", 3, version) as site:
        with console(site, tmp_path) as session:
            old = ready(session).cluster_id
            file = saved(session, tmp_path / "saved")
        for steps in cuts:
            with console(site, tmp_path) as session:
                ready(session)
                cut_off(session, prepare(session, "restore", options={"snapshot": file}), steps, NAME)
            with console(site, tmp_path) as later:
                wait_until(lambda s=later: bool(s.changes.unfinished()), "it is recognised")  # type: ignore[misc]
                result = later.execute(later.changes.undo(later.changes.unfinished()[0]))
                assert result.outcome is Outcome.DONE, f"after {steps}: {result.message}"
                assert ready(later).cluster_id == old
                assert value(site, "n1") == "red"
        with console(site, tmp_path) as session:
            ready(session)
            plan = prepare(session, "restore", options={"snapshot": file})
            cut_off(session, plan, 8, NAME)
        with console(site, tmp_path) as later:
            wait_until(lambda: bool(later.changes.unfinished()), "it is recognised")
            result = later.execute(later.changes.finish(later.changes.unfinished()[0]))
            assert result.outcome is Outcome.DONE, result.message
            assert later.fresh(3).cluster_id == plan.founds
            assert [value(site, name) for name in ("n1", "n2", "n3")] == ["blue"] * 3


@pytest.mark.timeout(90)
def test_a_node_that_started_by_itself_meanwhile_is_stopped_again(tmp_path: Path) -> None:
    """A restore is cut off once all are stopped, and the machine of one boots."""
    with cluster(tmp_path / "c", 3) as site:
        with console(site, tmp_path) as session:
            ready(session)
            file = saved(session, tmp_path / "saved")
            plan = prepare(session, "restore", options={"snapshot": file})
            cut_off(session, plan, 5, NAME)
        assert plan.steps[4].verb == "data.shelve"
        late = plan.steps[5].args["node"]
        site.start_node(late)
        with console(site, tmp_path) as later:
            wait_until(lambda: bool(later.changes.unfinished()), "it is recognised")
            rest = later.changes.finish(later.changes.unfinished()[0])
            assert (rest.steps[0].verb, rest.steps[0].args["node"]) == ("node.stop", late)
            result = later.execute(rest)
            assert result.outcome is Outcome.DONE, result.message
            assert later.fresh(3).cluster_id == plan.founds
            assert [value(site, name) for name in ("n1", "n2", "n3")] == ["blue"] * 3


@pytest.mark.timeout(90)
def test_a_cluster_of_which_nothing_answers_is_restored(tmp_path: Path) -> None:
    with cluster(tmp_path / "c", 3) as site:
        with console(site, tmp_path) as session:
            ready(session)
            file = saved(session, tmp_path / "saved")
        for name in site.node_names():
            site.kill_node(name)
        shutil.rmtree(tmp_path / "c" / "n2")
        with console(site, tmp_path) as session:
            plan = prepare(session, "restore", options={"snapshot": file, "bump": 0})
            assert "how many cannot be told" in plan.consequences[0]
            assert "the member list is not known" in session.execute(plan).message
            result = session.execute(plan, override=NAME)
            assert result.outcome is Outcome.DONE, result.message
            assert value(site, "n2") == "blue"


def test_what_restore_refuses_to_plan(tmp_path: Path) -> None:
    with cluster(tmp_path / "c", 1) as site, console(site, tmp_path) as session:
        ready(session, 1)
        file = Path(saved(session, tmp_path / "saved"))
        torn = tmp_path / "torn.db"
        torn.write_bytes(file.read_bytes()[:-512])
        with pytest.raises(Exception, match=r"torn\.db: damaged: its checksum is wrong"):
            prepare(session, "restore", options={"snapshot": str(torn)})
        plan = prepare(session, "restore", options={"snapshot": str(file)})
        other = replace(plan, steps=(replace(plan.steps[0], args={**plan.steps[0].args, "sha256": "0"}),))
        assert (
            "is another file than the one the plan was made for"
            in session.execute(other, override=NAME).message
        )


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_the_ids_of_a_cluster_are_those_that_etcd_computes(tmp_path: Path, version: str) -> None:
    with cluster(tmp_path / "c", 3, version) as site, console(site, tmp_path) as session:
        shot = ready(session)
        token = site._cluster.spec.token
        ids = {member_id(m.peer_urls, token) for m in shot.members}
        assert ids == {m.id for m in shot.members}
        assert cluster_id(ids) == shot.cluster_id


# -- a lost quorum ---------------------------------------------------------------------------


def test_when_a_quorum_counts_as_lost_for_good() -> None:
    gone = Check("quorum-gone", {})
    whole = evaluate(gone, simple(3))
    assert (whole.ok, whole.overridable) == (False, False)
    assert "the cluster has its quorum" in whole.reason
    stopped = evaluate(gone, simple(3, down=(2, 3)))
    assert (stopped.ok, stopped.overridable) == (False, True)
    assert "starting n2, n3 may bring the quorum back" in stopped.reason
    shot = simple(3, down=(2, 3))
    lost = tuple(replace(n, run_state=RunState.UNKNOWN) if n.pid is None else n for n in shot.nodes)
    away = {n.name: n for n in lost}
    rows = tuple(replace(r, node=away[r.node.name]) if r.node else r for r in shot.rows)
    assert evaluate(gone, replace(shot, rows=rows, nodes=lost)).ok
    unknown = evaluate(gone, replace(shot, members_known=False))
    assert (unknown.ok, unknown.overridable) == (False, True)


def test_the_survivor_with_the_highest_raft_index_is_proposed() -> None:
    shot = simple(5, down=(1, 2, 3))

    rows = []
    for row in shot.rows:
        status = row.reading.status
        if status is not None and row.name == "n5":
            row = replace(row, reading=replace(row.reading, status=replace(status, raft_index=120)))
        rows.append(row)
    request = Request(replace(shot, rows=tuple(rows)), PlanningSite())
    assert recover_quorum.best(request) == "n5"
    assert recover_quorum.survivors(request)[:2] == ("n5", "n4")
    with pytest.raises(
        UsageError, match=r"no member answers.*name the node to found the cluster anew from: n1, n2"
    ):
        recover_quorum.plan(Request(simple(3, down=(1, 2, 3)), PlanningSite()))


def lose_two(site: LocalSite, root: Path, *, data: bool) -> None:
    for name in ("n2", "n3"):
        site.kill_node(name)
        if data:
            shutil.rmtree(root / name)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_the_cluster_is_founded_anew_from_its_survivor(tmp_path: Path, version: str) -> None:
    with cluster(tmp_path / "c", 3, version) as site, console(site, tmp_path) as session:
        old = ready(session)
        etcdctl(site, "put", "colour", "blue")
        for number in range(3):
            etcdctl(site, "put", "later", str(number))
        assert value(site, "n1") == "blue"
        whole = prepare(session, "recover-quorum", options={"node": "n1"})
        assert "the cluster has its quorum" in session.execute(whole, override=NAME).message
        lose_two(site, tmp_path / "c", data=True)
        wait_until(lambda: len(session.fresh(3).answers) == 1, "two are gone")
        plan = prepare(session, "recover-quorum", options={"directory": str(tmp_path / "saved")})
        assert [step.verb for step in plan.steps] == [
            "snapshot.save", "node.stop", "data.shelve", "data.shelve", "node.force-new", "node.stop",
            "node.start", "wait", "write.prove",
        ]  # fmt: skip
        assert session.execute(plan).overridable
        result = session.execute(plan, override=NAME)
        assert result.outcome is Outcome.DONE, result.message
        assert list((tmp_path / "saved").glob("*.db"))
        new = session.fresh(3)
        assert [m.name for m in new.members] == ["n1"]
        assert new.cluster_id == old.cluster_id
        assert value(site, "n1") == "blue"
        # An emptied node finds no cluster to be a member of and does not found one of its own.
        with pytest.raises(NodeError):
            site.start_node("n2")
            wait_until(lambda: node(site, "n2").run_state is not RunState.RUNNING, "it ends")
            raise NodeError(node(site, "n2").detail)
        site.set_aside("n2")
        grow(site, "n2")
        assert value(site, "n2") == "blue"


def serves(site: LocalSite, name: str) -> bool:
    """Whether that node's member takes linearizable reads: it hears of its promotion after the leader."""
    try:
        value(site, name)
    except EtcdError:
        return False
    return True


def grow(site: LocalSite, name: str) -> None:
    """What scaling back does with a node whose data was moved aside."""
    place = node(site, name)
    api = site.dial(node(site, "n1").client_urls[0])
    try:
        added = api.member_add(place.peer_urls, 5, learner=True)
        members = {"n1": node(site, "n1").peer_urls[0], name: place.peer_urls[0]}
        site.prepare_node(NewNode(name, place.peer_urls[0], place.client_urls[0]), members)
        site.start_node(name)

        def promoted() -> bool:
            try:
                api.member_promote(added.id, 5)
            except EtcdError:
                return False
            return True

        wait_until(promoted, "it is promoted", 30)
        wait_until(lambda: serves(site, name), "it knows of it itself")
    finally:
        api.close()


@pytest.mark.timeout(120)
def test_a_recovery_is_undone_before_it_was_founded_anew_and_only_finished_after(tmp_path: Path) -> None:
    with cluster(tmp_path / "c", 3) as site:
        options = {"node": "n1", "directory": str(tmp_path / "saved")}
        with console(site, tmp_path) as session:
            ready(session)
            etcdctl(site, "put", "colour", "blue")
            etcdctl(site, "put", "later", "1")
            assert value(site, "n1") == "blue"
            lose_two(site, tmp_path / "c", data=False)
            wait_until(lambda: len(session.fresh(3).answers) == 1, "two are gone")
            cut_off(session, prepare(session, "recover-quorum", options=options), 4, NAME)
        with console(site, tmp_path) as later:
            wait_until(lambda: bool(later.changes.unfinished()), "it is recognised")
            result = later.execute(later.changes.undo(later.changes.unfinished()[0]))
            assert result.outcome is Outcome.DONE, result.message
            for name in ("n2", "n3"):
                site.start_node(name)
            ready(later)
            assert value(site, "n3") == "blue"
            lose_two(site, tmp_path / "c", data=False)
            wait_until(lambda: len(later.fresh(3).answers) == 1, "two are gone")
            cut_off(later, prepare(later, "recover-quorum", options=options), 5, NAME)
        with console(site, tmp_path) as last:
            wait_until(lambda: bool(last.changes.unfinished()), "it is recognised")
            (left,) = last.changes.unfinished()
            with pytest.raises(
                UsageError, match="there is no way back after: start n1 once with --force-new"
            ):
                last.changes.undo(left)
            result = last.execute(last.changes.finish(left))
            assert result.outcome is Outcome.DONE, result.message
            assert [m.name for m in last.fresh(3).members] == ["n1"]
            assert value(site, "n1") == "blue"
