"""Disarm the alarms that are raised, once what raised them is over."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops import maintenance
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.data_exec import compare_step
from etcdtui.ops.plan import Plan, Step

ALL = "all"


def raised(request: Request) -> tuple[str, ...]:
    """The kinds of alarms that are raised."""
    return tuple(sorted({alarm.kind for alarm in request.snapshot.alarms or ()}))


def plan(request: Request) -> Plan:
    """A step a kind; before CORRUPT is disarmed the members' data is compared."""
    snapshot, there = request.snapshot, raised(request)
    wanted = str(request.options.get("alarm") or ALL)
    kinds = there if wanted == ALL else tuple(kind for kind in there if kind == wanted.upper())
    if not kinds:
        what = (
            "the alarms are not known" if snapshot.alarms is None else f"no alarm {clean(wanted)} is raised"
        )
        raise UsageError(
            f"{clean(snapshot.name)}: {what if wanted != ALL or there else 'no alarm is raised'}"
        )
    quota = request.options.get("quota")
    steps: list[Step] = []
    consequences: list[str] = []
    for kind in kinds:
        if kind == "CORRUPT":
            steps.append(compare_step())
            consequences += _CORRUPT
        if kind == "NOSPACE":
            consequences += _NOSPACE
        steps.append(maintenance.disarm_step(kind, quota))
    title = f"disarm {', '.join(clean(kind) for kind in kinds)}"
    return make_plan(request, ACTION.id, title, tuple(steps), tuple(consequences), ())


_CORRUPT = (
    "CORRUPT: a member found that its data differs from the others', and etcd stopped serving it on purpose",
    "the hashes of all members are compared first; where one differs it must be replaced, not disarmed",
)
_NOSPACE = (
    "NOSPACE: a member reached its quota; writes are taken again once the alarm is disarmed",
    "a member that is still at its quota raises it again with the next write: "
    "the action free-space compacts and defragments first",
)

ACTION = Action(
    id="disarm-alarm",
    title="Disarm alarms",
    key="M",
    help="Disarm the alarms that are raised, once their cause is gone",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    fields=(
        Field(
            name="alarm",
            label="Alarm",
            kind=Kind.CHOICE,
            help="all that are raised, or one kind",
            default=lambda _request: ALL,
            choices=lambda request: (ALL, *raised(request)),
        ),
        maintenance.QUOTA_FIELD,
    ),
    group="maintenance",
)
