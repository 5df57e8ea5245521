"""Executors, guards and verifications of rolling changes: moving the leader, switching releases, settling."""

from __future__ import annotations

from etcdtui.errors import DeadlineExceeded, NotOffered, Refused
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node, RunState
from etcdtui.model.quorum import budget, is_healthy_voter
from etcdtui.model.text import clean
from etcdtui.model.versions import parse_version
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.guards import _Answer, guard
from etcdtui.ops.plan import Args
from etcdtui.ops.verify import Look, enough_run, verification
from etcdtui.sites.base import Upgradable
from etcdtui.sites.manager import Renewable

MOVE_TIMEOUT = 8.0
"""Seconds of a MoveLeader call; etcd itself gives up after its request timeout, 5 s and two elections."""
FRESH = 6.0
FAILING = 20.0
"""Seconds without a break for which a node that its service manager starts anew has failed for good."""
LAG = 1000
"""Raft entries a target may be behind the leader: with more, the transfer would wait for it and fail."""


# -- leadership ----------------------------------------------------------------------------


def _leads(args: Args, snapshot: ClusterSnapshot) -> bool:
    """Whether the leadership is where it is wanted."""
    leader, source = snapshot.leader_id, args.get("from")
    if leader is None:
        return False
    return leader == args["target"] or (source is not None and leader != source)


@executor("leader.move")
def _move_leader(args: Args, context: Context) -> str:
    """Maintenance.MoveLeader, sent to the leader.

    Args: ``target`` (member ID); ``from`` (member ID or None): with it, any other leader is as good.
    """
    snapshot = context.fresh(FRESH)
    if _leads(args, snapshot):
        return f"{clean(snapshot.label(snapshot.leader_id))} leads already"
    leader = snapshot.leader_id
    if leader is None:
        raise Refused("no member knows a leader: there is no leadership to move", "wait for an election")
    try:
        context.writer(leader).move_leader(args["target"], MOVE_TIMEOUT)
    except (DeadlineExceeded, Refused):
        # An election may have moved it meanwhile; then what was asked for is there.
        if not _leads(args, context.fresh(FRESH)):
            raise
    return f"leadership moved from {clean(snapshot.label(leader))} to {clean(snapshot.label(args['target']))}"


@verification("leader-moved")
def _leader_moved(args: Args, snapshot: ClusterSnapshot) -> Look:
    """Args: ``target``, ``from`` as of ``leader.move``."""
    leader = snapshot.leader_id
    if leader is None:
        return Look(False, "no leader is known yet")
    text = f"{clean(snapshot.label(leader))} leads in term {snapshot.raft_term}"
    return Look(_leads(args, snapshot), text)


