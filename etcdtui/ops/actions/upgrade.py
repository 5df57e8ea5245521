"""Upgrade every member to a newer etcd, one node at a time and one minor version at a time."""

from __future__ import annotations

from dataclasses import replace

from etcdtui.errors import GuardRefused, NotOffered, UsageError
from etcdtui.model.text import clean
from etcdtui.model.upgrade import highest, lowest, upgrade_gates, upgrade_notes, versions_of
from etcdtui.model.versions import Version, parse_version
from etcdtui.ops import rolling
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.actions import nodes
from etcdtui.ops.actions.rolling_restart import PAUSE_FIELD
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.ops.upgrade_exec import ALL_RUN, UPGRADE_GATES
from etcdtui.sites.base import Site, Upgradable
from etcdtui.sites.manager import Renewable


def can_switch(site: Site) -> bool:
    """Whether a site runs nodes with another release."""
    return nodes.can_start(site) and isinstance(site, Upgradable)


def wanted(request: Request, choices: tuple[str, ...]) -> tuple[str, Version]:
    """The version asked for, one that the site has. Raises UsageError."""
    if not isinstance(request.site, Upgradable):
        raise NotOffered(f"{request.site.name}: a {request.site.kind} site cannot switch releases")
    text = str(request.options.get("version") or (choices[-1] if choices else ""))
    there = [release.version for release in request.site.releases()]
    fetched = isinstance(request.site, Renewable) and text != "" and request.site.can_fetch(text)
    if text not in there and not fetched:
        asked = f"etcd {clean(text)} is not there to run" if text else "no other etcd is there to run"
        raise UsageError(asked, f"there is: {', '.join(there) or 'none'}")
    version = parse_version(text)
    if version is None:
        raise UsageError(f"{clean(text)}: is no version of etcd")
    return text, version


def newer(request: Request) -> tuple[str, ...]:
    """The releases of the site that the cluster can be upgraded to, oldest first."""
    low, high = lowest(request.snapshot), highest(request.snapshot)
    if low is None or high is None or not isinstance(request.site, Upgradable):
        return ()
    return tuple(
        release.version
        for release in request.site.releases()
        if (found := parse_version(release.version)) is not None
        and found > low
        and found[:2] >= high[:2]
        and (found[0], found[1]) <= (low[0], low[1] + 1)
    )


def outdated(request: Request, roll: rolling.Roll, target: Version) -> rolling.Roll:
    """The roll without the members that run the target already and are well."""
    runs = versions_of(request.snapshot)
    left = tuple(
        (row, node)
        for row, node in roll.pairs
        if row.member is None or row.member.id in roll.broken or runs.get(row.member.id) != target
    )
    if not left:
        raise UsageError(f"every member runs etcd {'.'.join(map(str, target))} already")
    return replace(roll, pairs=left)


def gated(steps: tuple[Step, ...], gate: Check) -> tuple[Step, ...]:
    """The steps with the gate before the first one that switches or stops anything."""
    return (replace(steps[0], guards=(gate, *steps[0].guards)), *steps[1:])


def moved(text: str, roll: rolling.Roll) -> Step:
    """Wait until all members run that version and the cluster has followed."""
    return Step(
        verb="wait",
        args={},
        title=f"wait until the cluster has moved to etcd {text}",
        call="Maintenance.Status of every member",
        verify=Check(ALL_RUN, {"version": text, "apart": sorted(roll.apart)}),
        verify_timeout=60.0,
    )


def plan(request: Request) -> Plan:
    """Stop, switch, start, verify; a node after the other, the leader last."""
    text, target = wanted(request, newer(request))
    hold = float(request.options.get("pause") or rolling.HOLD)
    for gate in upgrade_gates(request.snapshot, target):
        if gate.hard and not gate.ok:
            raise GuardRefused(gate.text)
    roll = outdated(request, rolling.in_order(request.snapshot, hold), target)
    steps = gated(rolling.steps(request.site, roll, text), Check(UPGRADE_GATES, {"version": text}))
    consequences = (
        *upgrade_notes(request.snapshot, target),
        *rolling.order_sentences(roll),
        "a step that fails ends the plan; switching that node back and starting it is the way back",
        "save a snapshot first: it is the way back once the cluster has moved on",
    )
    return make_plan(
        request,
        ACTION.id,
        f"upgrade {clean(request.snapshot.name)} to etcd {text}",
        (*steps, moved(text, roll)),
        consequences,
        tuple(row for row, _ in roll.pairs),
        dangerous=True,
    )


ACTION = Action(
    id="upgrade",
    title="Upgrade",
    key="U",
    help="Upgrade every node to a newer etcd, one at a time, the leader last",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=can_switch,
    plan=plan,
    fields=(
        Field(
            name="version",
            label="To etcd",
            kind=Kind.CHOICE,
            help="one minor version at a time",
            required=True,
            default=lambda request: (newer(request) or (None,))[-1],
            choices=newer,
        ),
        PAUSE_FIELD,
    ),
    group="rolling",
)
