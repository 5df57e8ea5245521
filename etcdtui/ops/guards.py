"""What must hold before a step: named guards, pure functions of a snapshot.

A step names its guards with their arguments; they are evaluated for the review and again, on a
fresh snapshot, right before the step. A new guard is one function with `@guard` on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node, RunState, State
from etcdtui.model.quorum import Budget, answers_itself, budget, is_healthy_voter
from etcdtui.model.text import clean
from etcdtui.ops.plan import Args, Check, Plan, Step

STALE = 5.0
"""Seconds (or two refreshes, if longer) after which an answer no longer proves that a member is well."""

_ENDED = (RunState.STOPPED, RunState.FAILED, RunState.FROZEN)
_RUNS = (RunState.RUNNING, RunState.STARTING, RunState.FROZEN)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one guard says."""

    check: Check
    ok: bool
    reason: str
    """One sentence: why not, or what will hold."""
    overridable: bool = False
    """Whether typing the cluster's name lets it pass all the same."""
    warning: bool = False
    """Whether it lets the plan pass and yet should be read before."""


@dataclass(frozen=True, slots=True)
class _Answer:
    ok: bool
    reason: str
    overridable: bool = False


Guard = Callable[[Args, ClusterSnapshot], _Answer]

GUARDS: dict[str, Guard] = {}


def guard(name: str) -> Callable[[Guard], Guard]:
    """Enter a function into the table of guards."""

    def enter(function: Guard) -> Guard:
        GUARDS[name] = function
        return function

    return enter


def evaluate(check: Check, snapshot: ClusterSnapshot) -> Verdict:
    """What a guard says of a snapshot. A guard that this version does not know refuses."""
    function = GUARDS.get(check.name)
    if function is None:
        return Verdict(check, False, f"this version knows no guard {clean(check.name)!r}")
    answer = function(check.args, snapshot)
    return Verdict(check, answer.ok, answer.reason, answer.overridable)


def bindings(plan: Plan, done: int = 0) -> tuple[Check, ...]:
    """What binds a plan to its cluster; never overridable, evaluated before every step.

    Args:
        done: how many steps have been carried out; members that those removed are expected to be gone.
    """
    gone = removed_by(plan.steps[:done])
    return (
        Check("same-cluster", {"cluster_id": plan.cluster_id, "founds": plan.founds}),
        Check("member-present", {"members": [mid for mid in plan.member_ids if mid not in gone]}),
    )


def removed_by(steps: tuple[Step, ...]) -> frozenset[int]:
    """The members that these steps remove: the argument ``member`` of every ``member.remove``."""
    return frozenset(
        step.args["member"]
        for step in steps
        if step.verb == "member.remove" and isinstance(step.args.get("member"), int)
    )


def opening(plan: Plan) -> tuple[Check, ...]:
    """All that is evaluated before the first step: the bindings and that step's guards."""
    return (*bindings(plan), *(plan.steps[0].guards if plan.steps else ()))


def review(plan: Plan, snapshot: ClusterSnapshot) -> tuple[Verdict, ...]:
    """The verdicts to show with a plan, those that refuse first; what has nothing to say is left out."""
    verdicts = (evaluate(check, snapshot) for check in opening(plan))
    return tuple(sorted((v for v in verdicts if v.reason), key=lambda v: (v.ok, not v.warning)))


# -- the cluster ---------------------------------------------------------------------------


