"""Tear a cluster down: stopped, its data moved aside, what the bring-up wrote taken away."""

from __future__ import annotations

from etcdtui.errors import NotOffered, UsageError
from etcdtui.model.cluster import ClusterSnapshot, RunState
from etcdtui.model.text import clean, plural
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.actions.bootstrap import can_found
from etcdtui.ops.founding import refuse_others, ruin_step_of
from etcdtui.ops.plan import Plan
from etcdtui.sites.founding import Founding

KEEP, DELETE = "keep", "delete"


def plan(request: Request) -> Plan:
    """The site's pieces of a tear-down. The cluster's name must be typed whatever the guards say."""
    site, data = request.site, str(request.options.get("data") or KEEP)
    if not isinstance(site, Founding):
        raise NotOffered(f"{site.name}: the profile does not say how its cluster was brought up")
    if data not in (KEEP, DELETE):
        raise UsageError(f"data: expected {KEEP} or {DELETE}, got {clean(data, 40)!r}")
    steps = tuple(ruin_step_of(site, piece) for piece in site.ruins(delete=data == DELETE))
    refuse_others(steps[0], request.snapshot)
    name = clean(request.snapshot.name)
    fate = "and its data deleted for good" if data == DELETE else "and its data kept, out of the way"
    later = site.further_nodes()
    said = (
        f"{plural(len(site.member_names()) + len(later), 'member')} end: {name} is no more, {fate}",
        *((f"came later and end too, their nodes given up: {clean(', '.join(later))}",) if later else ()),
        *_untold(request.snapshot),
        "save a snapshot first if anything in it may be wanted",
    )
    return make_plan(request, ACTION.id, f"tear down {name}", steps, said, (), dangerous=True)


def _untold(snapshot: ClusterSnapshot) -> tuple[str, ...]:
    """Nodes of which nobody tells whether they hold a further member."""
    silent = [node.name for node in snapshot.nodes if node.run_state is RunState.UNKNOWN]
    if snapshot.members_known or not silent:
        return ()
    names = clean(", ".join(silent))
    return (f"no member answers, and nothing is known of {names}: a further member there is left as it is",)


ACTION = Action(
    id="destroy",
    title="Tear down",
    key="",
    help="Stop all members for good and remove what the bring-up wrote; data is kept unless told otherwise",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=can_found,
    plan=plan,
    fields=(
        Field(
            name="data",
            label="Data",
            kind=Kind.CHOICE,
            help="keep: moved aside, or left in its claims; delete: gone for good",
            default=lambda _: KEEP,
            choices=lambda _: (KEEP, DELETE),
        ),
    ),
    group="bring-up",
    goes_on=True,
)
