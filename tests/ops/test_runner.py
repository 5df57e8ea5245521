"""The runner on real etcd processes: what an operator does, and what must not happen."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from etcdtui.errors import AuditError, NotOffered, PlanStale
from etcdtui.etcd.api import Target
from etcdtui.model.cluster import RunState
from etcdtui.model.quorum import budget
from etcdtui.ops.action import Request
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.context import Context
from etcdtui.ops.executors import EXECUTORS
from etcdtui.ops.plan import Args, Check, Outcome, Plan, Result, Step
from etcdtui.ops.registry import ACTIONS
from etcdtui.ops.runner import Phase, Progress, run
from tests.sites.local.support import wait_until
from tests.support.etcd import EtcdCluster, Proc, make_cluster, running
from tests.support.site import DirectContext, EndpointSite, ProcSite

BY_ID = {a.id: a for a in ACTIONS}


@dataclass
class Lab:
    """A running cluster, a context on it and what an operator does with both."""

    cluster: EtcdCluster
    context: DirectContext

    def plan(self, action: str, name: str = "") -> Plan:
        snapshot = self.context.fresh(5)
        row = snapshot.row_of_node(name) if name else None
        return BY_ID[action].plan(Request(snapshot, self.context.site, row, {}, f"{action}-{name}"))

    def do(self, action: str, name: str = "", override: str | None = None) -> Result:
        return run(self.plan(action, name), self.context, override=override)

    def proc(self, name: str) -> Proc:
        return next(p for p in self.cluster.procs if p.name == name)

    def followers(self) -> list[str]:
        leader = self.cluster.leader()
        return [p.name for p in self.cluster.procs if p is not leader]

    def lines(self) -> list[tuple[str, int, str | None]]:
        return [(r["phase"], r["step"], r["outcome"]) for r in self.context.audit.read()]


@pytest.fixture(params=["3.5"])
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with running(tmp_path, 3, request.param) as cluster:
        context = DirectContext(ProcSite(cluster), AuditLog(tmp_path / "state" / "audit.jsonl"))
        yield Lab(cluster, context)
        context.close()


both_versions = pytest.mark.parametrize("lab", ["3.4", "3.5"], indirect=True)


@both_versions
def test_stop_a_follower_be_refused_a_second_and_start_again(lab: Lab) -> None:
    first, second = lab.followers()
    result = lab.do("stop-node", first)
    assert (result.outcome, result.steps_done) == (Outcome.DONE, 1), result.message
    assert not lab.proc(first).alive()
    assert lab.lines() == [("plan", 0, None), ("begin", 1, None), ("end", 1, "done")]
    end = list(lab.context.audit.read())[-1]
    assert {m["name"]: m["state"] for m in end["members_before"]}[first] == "follower"
    assert {m["name"]: m["state"] for m in end["members_after"]}[first] == "down"
    assert end["call"] == f"kill -TERM the etcd of {first}"
    assert end["duration"] > 0

    result = lab.do("stop-node", second)
    assert (result.outcome, result.overridable) == (Outcome.REFUSED, True)
    assert result.message == f"stopping {second} would leave 1 of 3 voters healthy, quorum is 2"
    assert lab.proc(second).alive()
    assert lab.lines()[-1][0] == "refused"

    result = lab.do("start-node", first)
    assert result.outcome is Outcome.DONE, result.message
    wait_until(lambda: budget(lab.context.fresh(5)).healthy == 3, "all are healthy")


def test_the_override_is_the_clusters_name_to_the_letter_and_written_down(lab: Lab) -> None:
    first, second = lab.followers()
    lab.do("stop-node", first)
    for wrong in ("", "Lab", "lab ", "yes"):
        result = lab.do("stop-node", second, override=wrong)
        assert (result.outcome, result.overridable) == (Outcome.REFUSED, True)
        assert lab.proc(second).alive()
    result = lab.do("stop-node", second, override="lab")
    assert result.outcome is Outcome.DONE, result.message
    assert not lab.proc(second).alive()
    line = next(r for r in lab.context.audit.read() if r["phase"] == "override")
    assert "'lab' was typed against: stopping" in line["result"]
    assert "quorum is 2" in line["result"]


def test_restart_the_leader_hands_leadership_over(lab: Lab) -> None:
    leader = lab.cluster.leader()
    pid, seen = leader.pid, list[Progress]()
    result = run(lab.plan("restart-node", leader.name), lab.context, progress=seen.append)
    assert (result.outcome, result.steps_done) == (Outcome.DONE, 2), result.message
    assert leader.alive() and leader.pid != pid
    assert lab.cluster.leader() is not leader
    order = list(dict.fromkeys((p.step_index, p.phase) for p in seen))
    assert order == [(i, p) for i in (0, 1) for p in (Phase.GUARD, Phase.RUN, Phase.VERIFY, Phase.DONE)]


@both_versions
def test_kill_the_leader_and_see_another(lab: Lab) -> None:
    leader = lab.cluster.leader()
    result = lab.do("kill-node", leader.name)
    assert result.outcome is Outcome.DONE, result.message
    assert leader.process is not None and leader.process.returncode == -9
    lab.cluster.wait_healthy(2)
    assert lab.cluster.leader() is not leader
    result = lab.do("start-node", leader.name)
    assert result.outcome is Outcome.DONE, result.message


@both_versions
def test_stop_all_and_start_all(lab: Lab) -> None:
    refused = lab.do("stop-all")
    assert (refused.outcome, refused.overridable) == (Outcome.REFUSED, True)
    assert all(p.alive() for p in lab.cluster.procs)
    plan = lab.plan("stop-all")
    leader = lab.context.snapshot().leader_row
    assert leader is not None and plan.steps[-1].args["node"] == leader.name
    assert run(plan, lab.context, override="lab").outcome is Outcome.DONE
    assert not any(p.alive() for p in lab.cluster.procs)
    result = lab.do("start-all")
    assert (result.outcome, result.steps_done) == (Outcome.DONE, 4), result.message
    wait_until(lambda: budget(lab.context.fresh(5)).healthy == 3, "all are healthy")


def test_the_first_of_three_starts_without_its_peers(lab: Lab) -> None:
    lab.do("stop-all", override="lab")
    result = lab.do("start-node", "n1")
    assert result.outcome is Outcome.DONE, result.message
    assert "waits for its peers: 1 running, quorum is 2" in result.message
    result = lab.do("start-node", "n2")
    assert result.outcome is Outcome.DONE, result.message
    assert "answers and agrees on the leader" in result.message


def test_a_console_that_never_saw_the_cluster_starts_it(lab: Lab) -> None:
    lab.do("stop-all", override="lab")
    lab.context = DirectContext(lab.context.site, lab.context.audit)
    plan = lab.plan("start-all")
    assert plan.cluster_id is None
    assert run(plan, lab.context).outcome is Outcome.DONE
    lab.context.close()


def test_what_happens_between_review_and_run_is_seen(lab: Lab) -> None:
    first, second = lab.followers()
    plan = lab.plan("stop-node", first)
    lab.proc(second).kill()
    result = run(plan, lab.context)
    assert (result.outcome, result.steps_done) == (Outcome.REFUSED, 0)
    assert lab.proc(first).alive()


def test_what_happens_between_two_steps_is_seen(lab: Lab) -> None:
    """Two stops in one plan are both allowed when planned; after the first the second is not."""
    first, second = lab.followers()
    one, two = lab.plan("stop-node", first), lab.plan("stop-node", second)
    result = run(replace(one, steps=one.steps + two.steps), lab.context)
    assert (result.outcome, result.steps_done) == (Outcome.FAILED, 1)
    assert f"stopped before step 2 of 2 (stop {second})" in result.message
    assert f"done before: stop {first}; to take it back: start {first}" in result.message
    assert lab.proc(second).alive()


def test_another_cluster_is_not_touched(lab: Lab, tmp_path: Path) -> None:
    plan = replace(lab.plan("stop-node", "n1"), cluster_id=0xF0)
    with pytest.raises(PlanStale, match="made for cluster f0"):
        run(plan, lab.context, override="lab")
    assert lab.proc("n1").alive()
    assert lab.lines() == [("plan", 0, None), ("refused", 1, None)]


def test_a_removed_member_makes_the_plan_stale(lab: Lab) -> None:
    name = lab.followers()[0]
    plan = lab.plan("stop-node", name)
    gone = plan.member_ids[0]
    lab.proc(name).kill()
    lab.cluster.change("remove", f"{gone:x}")
    wait_until(lambda: gone not in {m.id for m in lab.context.fresh(5).members}, "it is listed no more")
    with pytest.raises(PlanStale, match="no longer in the member list"):
        run(plan, lab.context)


def test_cancel_before_and_between_steps(lab: Lab) -> None:
    cancel = threading.Event()
    cancel.set()
    result = run(lab.plan("restart-node", "n1"), lab.context, cancel=cancel)
    assert (result.outcome, result.steps_done) == (Outcome.CANCELLED, 0)
    assert lab.proc("n1").alive()

    cancel = threading.Event()

    def stop_after_the_first(progress: Progress) -> None:
        if progress.phase is Phase.DONE:
            cancel.set()

    plan = lab.plan("restart-node", "n1")
    result = run(plan, lab.context, cancel=cancel, progress=stop_after_the_first)
    assert (result.outcome, result.steps_done) == (Outcome.CANCELLED, 1)
    assert "to take it back: start n1" in result.message
    assert not lab.proc("n1").alive()
    assert lab.lines()[-1] == ("cancelled", 2, None)


def test_cancel_during_a_verification_leaves_the_effect_unknown(lab: Lab) -> None:
    cancel = threading.Event()
    plan = lab.plan("stop-node", "n1")
    never = Check("node-run-state", {"node": "n1", "member": None, "states": ["running"]})
    plan = replace(plan, steps=(replace(plan.steps[0], verify=never),))

    def stop(progress: Progress) -> None:
        if progress.phase is Phase.VERIFY:
            cancel.set()

    result = run(plan, lab.context, cancel=cancel, progress=stop)
    assert (result.outcome, result.steps_done) == (Outcome.UNKNOWN, 0)
    assert "cancelled before its effect was seen" in result.message
    assert lab.lines()[-1] == ("end", 1, "unknown")


def test_a_verification_out_of_time_is_a_failure(lab: Lab) -> None:
    plan = lab.plan("stop-node", "n1")
    never = Check("node-run-state", {"node": "n1", "member": None, "states": ["running"]})
    plan = replace(plan, steps=(replace(plan.steps[0], verify=never, verify_timeout=0.3),))
    result = run(plan, lab.context)
    assert result.outcome is Outcome.FAILED
    assert "0.3 s later: n1 is stopped" in result.message


def test_a_start_that_fails_says_what_state_the_node_is_left_in(lab: Lab) -> None:
    lab.proc("n1").argv[0] = "/no/such/etcd"
    result = lab.do("restart-node", "n1")
    assert (result.outcome, result.steps_done) == (Outcome.FAILED, 1)
    assert "n1 is stopped now" in result.message
    assert "No such file" in result.message


def test_a_process_that_ends_at_once_is_not_waited_for(lab: Lab) -> None:
    lab.do("stop-node", "n1")
    lab.proc("n1").argv.append("--no-such-flag")
    result = lab.do("start-node", "n1")
    assert result.outcome is Outcome.FAILED
    assert "n1 is failed" in result.message


def test_a_lone_process_must_stay_up_to_count_as_started(lab: Lab) -> None:
    lab.do("stop-all", override="lab")
    lab.proc("n1").argv.append("--no-such-flag")
    result = lab.do("start-node", "n1")
    assert result.outcome is Outcome.FAILED, result.message


def test_the_override_lets_nothing_pass_that_cannot_be_overridden(lab: Lab) -> None:
    plan = lab.plan("stop-node", "n1")
    lab.proc("n1").kill()
    result = run(plan, lab.context, override="lab")
    assert (result.outcome, result.overridable) == (Outcome.REFUSED, False)
    assert "n1 is not running" in result.message
    assert "override" not in [phase for phase, _, _ in lab.lines()]


def test_a_site_without_the_capability_fails_before_anything_happens(lab: Lab) -> None:
    plan = lab.plan("stop-node", "n1")
    bare = DirectContext(EndpointSite(lab.cluster), lab.context.audit)
    bare.fresh(5)
    plan = replace(plan, steps=(replace(plan.steps[0], guards=()),))
    result = run(plan, bare)
    bare.close()
    assert result.outcome is Outcome.FAILED
    assert "cannot start or stop nodes" in result.message
    assert lab.proc("n1").alive()
    assert NotOffered.exit_code == 2


def test_without_an_audit_log_nothing_is_done(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    plan = lab.plan("stop-node", "n1")
    lab.context.audit = AuditLog(tmp_path / "file" / "audit.jsonl")
    with pytest.raises(AuditError, match="audit log"):
        run(plan, lab.context)
    assert lab.proc("n1").alive()


def test_one_change_at_a_time(lab: Lab) -> None:
    plan = lab.plan("stop-node", lab.followers()[0])
    inner: list[Result] = []

    def second(progress: Progress) -> None:
        if progress.phase is Phase.RUN:
            inner.append(run(plan, lab.context))

    assert run(plan, lab.context, progress=second).outcome is Outcome.DONE
    assert inner[0].outcome is Outcome.REFUSED
    assert "another change is under way" in inner[0].message
    assert not inner[0].overridable


def test_a_change_without_an_answer_is_unknown_and_sent_once(lab: Lab) -> None:
    """The server accepts and never answers: whether the change happened cannot be told."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        from etcdtui.etcd.rpc import dial

        api = dial(Target(f"http://{address}", address))
        sent: list[str] = []

        def put(args: Args, context: Context) -> str:
            sent.append(args["key"])
            return str(api.put(args["key"].encode(), b"x", 0.5))

        step = Step("kv.put", {"key": "k"}, "put k", "KV.Put k")
        plan = replace(lab.plan("stop-node", "n1"), steps=(step, step))
        result = run(plan, lab.context, executors={**EXECUTORS, "kv.put": put})
        api.close()
    assert (result.outcome, result.steps_done, sent) == (Outcome.UNKNOWN, 0, ["k"])
    assert "look before doing it again" in result.message
    assert lab.lines()[-1] == ("end", 1, "unknown")


