"""The steps that node actions are made of, and what they mean in words."""

from __future__ import annotations

from typing import Any

from etcdtui.errors import NotOffered
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node, RunState, State
from etcdtui.model.quorum import budget, is_healthy_voter, quorum_of
from etcdtui.model.text import clean
from etcdtui.ops.guards import is_out, without
from etcdtui.ops.plan import Check, Step
from etcdtui.sites.base import HasNodes, Killable, Site, Startable
from etcdtui.sites.manager import Collective, Restartable

STOP_TIMEOUT = 20.0
"""Seconds a graceful stop may take; etcd hands leadership over and closes its database."""
DOWN_TIMEOUT = 15.0
ALL_TIMEOUT = 240.0
"""Seconds until all nodes that are stopped by one call must be down: a service manager that is busy may
need more than a minute beyond their grace to say so, and another one where that was missed."""
RENEW_TIMEOUT = 180.0
"""Seconds until a node that its service manager starts must be healthy: it may be placed anew."""
START_TIMEOUT = 60.0
"""Seconds until a started member must be healthy; it may have to catch up first."""


def can_start(site: Site) -> bool:
    """Whether a site starts and stops nodes."""
    return isinstance(site, Startable) and isinstance(site, HasNodes)


def can_kill(site: Site) -> bool:
    """Whether a site kills nodes."""
    return isinstance(site, Killable) and isinstance(site, HasNodes)


def startable(site: Site) -> Startable:
    """The site's capability. Raises NotOffered."""
    if not isinstance(site, Startable):
        raise NotOffered(f"{site.name}: a {site.kind} site cannot start or stop nodes")
    return site


def runs(node: Node) -> bool:
    """Whether a process is there."""
    return node.run_state in (RunState.RUNNING, RunState.STARTING, RunState.FROZEN)


def ended(node: Node) -> bool:
    """Whether no process is there."""
    return node.run_state in (RunState.STOPPED, RunState.FAILED)


def detail(node: Node) -> str:
    """What the service manager says, in brackets."""
    return f" ({clean(node.detail)})" if node.detail else ""


def ids(row: EndpointRow | None, node: Node) -> dict[str, Any]:
    """The arguments that name a target in a verification."""
    return {"node": node.name, "member": row.member_id if row is not None else None}


def loss(rows: list[tuple[EndpointRow | None, Node]], doing: str) -> Check:
    """The quorum guard for members and nodes that go away together."""
    members = [row.member_id for row, _ in rows if row is not None and row.member_id is not None]
    return Check(
        "quorum-after-loss", {"members": members, "nodes": [n.name for _, n in rows], "doing": doing}
    )


def start_step(
    site: Site, row: EndpointRow | None, node: Node, *, wait: bool = True, guard: bool = True
) -> Step:
    """Start a node; `wait`: until its member is healthy, else until its process runs."""
    healthy = Check("member-healthy", ids(row, node))
    running = Check("node-run-state", {**ids(row, node), "states": [str(RunState.RUNNING)]})
    return Step(
        verb="node.start",
        args={"node": node.name},
        title=f"start {clean(node.name)}",
        call=startable(site).describe_start(node.name),
        guards=(Check("node-stopped", {"node": node.name}),) if guard else (),
        verify=healthy if wait else running,
        verify_timeout=RENEW_TIMEOUT if isinstance(site, Restartable) else START_TIMEOUT,
    )


def stop_step(site: Site, row: EndpointRow | None, node: Node, guards: tuple[Check, ...]) -> Step:
    """Stop a node gracefully; starting it takes that back."""
    return Step(
        verb="node.stop",
        args={"node": node.name, "timeout": STOP_TIMEOUT},
        title=f"stop {clean(node.name)}",
        call=startable(site).describe_stop(node.name),
        guards=guards,
        verify=Check("member-down", {**ids(row, node), "pid": node.pid}),
        verify_timeout=DOWN_TIMEOUT,
        undo=start_step(site, row, node),
    )


def restart_step(
    site: Restartable,
    row: EndpointRow | None,
    node: Node,
    guards: tuple[Check, ...],
    verify: Check | None = None,
) -> Step:
    """Restart a node by the one call its site has for it, and wait until its member is back."""
    return Step(
        verb="node.restart",
        args={"node": node.name, "run": node.run},
        title=f"restart {clean(node.name)}",
        call=site.describe_restart(node.name),
        guards=guards,
        verify=verify or Check("renewed", {**ids(row, node), "run": node.run}),
        verify_timeout=RENEW_TIMEOUT,
    )


def start_all_step(site: Collective) -> Step:
    """Start all nodes by the one call a site has for it."""
    return Step(
        verb="nodes.start",
        args={},
        title="start all nodes",
        call=site.describe_start_all(),
        verify=Check("cluster-healthy"),
        verify_timeout=RENEW_TIMEOUT,
    )


def leadership_sentence(row: EndpointRow) -> str:
    """What a graceful end of this member means for the leadership."""
    name = clean(row.name)
    if row.state is State.LEADER:
        return f"{name} leads: SIGTERM hands leadership over to another voter before it ends"
    if row.state is State.LEARNER:
        return f"{name} is a learner: it has no vote, and the leader stays"
    return f"{name} does not lead: the leader stays"


def budget_sentence(snapshot: ClusterSnapshot, row: EndpointRow, then: str = "then") -> str:
    """The budget after losing a row's member."""
    if not snapshot.members_known:
        return "the member list is not known, so what it costs cannot be told"
    if not row.is_voter:
        return f"{then} the quorum is what it is now: {budget(snapshot).sentence()}"
    after = without(snapshot, (row,))
    if is_out(snapshot, row):
        return f"{clean(row.name)} is out already: {budget(snapshot).sentence()}"
    if not after.has_quorum:
        text = f"{then} {after.healthy} of {after.voters} voters are healthy"
        return f"{text}, quorum is {after.quorum}: WRITES STOP"
    rest = f"{after.may_fail} more may fail" if after.may_fail else "none more may fail"
    return f"{then} {after.healthy} of {after.voters} voters are healthy; {rest}"


def start_sentence(snapshot: ClusterSnapshot, starting: list[Node]) -> str:
    """What these nodes running again means for quorum."""
    if not snapshot.members_known:
        return "the member list is not known yet: it shows once enough members run for a quorum"
    names = {node.name for node in starting}
    voters = snapshot.voters
    running = sum(
        is_healthy_voter(snapshot, row)
        or row.reading.answered
        or (row.node is not None and (row.node.name in names or row.node.run_state is RunState.RUNNING))
        for row in voters
    )
    quorum = quorum_of(len(voters))
    if running < quorum:
        return f"then {running} of {len(voters)} voters run: they wait, for the quorum is {quorum}"
    return f"then {running} of {len(voters)} voters run, quorum is {quorum}"


def row_of(snapshot: ClusterSnapshot, node: Node) -> EndpointRow | None:
    """The row of a node's member, or the node's own."""
    return snapshot.row_of_node(node.name)
