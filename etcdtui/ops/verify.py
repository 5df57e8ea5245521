"""Whether a step had its effect: named verifications, pure functions of a snapshot.

The runner looks again and again at fresh snapshots until a verification is done, hopeless or out
of time. A new verification is one function with `@verification` on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node, RunState, State
from etcdtui.model.quorum import budget, is_healthy_voter, quorum_of
from etcdtui.model.text import clean
from etcdtui.ops.plan import Args, Check

_ENDED = (RunState.STOPPED, RunState.FAILED)
_RUNS = (RunState.RUNNING, RunState.STARTING)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found."""

    done: bool
    text: str
    """What is there, or what is still missing."""
    lost: bool = False
    """Whether it will not come true by waiting."""
    hold: float = 0.0
    """Seconds for which `done` or `lost` must be found without a break before it is believed."""


Verification = Callable[[Args, ClusterSnapshot], Look]

VERIFICATIONS: dict[str, Verification] = {}


def verification(name: str) -> Callable[[Verification], Verification]:
    """Enter a function into the table of verifications."""

    def enter(function: Verification) -> Verification:
        VERIFICATIONS[name] = function
        return function

    return enter


def look(check: Check, snapshot: ClusterSnapshot) -> Look:
    """What a verification finds in a snapshot; an unknown one is lost at once."""
    function = VERIFICATIONS.get(check.name)
    if function is None:
        return Look(False, f"this version knows no verification {clean(check.name)!r}", lost=True)
    return function(check.args, snapshot)


def _find(args: Args, snapshot: ClusterSnapshot) -> tuple[EndpointRow | None, Node | None]:
    """The row and the node of ``member`` (an ID, may be absent) and ``node`` (a name)."""
    member = args.get("member")
    row = snapshot.row_of_member(member) if member is not None else None
    if row is None:
        row = snapshot.row_of_node(args["node"])
    node = next((n for n in snapshot.nodes if n.name == args["node"]), None)
    return row, node or (row.node if row is not None else None)


def _what(node: Node) -> str:
    detail = f" ({clean(node.detail)})" if node.detail else ""
    return f"{clean(node.name)} is {node.run_state}{detail}"


def _ended(node: Node | None, name: str) -> Look | None:
    if node is None:
        return Look(False, f"node {clean(name)} is not listed")
    if node.run_state in _ENDED:
        # A service manager may be about to start it again.
        return Look(False, _what(node), lost=True, hold=3.0)
    return None if node.run_state in _RUNS else Look(False, _what(node))


def enough_run(snapshot: ClusterSnapshot) -> tuple[int, int]:
    """How many voters answer or have a running process, and how many make a quorum.

    Without a member list every node stands for a voter: with all of them down nobody can give it.
    """
    if not snapshot.members_known:
        return sum(n.run_state in _RUNS for n in snapshot.nodes), quorum_of(len(snapshot.nodes))
    up = sum(
        row.reading.answered or (row.node is not None and row.node.run_state in _RUNS)
        for row in snapshot.voters
    )
    return up, quorum_of(len(snapshot.voters))


@verification("member-healthy")
def _member_healthy(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The node runs and its member answers and agrees on the leader.

    While too few members run for a quorum nobody can be healthy; then a process that stays up is
    all that can be asked for.

    Args: ``node``, ``member`` (ID or None).
    """
    row, node = _find(args, snapshot)
    if problem := _ended(node, args["node"]):
        return problem
    name = clean(row.name if row is not None else args["node"])
    status = row.reading.status if row is not None and row.reading.answered else None
    if row is not None and status is not None:
        if is_healthy_voter(snapshot, row):
            return Look(True, f"{name} answers and agrees on the leader: {budget(snapshot).sentence()}")
        if status.is_learner and status.leader and status.leader == snapshot.leader_id:
            return Look(True, f"{name} answers as a learner and knows the leader")
    up, quorum = enough_run(snapshot)
    if up < quorum:
        return Look(True, f"{name} runs and waits for its peers: {up} running, quorum is {quorum}", hold=2.0)
    if status is not None:
        return Look(False, f"{name} answers but does not know the agreed leader yet")
    reason = clean(row.reading.reason) if row is not None else "it has no endpoint yet"
    return Look(False, f"{name} does not answer yet: {reason}")


@verification("member-down")
def _member_down(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The node's process is gone, or another has taken its place, and the old one answers no more.

    Args: ``node``, ``member`` (ID or None); ``pid`` of the process or ``run`` (`Node.run`) that was to
    end (or neither): a service manager may start another at once.
    """
    row, node = _find(args, snapshot)
    pid = args.get("pid")
    if node is not None and pid is not None and node.pid not in (None, pid):
        text = f"process {pid} is gone; {_what(node)}: its service manager has started it again"
        return Look(True, text)
    if node is not None and args.get("run") and node.run not in ("", args["run"]):
        return Look(True, f"that run is gone; {_what(node)}: its service manager has started it again")
    if node is not None and node.run_state in (*_RUNS, RunState.FROZEN):
        return Look(False, f"{_what(node)} still")
    if row is not None and (row.reading.answered or row.state is State.NOT_PERMITTED):
        return Look(False, f"{clean(row.name)} still answers")
    return Look(True, f"{clean(args['node'])} is down: {budget(snapshot).sentence()}")


@verification("node-run-state")
def _node_run_state(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The service manager says so. Args: ``node``, ``states``."""
    _, node = _find(args, snapshot)
    if node is None:
        return Look(False, f"node {clean(args['node'])} is not listed")
    return Look(str(node.run_state) in args["states"], _what(node))


@verification("nodes-down")
def _nodes_down(_args: Args, snapshot: ClusterSnapshot) -> Look:
    """No node runs etcd any more, and no endpoint answers."""
    left = [_what(node) for node in snapshot.nodes if node.run_state not in _ENDED]
    left += [f"{clean(row.name)} still answers" for row in snapshot.rows if row.reading.answered]
    return Look(not left, ", ".join(left) or f"{len(snapshot.nodes)} nodes are down")


@verification("quorum")
def _quorum(_args: Args, snapshot: ClusterSnapshot) -> Look:
    """Enough voters are healthy for the cluster to work."""
    figures = budget(snapshot)
    return Look(figures.known and figures.has_quorum, figures.sentence())


@verification("cluster-healthy")
def _cluster_healthy(_args: Args, snapshot: ClusterSnapshot) -> Look:
    """Every member of the list answers and agrees on one leader."""
    if not snapshot.members_known:
        return Look(
            False, f"the member list is not known yet: {clean(snapshot.members_error) or 'no answer'}"
        )
    figures = budget(snapshot)
    missing = [
        f"{clean(row.name)} is {row.state}"
        for row in snapshot.rows
        if row.member is not None
        and not is_healthy_voter(snapshot, row)
        and not (row.member.is_learner and row.reading.answered)
    ]
    if not missing and figures.has_quorum:
        return Look(True, f"all members are healthy: {figures.sentence()}")
    return Look(False, f"{figures.sentence()}; {', '.join(missing) or 'no leader'}")
