"""Guards and verifications of membership changes: etcd's refusals foretold, quorum after a change, joining.

A member that a plan adds has no ID before it is added: here it is known by its peer URLs, of which
etcd lets only one member have each. Arguments name a member by ``member`` (its ID) or ``peer_urls``.
"""

from __future__ import annotations

from collections.abc import Iterable

from etcdtui.model import reconfig
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Member, Node, RunState
from etcdtui.model.findings import MEMBER_LAG_WARNING
from etcdtui.model.quorum import Budget, budget, is_healthy_voter
from etcdtui.model.reconfig import Prediction
from etcdtui.model.text import clean
from etcdtui.ops.guards import _Answer, _unreadable, guard
from etcdtui.ops.plan import Args
from etcdtui.ops.rolling_exec import is_well, unwell_members
from etcdtui.ops.verify import Look, verification

ENDED_FOR = 3.0
"""Seconds for which a process must be gone or frozen before it is given up: it may be started again."""
LOOPS = 4
"""Restarts of a node by its manager after which it is not given another chance."""


def find(args: Args, members: Iterable[Member]) -> Member | None:
    """The member that arguments name, None when it is not in the list."""
    if (wanted := args.get("member")) is not None:
        return next((m for m in members if m.id == wanted), None)
    return reconfig.member_by_urls(members, args["peer_urls"])


def called(args: Args, snapshot: ClusterSnapshot) -> str:
    """What to call the member that arguments name, in the list or not: its node's name is the best known."""
    member = find(args, snapshot.members)
    if member is not None and member.name:
        return clean(member.name)
    if args.get("node"):
        return clean(args["node"])
    return f"{args['member']:x}" if args.get("member") is not None else clean(", ".join(args["peer_urls"]))


# -- what etcd would say -------------------------------------------------------------------


def foretell(args: Args, snapshot: ClusterSnapshot) -> Prediction:
    """What etcd would say to a change; one that has happened already is allowed.

    Args: ``change`` (``add``, ``remove``, ``promote`` or ``update``), the member, ``learner`` for ``add``.
    """
    member, change = find(args, snapshot.members), args["change"]
    if change == "add":
        if member is not None:
            return reconfig.ALLOWED
        return reconfig.predict_add(snapshot, learner=args["learner"], peer_urls=args["peer_urls"])
    if change == "remove":
        return reconfig.ALLOWED if member is None else reconfig.predict_remove(snapshot, member.id)
    if change == "promote":
        if member is not None and not member.is_learner:
            return reconfig.ALLOWED
        return reconfig.predict_promote(snapshot, member.id if member is not None else 0)
    return reconfig.predict_update(snapshot, args["member"], args["peer_urls"])


def refusal(prediction: Prediction) -> str:
    """A prediction in one line: etcd's own words, what they mean here, and the way out."""
    way = f" ({prediction.way_out})" if prediction.way_out else ""
    return f'etcd says "{prediction.message}": {prediction.explanation}{way}'