@guard("same-cluster")
def _same_cluster(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Args: ``cluster_id``, or None for a plan made before any endpoint had answered; ``founds``."""
    planned, seen = args["cluster_id"], snapshot.cluster_id
    if seen is not None and seen == args.get("founds"):
        return _Answer(True, f"cluster {seen:x} answers, the one that the plan makes")
    if planned is None or seen is None:
        return _Answer(True, "no endpoint says which cluster it belongs to" if seen is None else "")
    if planned != seen:
        return _Answer(False, f"the plan was made for cluster {planned:x}, and cluster {seen:x} answers now")
    return _Answer(True, f"cluster {seen:x} answers, as planned")


@guard("member-present")
def _member_present(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Args: ``members``, their IDs."""
    if not args["members"] or not snapshot.members_known:
        return _Answer(True, "" if not args["members"] else "the member list is not known")
    listed = {m.id for m in snapshot.members}
    gone = [f"{mid:x}" for mid in args["members"] if mid not in listed]
    if gone:
        return _Answer(False, f"member {', '.join(gone)} is no longer in the member list")
    return _Answer(True, "the members acted on are in the member list")


# -- nodes ---------------------------------------------------------------------------------


def _node(args: Args, snapshot: ClusterSnapshot) -> Node | _Answer:
    name = args["node"]
    node = next((n for n in snapshot.nodes if n.name == name), None)
    if node is not None:
        return node
    if snapshot.site_error:
        return _Answer(False, f"the nodes could not be listed: {clean(snapshot.site_error)}")
    return _Answer(False, f"there is no node {clean(name)} any more")


def _detail(node: Node) -> str:
    return f" ({clean(node.detail)})" if node.detail else ""


@guard("node-known")
def _node_known(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Args: ``node``."""
    node = _node(args, snapshot)
    return node if isinstance(node, _Answer) else _Answer(True, f"node {clean(node.name)} is there")


@guard("node-running")
def _node_running(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Args: ``node``. A frozen process counts as running: it exists and can be ended."""
    node = _node(args, snapshot)
    if isinstance(node, _Answer):
        return node
    if node.run_state in (RunState.STOPPED, RunState.FAILED):
        return _Answer(False, f"{clean(node.name)} is not running{_detail(node)}")
    return _Answer(True, f"{clean(node.name)} is {node.run_state}{_detail(node)}")


@guard("node-stopped")
def _node_stopped(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Args: ``node``."""
    node = _node(args, snapshot)
    if isinstance(node, _Answer):
        return node
    if node.run_state in _RUNS:
        return _Answer(False, f"{clean(node.name)} is {node.run_state} already{_detail(node)}")
    return _Answer(True, f"{clean(node.name)} is {node.run_state}{_detail(node)}")


# -- quorum --------------------------------------------------------------------------------


def lost_rows(args: Args, snapshot: ClusterSnapshot) -> tuple[EndpointRow, ...]:
    """The rows that a loss of ``members`` (IDs) and ``nodes`` (names) would take.

    Both are asked: the node may have come to another member since the plan was made.
    """
    members, nodes = set(args.get("members", ())), set(args.get("nodes", ()))
    return tuple(
        row
        for row in snapshot.rows
        if row.member_id in members or (row.node is not None and row.node.name in nodes)
    )


def without(snapshot: ClusterSnapshot, lost: tuple[EndpointRow, ...]) -> Budget:
    """The budget once these rows' members no longer vote; the number of voters stays."""
    gone = {row.key for row in lost}
    voters = snapshot.voters
    healthy = sum(row.key not in gone and is_healthy_voter(snapshot, row) for row in voters)
    return Budget(len(voters), healthy, snapshot.members_known)


def _has_ended(snapshot: ClusterSnapshot, row: EndpointRow) -> bool:
    """Whether the site says, now and not a while ago, that the process is gone or frozen."""
    return not snapshot.site_error and row.node is not None and row.node.run_state in _ENDED


def is_out(snapshot: ClusterSnapshot, row: EndpointRow) -> bool:
    """Whether a voter certainly does not vote at present, so that ending it costs nothing.

    Not healthy is not enough: in an election, before a permission is granted or when the console
    alone is cut off, members that look unwell hold the quorum. A member is out when

    - it does not answer and its node's process has ended or is frozen;
    - or it was asked in vain and too few processes are left for a quorum in any case.

    That the others know no leader proves nothing: with its vote they may be about to elect one.
    """
    if answers_itself(row) or row.state is State.NOT_PERMITTED:
        return False
    if _has_ended(snapshot, row):
        return True
    if row.state is not State.DOWN:
        return False
    may_vote = sum(v.reading.answered or not _has_ended(snapshot, v) for v in snapshot.voters)
    return may_vote < budget(snapshot).quorum


def may_pass(snapshot: ClusterSnapshot) -> bool:
    """Whether a refusal may be over in a moment.

    A node runs and is silent, the member list was not read in time, or there is an election: members are
    read one after the other, and one that was read before it follows another leader than one read after.
    """
    error = snapshot.members_error
    if snapshot.answers and (error or not snapshot.members_known) and not error.startswith("not permitted"):
        return True
    silent = any(
        row.node is not None and row.node.run_state is RunState.RUNNING and not row.reading.answered
        for row in snapshot.rows
        if row.state is not State.NOT_PERMITTED
    )
    if silent or snapshot.leader_id is not None:
        return silent or any(_follows_another(snapshot, row) for row in snapshot.rows)
    # Without enough of them nobody can be elected: waiting would not help.
    may_vote = sum(v.reading.answered or _may_be_about(snapshot, v) for v in snapshot.voters)
    return bool(snapshot.answers) and may_vote >= budget(snapshot).quorum


def _follows_another(snapshot: ClusterSnapshot, row: EndpointRow) -> bool:
    """Whether a member of this cluster answers and knows no leader, or another one than the last elected."""
    status = row.reading.status
    if row.member is None or status is None or not answers_itself(row):
        return False
    seat = (status.raft_term, status.leader)
    return status.cluster_id == snapshot.cluster_id and seat != snapshot.leadership


def _may_be_about(snapshot: ClusterSnapshot, row: EndpointRow) -> bool:
    """Whether a silent voter may run all the same: it did once, and nobody says that it has ended."""
    started = row.member is None or row.member.started
    return started and not _has_ended(snapshot, row)


def _unreadable(snapshot: ClusterSnapshot) -> _Answer | None:
    """Why a snapshot proves nothing about quorum, if so."""
    limit = max(STALE, 2 * snapshot.refresh)
    for row in snapshot.rows:
        read_at = row.reading.read_at
        if row.reading.answered and read_at is not None and snapshot.taken_at - read_at > limit:
            age = f"{snapshot.taken_at - read_at:.0f} s old"
            why = "reading is paused" if snapshot.paused else "they were not read again"
            return _Answer(False, f"the readings are too old to judge quorum by: {age}, {why}")
    if not snapshot.members_known:
        why = clean(snapshot.members_error) or "no endpoint has given it"
        return _Answer(False, f"the member list is not known, so quorum cannot be judged: {why}", True)
    if snapshot.members_error and snapshot.answers:
        why = clean(snapshot.members_error)
        return _Answer(False, f"the member list is an old one, so quorum cannot be judged: {why}", True)
    return None


def _untied(snapshot: ClusterSnapshot, lost: tuple[EndpointRow, ...]) -> _Answer | None:
    """A running node that nothing ties to a member, while some member has no node: it may be that one's."""
    strangers = [r for r in lost if r.member is None and r.node is not None and r.node.run_state in _RUNS]
    if not strangers or all(v.node is not None for v in snapshot.voters):
        return None
    text = f"{clean(strangers[0].name)} runs, but nothing tells which member runs there"
    return _Answer(False, f"{text}: it may hold a vote", True)


@guard("quorum-after-loss")
def _quorum_after_loss(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether enough voters stay healthy when some go away.

    Args: ``members`` (IDs) and ``nodes`` (names) that go away together; ``doing``, such as
    ``stopping``, for the sentence.
    """
    if problem := _unreadable(snapshot):
        return problem
    lost = lost_rows(args, snapshot)
    if problem := _untied(snapshot, lost):
        return problem
    voting = [row for row in snapshot.voters if row.key in {r.key for r in lost}]
    after = without(snapshot, tuple(lost))
    if not voting:
        return _Answer(True, f"no voter goes away: {budget(snapshot).sentence()}")
    names = _and([clean(row.name) for row in voting])
    if after.has_quorum:
        rest = f"{after.may_fail} more may fail" if after.may_fail else "none more may fail"
        return _Answer(True, f"without {names} {after.healthy} of {after.voters} voters are healthy: {rest}")
    if all(is_out(snapshot, row) for row in voting):
        return _Answer(True, f"{names} {'is' if len(voting) == 1 else 'are'} out already: it costs no vote")
    return _Answer(False, _cost(args.get("doing", "losing"), names, voting, after, snapshot), True)


def _cost(doing: str, names: str, voting: list[EndpointRow], after: Budget, snapshot: ClusterSnapshot) -> str:
    """The sentence of a refusal, with its figures."""
    text = f"{doing} {names} would leave {after.healthy} of {after.voters} voters healthy"
    text += f", quorum is {after.quorum}"
    before = budget(snapshot)
    if not before.has_quorum:
        text += f" (already lost: {before.healthy} of {before.voters} are healthy now)"
    doubtful = [r for r in voting if not r.reading.answered and not is_out(snapshot, r)]
    if doubtful:
        who = _and([clean(r.name) for r in doubtful])
        text += f"; {who} {'is' if len(doubtful) == 1 else 'are'} {doubtful[0].state} but may still vote"
    return text


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
