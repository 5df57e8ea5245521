"""Take the members back to an older etcd: in mid-upgrade, between patches, or by the downgrade API."""

from __future__ import annotations

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.model.text import clean
from etcdtui.model.upgrade import downgrade_gates, highest, minor_of, needs_api, text_of
from etcdtui.model.versions import Version, parse_version
from etcdtui.ops import rolling
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.actions.rolling_restart import PAUSE_FIELD
from etcdtui.ops.actions.upgrade import can_switch, gated, moved, outdated, wanted
from etcdtui.ops.plan import Check, Plan, Step
from etcdtui.ops.upgrade_exec import DOWNGRADE_GATES
from etcdtui.sites.base import Upgradable

READY_TIMEOUT = 30.0
"""Seconds until every member has brought its data to the older format; etcd looks every 4 s."""


def older(request: Request) -> tuple[str, ...]:
    """The releases of the site that are older than what some member runs, oldest first."""
    high = highest(request.snapshot)
    if high is None or not isinstance(request.site, Upgradable):
        return ()
    return tuple(
        release.version
        for release in request.site.releases()
        if (found := parse_version(release.version)) is not None and found < high
    )


def api_steps(target: Version) -> tuple[Step, ...]:
    """Validate and enable the downgrade; etcd ends it by itself once all members run the older version."""
    version = text_of(minor_of(target))
    cancel = Step(
        verb="downgrade.cancel",
        args={},
        title="cancel the downgrade",
        call="Maintenance.Downgrade(CANCEL)",
        verify=Check("downgrade-ready", {"version": version, "enabled": False}),
    )
    return (
        Step(
            verb="downgrade.validate",
            args={"version": version},
            title=f"ask etcd whether it can go down to {version}",
            call=f"Maintenance.Downgrade(VALIDATE, {version})",
        ),
        Step(
            verb="downgrade.enable",
            args={"version": version},
            title=f"enable the downgrade to {version}",
            call=f"Maintenance.Downgrade(ENABLE, {version})",
            verify=Check("downgrade-ready", {"version": version, "enabled": True}),
            verify_timeout=READY_TIMEOUT,
            undo=cancel,
        ),
    )


def plan(request: Request) -> Plan:
    """The nodes that run another version, one at a time; where etcd wants it, enabled first."""
    choices = older(request)
    if not choices and not request.options.get("version"):
        raise UsageError("no older etcd is there to run", "put one on PATH")
    text, target = wanted(request, choices)
    for gate in downgrade_gates(request.snapshot, target):
        if gate.hard and not gate.ok:
            raise GuardRefused(gate.text)
    hold = float(request.options.get("pause") or rolling.HOLD)
    roll = outdated(request, rolling.in_order(request.snapshot, hold), target)
    api = needs_api(request.snapshot, target)
    steps = (*(api_steps(target) if api else ()), *rolling.steps(request.site, roll, text))
    return make_plan(
        request,
        ACTION.id,
        f"take {clean(request.snapshot.name)} back to etcd {text}",
        (*gated(steps, Check(DOWNGRADE_GATES, {"version": text})), moved(text, roll)),
        (
            *_sentences(api, target),
            *rolling.order_sentences(roll),
            "save a snapshot first: it is the way out if the older etcd does not start on the data",
        ),
        tuple(row for row, _ in roll.pairs),
        dangerous=True,
    )


def _sentences(api: bool, target: Version) -> tuple[str, ...]:
    if not api:
        return ("the cluster version does not move: members of both versions work together meanwhile",)
    version = text_of(minor_of(target))
    return (
        f"the cluster version goes down to {version} at once: what only newer versions can is gone",
        "etcd ends the downgrade by itself once every member runs the older version; until the first one "
        "does, it can be cancelled",
        f"flags that etcd {version} does not know must be taken from the nodes before",
    )


ACTION = Action(
    id="downgrade",
    title="Downgrade",
    key="V",
    help="Take the nodes back to an older etcd where etcd supports that, one at a time",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=can_switch,
    plan=plan,
    fields=(
        Field(
            name="version",
            label="Back to etcd",
            kind=Kind.CHOICE,
            help="the release the members ran before",
            required=True,
            default=lambda request: (older(request) or (None,))[-1],
            choices=older,
        ),
        PAUSE_FIELD,
    ),
    group="rolling",
)