@guard("etcd-allows")
def _etcd_allows(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether etcd would carry a change out, now or once it was waited for. Args as of `foretell`."""
    if not snapshot.members_known:
        return _Answer(False, f"the member list is not known: {clean(snapshot.members_error) or 'no answer'}")
    prediction = foretell(args, snapshot)
    if not prediction.refused:
        return _Answer(True, f"etcd will {args['change']} {called(args, snapshot)}")
    if prediction.wait > 0 or (args["change"] == "promote" and _catches_up(args, snapshot)):
        return _Answer(True, f"{prediction.explanation}: that is waited for")
    # What the console cannot reach its members may reach: that alone may be overruled.
    return _Answer(False, refusal(prediction), prediction.message == reconfig.UNHEALTHY)


def _catches_up(args: Args, snapshot: ClusterSnapshot) -> bool:
    """Whether a learner answers, so that waiting brings it into step."""
    member = find(args, snapshot.members)
    row = snapshot.row_of_member(member.id) if member is not None else None
    return row is not None and is_well(snapshot, row)


@verification("etcd-allows")
def _allows(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The same as the guard of that name, awaited: etcd asks for 5 s of unbroken connection."""
    prediction = foretell(args, snapshot)
    if not prediction.refused:
        return Look(True, f"all are connected: {budget(snapshot).sentence()}")
    if prediction.wait > 0:
        return Look(False, prediction.explanation)
    return Look(False, refusal(prediction), lost=True, hold=ENDED_FOR)


# -- quorum --------------------------------------------------------------------------------


def after_change(args: Args, snapshot: ClusterSnapshot) -> Budget:
    """The quorum budget once a change has happened.

    A voter that is added does not run yet and is not healthy; a learner that is promoted is if it is now.
    """
    now, member = budget(snapshot), find(args, snapshot.members)
    row = snapshot.row_of_member(member.id) if member is not None else None
    voters, healthy = now.voters, now.healthy
    if args["change"] == "add" and member is None and not args["learner"]:
        voters += 1
    if args["change"] == "promote" and member is not None and row is not None and member.is_learner:
        voters, healthy = voters + 1, healthy + is_well(snapshot, row)
    if args["change"] == "remove" and member is not None and row is not None and not member.is_learner:
        voters, healthy = voters - 1, healthy - is_healthy_voter(snapshot, row)
    return Budget(voters, healthy, now.known)


@guard("quorum-after-change")
def _quorum_after_change(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether the healthy voters make a quorum of the membership after a change. Args as of `foretell`."""
    if problem := _unreadable(snapshot):
        return problem
    after, name = after_change(args, snapshot), called(args, snapshot)
    if not after.voters:
        return _Answer(False, f"{name} is the last voter: without it there is no cluster")
    if after.has_quorum:
        return _Answer(True, f"afterwards {after.sentence()}")
    until = f": WRITES STOP until {name} has started" if args["change"] == "add" else ""
    what = {"add": f"adding {name} as a voter", "promote": f"promoting {name}", "remove": f"removing {name}"}
    text = f"{after.healthy} of {after.voters} voters healthy, quorum is {after.quorum}{until}"
    return _Answer(False, f"{what[args['change']]} would leave {text}", True)


@guard("quorum-if-cut-off")
def _quorum_if_cut_off(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether the others make a quorum should a member's peers lose it. Args: ``member``."""
    if problem := _unreadable(snapshot):
        return problem
    row, now = snapshot.row_of_member(args["member"]), budget(snapshot)
    if now.voters <= 1 or row is None or not row.is_voter:
        return _Answer(True, f"no quorum hangs on it: {now.sentence()}")
    after = Budget(now.voters, now.healthy - is_healthy_voter(snapshot, row), now.known)
    text = f"should its peers not reach {clean(row.name)} there, {after.sentence()}"
    return _Answer(after.has_quorum, text, True)


@guard("holds-no-vote")
def _holds_no_vote(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether a node can be given up: its member is gone, a learner, or unstarted. Args: the member."""
    member, name = find(args, snapshot.members), called(args, snapshot)
    if member is None and snapshot.members_error and snapshot.answers:
        return _Answer(False, f"the member list is an old one: {clean(snapshot.members_error)}", True)
    if member is None:
        return _Answer(True, f"{name} is a member no more")
    if member.is_learner or not member.started:
        return _Answer(True, f"{name} holds no vote that counts")
    return _Answer(False, f"{name} is a voter: it is removed before its node is given up")


# -- what is to come true ------------------------------------------------------------------


@verification("member-listed")
def _listed(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The member is in the list. Args: the member; ``voter``: whether it must be a voter."""
    member, name = find(args, snapshot.members), called(args, snapshot)
    if member is None:
        return Look(False, f"{name} is not in the member list yet")
    if member.is_learner and args["voter"]:
        return Look(False, f"{name} is a learner still")
    what = "learner" if member.is_learner else "voter"
    return Look(True, f"{name} is {what} {member.hex_id}: {budget(snapshot).sentence()}")


@verification("member-gone")
def _gone(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The member is in the list no more. Args: the member."""
    name = called(args, snapshot)
    if snapshot.members_error or find(args, snapshot.members) is not None:
        return Look(False, f"{name} is in the member list still")
    return Look(True, f"{name} is a member no more: {budget(snapshot).sentence()}")


@verification("node-retired")
def _retired(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The site lists the node no more. Args: ``node``."""
    if snapshot.site_error or any(n.name == args["node"] for n in snapshot.nodes):
        return Look(False, f"{clean(args['node'])} is listed still")
    return Look(True, f"{clean(args['node'])} is listed no more")


def _seat(args: Args, snapshot: ClusterSnapshot) -> tuple[Member | None, EndpointRow | None, Look | None]:
    """The member that joins, its row, and what is hopeless about it."""
    member = find(args, snapshot.members)
    row = snapshot.row_of_member(member.id) if member is not None else None
    if member is None:
        text = f"{called(args, snapshot)} is no member"
        return None, None, Look(False, text, lost=not snapshot.members_error, hold=ENDED_FOR)
    node = next((n for n in snapshot.nodes if n.name == args.get("node")), row.node if row else None)
    return member, row, _ended(node)


def _ended(node: Node | None) -> Look | None:
    if node is None or node.run_state not in (RunState.STOPPED, RunState.FAILED, RunState.FROZEN):
        return None
    detail = f" ({clean(node.detail)})" if node.detail else ""
    # A pod that joins with TLS is turned away until DNS knows its address, and is started again.
    tried = node.run_state is not RunState.FAILED or node.restarts is None or node.restarts >= LOOPS
    return Look(False, f"{clean(node.name)} is {node.run_state}{detail}", lost=tried, hold=ENDED_FOR)


@verification("learner-in-sync")
def _in_sync(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The learner has what the leader has, closer than etcd asks for: it is to vote.

    Args: the member, ``node``.
    """
    member, row, problem = _seat(args, snapshot)
    name = called(args, snapshot)
    if member is not None and not member.is_learner:
        return Look(True, f"{name} is a voter already")
    if problem or member is None:
        return problem or Look(False, f"{name} is no member")
    has, leads = reconfig.learner_progress(snapshot, member.id)
    if leads is None:
        return Look(False, "the leader does not answer: how far the learner is cannot be told")
    if has is None:
        return Look(
            False, f"{name} does not answer yet: {clean(row.reading.reason) if row else 'no endpoint'}"
        )
    text = f"{name} is at raft index {has} of {leads}"
    if reconfig.predict_promote(snapshot, member.id).refused or leads - has > MEMBER_LAG_WARNING:
        return Look(False, f"{text} ({has * 100 // max(1, leads)} %)")
    if row is None or not is_well(snapshot, row):
        return Look(False, f"{text} and does not know the leader yet")
    return Look(True, f"{text}: in sync")


@verification("joined")
def _joined(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The member is a healthy voter, and so are the others, without a break for some seconds.

    Args: the member; ``node`` (or None), ``apart`` (IDs of members that need not be healthy), ``hold``.
    """
    member, row, problem = _seat(args, snapshot)
    name = called(args, snapshot)
    if problem or member is None or row is None:
        return problem or Look(False, f"{name} is not there yet")
    if member.is_learner:
        return Look(False, f"{name} is a learner still")
    if not is_healthy_voter(snapshot, row):
        reason = clean(row.reading.reason) or "it does not know the agreed leader yet"
        return Look(False, f"{name} is not healthy yet: {reason}")
    if others := unwell_members(snapshot, {*args["apart"], member.id}):
        return Look(False, f"{name} is healthy; {', '.join(others)}")
    hold = float(args["hold"])
    return Look(True, f"{name} is a healthy voter for {hold:g} s: {budget(snapshot).sentence()}", hold=hold)


@verification("peer-urls-set")
def _urls_set(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The member has exactly these peer URLs. Args: ``member``, ``peer_urls``."""
    member = next((m for m in snapshot.members if m.id == args["member"]), None)
    if member is None:
        return Look(False, f"{args['member']:x} is no member", lost=True, hold=ENDED_FOR)
    text = f"{clean(member.label)} has {clean(', '.join(member.peer_urls))}"
    return Look(sorted(member.peer_urls) == sorted(args["peer_urls"]), text)