def test_an_unknown_verb_is_refused_before_anything_happens(lab: Lab) -> None:
    plan = lab.plan("stop-node", "n1")
    result = run(replace(plan, steps=(*plan.steps, replace(plan.steps[0], verb="x.y"))), lab.context)
    assert result.outcome is Outcome.REFUSED
    assert lab.proc("n1").alive()


def test_a_frozen_member_is_restarted(lab: Lab) -> None:
    name = lab.followers()[0]
    lab.proc(name).freeze()
    lab.context.read_timeout = 0.7
    row = lab.context.fresh(5).row_of_node(name)
    assert row is not None and row.node is not None and row.node.run_state is RunState.FROZEN
    result = lab.do("restart-node", name)
    assert result.outcome is Outcome.DONE, result.message


def test_the_only_member_is_stopped_only_with_the_name_typed(tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster:
        lab = Lab(cluster, DirectContext(ProcSite(cluster), AuditLog(tmp_path / "audit.jsonl")))
        assert lab.do("stop-node", "n1").outcome is Outcome.REFUSED
        assert lab.do("restart-node", "n1").outcome is Outcome.REFUSED
        assert lab.do("restart-node", "n1", override="lab").outcome is Outcome.DONE
        lab.context.close()


def test_a_cluster_that_was_never_started(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path, 3)
    lab = Lab(cluster, DirectContext(ProcSite(cluster), AuditLog(tmp_path / "audit.jsonl")))
    try:
        result = lab.do("start-all")
        assert result.outcome is Outcome.DONE, result.message
    finally:
        lab.context.close()
        cluster.close()
