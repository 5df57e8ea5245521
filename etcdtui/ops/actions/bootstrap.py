"""Bring a cluster up from nothing, as its profile says what it is to be."""

from __future__ import annotations

from etcdtui.errors import NotOffered, UsageError
from etcdtui.model.text import clean, plural
from etcdtui.ops import auth, vault
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.founding import refuse_others, step_of
from etcdtui.ops.plan import Plan, Step
from etcdtui.sites.base import Authenticated, Site
from etcdtui.sites.founding import Founding


def can_found(site: Site) -> bool:
    """Whether the profile says what its cluster is to be."""
    return isinstance(site, Founding)


def plan(request: Request) -> Plan:
    """The site's pieces; each looks first whether it is done, so that the plan made again goes on."""
    site = request.site
    if not isinstance(site, Founding):
        raise NotOffered(f"{site.name}: the profile does not say what its cluster is to be")
    steps = tuple(step_of(site, piece) for piece in site.pieces())
    refuse_others(steps[0], request.snapshot)
    if site.wants_users():
        steps += _users(request)
    count = len(site.member_names())
    title = f"bring up {clean(request.snapshot.name)}: {plural(count, 'member')}"
    said = (
        "what is there already is left as it is; data is never overwritten",
        *site.advice(),
    )
    return make_plan(request, ACTION.id, title, steps, said, ())


def _users(request: Request) -> tuple[Step, ...]:
    """Root, and the switch; root's password is the one that the console logs in with."""
    user = request.site.etcd_user() if isinstance(request.site, Authenticated) else None
    if user is None or user.user != auth.ROOT:
        who = clean(user.user) if user else "nobody"
        text = f"auth: the bring-up makes the user root, and the profile's etcd user is {who}"
        raise UsageError(text, "name root there; further users are made by auth-enable")
    kept = vault.keep(user.password)
    return auth.root_step(kept), auth.enable_step(kept)


ACTION = Action(
    id="bootstrap",
    title="Bring up",
    key="B",
    help="Bring the cluster up from nothing, as the profile's `bootstrap` says",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=can_found,
    plan=plan,
    group="bring-up",
    goes_on=True,
)