@guard("leader-target")
def _leader_target(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether the target can lead: a healthy voter that has what the leader has.

    Args: ``target``, ``from`` as of ``leader.move``.
    """
    if _leads(args, snapshot):
        return _Answer(True, f"{clean(snapshot.label(snapshot.leader_id))} leads already")
    row, leader = snapshot.row_of_member(args["target"]), snapshot.leader_row
    name = clean(snapshot.label(args["target"]))
    if row is None or not is_healthy_voter(snapshot, row):
        return _Answer(False, f"{name} is no healthy voter: it cannot lead")
    if leader is None or not leader.reading.answered:
        return _Answer(False, "the leader does not answer: leadership is moved by asking it")
    behind = lag(row, leader)
    if behind > LAG:
        return _Answer(False, f"{name} is {behind} raft entries behind the leader", True)
    return _Answer(True, f"{name} is a healthy voter and up to date")


def lag(row: EndpointRow, leader: EndpointRow) -> int:
    """Raft entries that a member is behind the leader, as far as both answered."""
    mine, its = row.reading.status, leader.reading.status
    return max(0, its.raft_index - mine.raft_index) if mine is not None and its is not None else 0


# -- releases ------------------------------------------------------------------------------


@executor("release.switch")
def _switch(args: Args, context: Context) -> str:
    """Args: ``node``, ``version``."""
    if not isinstance(context.site, Upgradable):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site cannot switch releases")
    return context.site.switch_release(args["node"], args["version"])


@executor("node.renew")
def _renew(args: Args, context: Context) -> str:
    """Args: ``node``, ``version``."""
    if not isinstance(context.site, Renewable):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site cannot renew its nodes")
    return context.site.renew_node(args["node"], args["version"])


@verification("release-switched")
def _switched(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The site says which release the stopped node is started with next. Args: ``node``, ``version``."""
    node = next((n for n in snapshot.nodes if n.name == args["node"]), None)
    if node is None:
        return Look(False, f"node {clean(args['node'])} is not listed")
    if node.run_state in (RunState.RUNNING, RunState.STARTING, RunState.FROZEN):
        return Look(True, f"{clean(node.name)} runs; the switch counts from its next start on")
    version = clean(node.etcd_version) or "a release that the site does not tell"
    return Look(node.etcd_version in ("", args["version"]), f"{clean(node.name)} is to run {version}")


# -- settling ------------------------------------------------------------------------------


def unwell_members(snapshot: ClusterSnapshot, apart: set[int]) -> list[str]:
    """The members, those `apart` left out, that are not healthy, in words."""
    return [
        f"{clean(row.name)} is {row.state}"
        for row in snapshot.rows
        if row.member is not None and row.member.id not in apart and not is_well(snapshot, row)
    ]


def is_well(snapshot: ClusterSnapshot, row: EndpointRow) -> bool:
    """Whether a row's member is healthy: a voter as quorum counts it, a learner that knows the leader."""
    status = row.reading.status
    if row.member is not None and row.member.is_learner:
        return row.reading.answered and status is not None and status.leader == snapshot.leader_id != 0
    return is_healthy_voter(snapshot, row)


@guard("others-well")
def _others_well(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """All members are healthy, but for those known not to be.

    Args: ``apart``: IDs of members that need not be.
    """
    if not snapshot.members_known:
        return _Answer(False, "the member list is not known, so the members' health cannot be judged", True)
    if unwell := unwell_members(snapshot, set(args["apart"])):
        return _Answer(False, f"not all members are healthy: {', '.join(unwell)}", True)
    return _Answer(True, f"all other members are healthy: {budget(snapshot).sentence()}")


@verification("settled")
def _settled(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The member is back and the whole cluster healthy, without a break for some seconds.

    etcd counts a member as connected after 5 s without a break (``server/etcdserver/cluster_util.go``).

    Args: ``node``, ``member`` (ID or None), ``apart`` (IDs of members that need not be healthy),
    ``hold`` in seconds, ``version`` that it must run (or None), ``run`` that must have ended (or none).
    """
    node = next((n for n in snapshot.nodes if n.name == args["node"]), None)
    if args.get("run") and (not_yet := _not_renewed(args, node)):
        return not_yet
    if node is not None and node.run_state in (RunState.STOPPED, RunState.FAILED):
        detail = f" ({clean(node.detail)})" if node.detail else ""
        return Look(False, f"{clean(node.name)} is {node.run_state}{detail}", lost=True, hold=3.0)
    member = args.get("member")
    row = snapshot.row_of_member(member) if member is not None else snapshot.row_of_node(args["node"])
    name = clean(row.name if row is not None else args["node"])
    if row is None or not is_well(snapshot, row):
        state = f"{row.state} {clean(row.reading.reason)}".strip() if row is not None else "not there"
        return Look(False, f"{name} is not healthy yet: {state}")
    status, wanted = row.reading.status, args.get("version")
    if wanted and status is not None and parse_version(status.version) != parse_version(wanted):
        return Look(False, f"{name} runs etcd {clean(status.version)}, not {wanted}", lost=True, hold=3.0)
    if unwell := unwell_members(snapshot, {*args["apart"], row.member_id or 0}):
        return Look(False, f"{name} is healthy; {', '.join(unwell)}")
    hold = float(args["hold"])
    version = f" with etcd {clean(status.version)}" if status is not None else ""
    text = f"{name} is healthy{version} for {hold:g} s, and so are the others: {budget(snapshot).sentence()}"
    return Look(True, text, hold=hold)


def _not_renewed(args: Args, node: Node | None) -> Look | None:
    """Why a node does not run anew yet; None when it does. Its service manager starts it by itself."""
    name = clean(args["node"])
    detail = f" ({clean(node.detail)})" if node is not None and node.detail else ""
    if node is None or node.run_state is RunState.STOPPED:
        return Look(False, f"{name} is not there yet{detail}")
    if node.run == args["run"]:
        return Look(False, f"{name} has not been restarted yet{detail}")
    if node.run_state is RunState.FAILED:
        return Look(False, f"{name} has failed{detail}", lost=True, hold=FAILING)
    return None if node.run_state is RunState.RUNNING else Look(False, f"{name} is {node.run_state}{detail}")


@verification("renewed")
def _renewed(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The node runs anew and its member is healthy and has what the leader has.

    While too few members run for a quorum nobody can be healthy; then a process that stays up is
    all that can be asked for.

    Args: ``node``, ``member`` (ID or None), ``run`` that must have ended.
    """
    node = next((n for n in snapshot.nodes if n.name == args["node"]), None)
    if not_yet := _not_renewed(args, node):
        return not_yet
    member = args.get("member")
    row = snapshot.row_of_member(member) if member is not None else snapshot.row_of_node(args["node"])
    name, leader = clean(row.name if row is not None else args["node"]), snapshot.leader_row
    if row is None or not is_well(snapshot, row):
        up, quorum = enough_run(snapshot)
        if up < quorum:
            return Look(True, f"{name} runs and waits: {up} running, quorum is {quorum}", hold=2.0)
        return Look(False, f"{name} is not healthy yet: {clean(row.reading.reason) if row else 'not there'}")
    if leader is not None and (behind := lag(row, leader)) > LAG:
        return Look(False, f"{name} is {behind} raft entries behind the leader")
    return Look(True, f"{name} runs anew, is healthy and up to date: {budget(snapshot).sentence()}")
