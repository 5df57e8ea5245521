"""Executors, guards and verifications of restoring a cluster and of founding it anew from one member."""

from __future__ import annotations

from etcdtui.errors import NotOffered
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, RunState
from etcdtui.model.quorum import budget, is_healthy_voter, quorum_of
from etcdtui.model.text import clean
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.guards import _Answer, guard
from etcdtui.ops.plan import Args
from etcdtui.ops.verify import Look, verification
from etcdtui.sites.base import ForcingNew, Restorable, Shelving, Site
from etcdtui.sites.manager import Rehearsing

_HERE = (RunState.RUNNING, RunState.STARTING, RunState.FROZEN, RunState.STOPPED, RunState.FAILED)
"""States of a node that the site reaches: its member may come back."""


def shelving(site: Site) -> Shelving:
    """The site's capability. Raises NotOffered."""
    if not isinstance(site, Shelving):
        raise NotOffered(f"{site.name}: a {site.kind} site cannot move data aside and back")
    return site


def restorable(site: Site) -> Restorable:
    """The site's capability. Raises NotOffered."""
    if not isinstance(site, Restorable):
        raise NotOffered(f"{site.name}: a {site.kind} site cannot restore nodes")
    return site


def forcing(site: Site) -> ForcingNew:
    """The site's capability. Raises NotOffered."""
    if not isinstance(site, ForcingNew):
        raise NotOffered(f"{site.name}: a {site.kind} site cannot found a cluster anew from one node")
    return site


@executor("restore.rehearse")
def _rehearse(_args: Args, context: Context) -> str:
    """Nothing is stopped or changed."""
    if not isinstance(context.site, Rehearsing):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site has nothing to try")
    return context.site.rehearse()


@executor("data.shelve")
def _shelve(args: Args, context: Context) -> str:
    """Args: ``node``, ``shelf``."""
    return shelving(context.site).shelve(args["node"], args["shelf"])


@executor("data.unshelve")
def _unshelve(args: Args, context: Context) -> str:
    """Args: ``node``, ``shelf``."""
    return shelving(context.site).unshelve(args["node"], args["shelf"])


@executor("node.restore")
def _restore(args: Args, context: Context) -> str:
    """Args: ``node``, ``snapshot`` (path), ``initial_cluster`` (peer URLs by name), ``token``, ``bump``."""
    return restorable(context.site).restore_node(
        args["node"], args["snapshot"], args["initial_cluster"], args["token"], bump=args["bump"]
    )


@executor("node.force-new")
def _force_new(args: Args, context: Context) -> str:
    """Args: ``node``."""
    return forcing(context.site).start_force_new(args["node"])


@verification("nodes-stopped")
def _nodes_stopped(_args: Args, snapshot: ClusterSnapshot) -> Look:
    """No node is left that its manager would start again, and no endpoint answers."""
    there = (node for node in snapshot.nodes if node.run_state is not RunState.STOPPED)
    left = [f"{clean(node.name)} is {node.run_state}" for node in there]
    left += [f"{clean(row.name)} still answers" for row in snapshot.rows if row.reading.answered]
    return Look(not left, ", ".join(left) or f"{len(snapshot.nodes)} nodes are stopped")


@verification("nodes-run")
def _nodes_run(args: Args, snapshot: ClusterSnapshot) -> Look:
    """These nodes have a process that stays. Args: ``nodes``, by name."""
    states = {node.name: node.run_state for node in snapshot.nodes}
    wanted = [(clean(name), states.get(name, RunState.UNKNOWN)) for name in args["nodes"]]
    left = [f"{name} is {state}" for name, state in wanted if state is not RunState.RUNNING]
    return Look(not left, ", ".join(left) or f"{len(wanted)} nodes run", hold=1.0 if not left else 0.0)


@verification("cluster-founded")
def _founded(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The new cluster answers with all its members. Args: ``cluster_id``, ``members``: how many."""
    wanted, name = args["members"], f"{args['cluster_id']:x}"
    if snapshot.cluster_id != args["cluster_id"] or not snapshot.answers:
        return Look(False, f"cluster {name} does not answer yet")
    figures = budget(snapshot)
    done = len(snapshot.members) == figures.healthy == wanted
    return Look(done, f"the new cluster {name}: {figures.sentence()}")


@verification("alone")
def _alone(args: Args, snapshot: ClusterSnapshot) -> Look:
    """The node's member is the only one and leads. Args: ``node``."""
    row = snapshot.row_of_node(args["node"])
    if row is None or not row.reading.answered:
        reason = f": {clean(row.reading.reason)}" if row is not None and row.reading.reason else ""
        return Look(False, f"{clean(args['node'])} does not answer yet{reason}")
    if len(snapshot.members) != 1:
        return Look(False, f"the member list still has {len(snapshot.members)} members")
    return Look(is_healthy_voter(snapshot, row), f"{clean(row.name)} is the only member and serves")


def may_return(snapshot: ClusterSnapshot) -> tuple[EndpointRow, ...]:
    """The voters that do not answer and yet may: the site reaches their nodes."""
    return tuple(
        row
        for row in snapshot.voters
        if not row.reading.answered and row.node is not None and row.node.run_state in _HERE
    )


@guard("quorum-gone")
def _quorum_gone(_args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether the quorum is lost for good, as far as it can be seen."""
    figures = budget(snapshot)
    if not snapshot.members_known:
        return _Answer(
            False, "the member list is not known: whether the quorum is lost cannot be judged", True
        )
    if figures.has_quorum:
        return _Answer(
            False, f"the cluster has its quorum ({figures.sentence()}): replace what is down instead"
        )
    answering = sum(row.reading.answered for row in snapshot.voters)
    if answering >= figures.quorum:
        return _Answer(False, f"{answering} of {figures.voters} voters answer: wait for their election", True)
    back = may_return(snapshot)
    if answering + len(back) >= quorum_of(figures.voters):
        names = ", ".join(clean(row.name) for row in back)
        return _Answer(
            False, f"starting {names} may bring the quorum back without any loss: try that first", True
        )
    return _Answer(True, f"{figures.sentence()}, and too few nodes are left to bring it back")
