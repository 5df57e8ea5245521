"""Have etcd ask for no users any more; they and their roles stay for another time."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops import auth, vault
from etcdtui.ops.action import Action, Request, Scope, make_plan
from etcdtui.ops.actions.auth_enable import has_users
from etcdtui.ops.plan import Plan
from etcdtui.sites.base import Authenticated


def plan(request: Request) -> Plan:
    """One step, taken back with root's password."""
    user = request.site.etcd_user() if isinstance(request.site, Authenticated) else None
    if user is None or user.user != auth.ROOT:
        who = f"is {clean(user.user)}" if user else "gives no user"
        text = f"only root may do that, and this console {who}"
        raise UsageError(text, "name root in the profile, or launch with --user root")
    title = f"ask for no users on {clean(request.snapshot.name)}"
    said = (
        "everybody who reaches etcd may read and change everything from that moment on",
        "users, roles and passwords are kept",
    )
    steps = (auth.disable_step(vault.keep(user.password)),)
    return make_plan(request, ACTION.id, title, steps, said, (), dangerous=True)


ACTION = Action(
    id="auth-disable",
    title="Ask for no users",
    key="",
    help="Have etcd ask for no user and password any more; users are kept",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=has_users,
    plan=plan,
    group="bring-up",
)
