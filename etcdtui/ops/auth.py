"""Users, roles and whether etcd asks for them: steps, executors and guards; no password is ever in a step."""

from __future__ import annotations

from etcdtui.errors import NotOffered, NotPermitted, Refused
from etcdtui.etcd.api import Credentials
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.quorum import budget
from etcdtui.model.text import clean
from etcdtui.ops import vault
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.guards import _Answer, guard
from etcdtui.ops.maintenance_exec import CALL, voter
from etcdtui.ops.plan import Args, Check, Step
from etcdtui.sites.base import Authenticated

ROOT = "root"
"""The user, and the role, that may do everything; etcd's own names."""
ACCESS = ("readwrite", "read", "write")
SETTLE_TIMEOUT = 60.0


def root_step(kept: str) -> Step:
    """The user root with the role root.

    Args:
        kept: name of its password in the vault.
    """
    return Step(
        verb="auth.root",
        args={"kept": kept},
        title="make the user root",
        call="Auth.UserAdd(root, password: not shown), Auth.RoleAdd(root), Auth.UserGrantRole(root, root); "
        "a root that is there gets this password",
        guards=(Check("voters-decide"),),
    )


def user_step(name: str, kept: str, access: str, prefix: str) -> Step:
    """A further user, with a role of its name."""
    keys = f"keys that begin with {clean(prefix)!r}" if prefix else "all keys"
    return Step(
        verb="auth.user",
        args={"user": name, "kept": kept, "access": access, "prefix": prefix},
        title=f"make the user {clean(name)}",
        call=f"Auth.UserAdd({clean(name)}, password: not shown), Auth.RoleAdd, Auth.UserGrantRole, "
        f"Auth.RoleGrantPermission({access}, {keys}); one that is there gets this password",
        guards=(Check("voters-decide"),),
    )


def enable_step(kept: str) -> Step:
    """Users are asked for from now on, and this console is root."""
    return Step(
        verb="auth.enable",
        args={"kept": kept},
        title="ask for users from now on",
        call="Auth.AuthEnable(); then this console logs in as root",
        guards=(Check("voters-decide"),),
        verify=Check("cluster-healthy"),
        verify_timeout=SETTLE_TIMEOUT,
        undo=_disable(),
    )


def disable_step(kept: str) -> Step:
    """Nobody is asked for any more.

    Args:
        kept: root's password in the vault, to have it back.
    """
    again = Step("auth.enable", {"kept": kept}, "ask for users again", "Auth.AuthEnable()")
    step = _disable()
    return Step(
        step.verb, step.args, step.title, step.call, (Check("voters-decide"),), Check("cluster-healthy"),
        SETTLE_TIMEOUT, again,
    )  # fmt: skip


def _disable() -> Step:
    return Step("auth.disable", {}, "ask for no users any more", "Auth.AuthDisable()")


@guard("voters-decide")
def _voters_decide(_args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether there is a quorum: users are data like any other."""
    figures = budget(snapshot)
    if figures.has_quorum:
        return _Answer(True, figures.sentence())
    return _Answer(False, f"users cannot be changed without a quorum: {figures.sentence()}")


def authenticated(context: Context) -> Authenticated:
    """The site. Raises NotOffered where it always is nobody."""
    if not isinstance(context.site, Authenticated):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site has no users")
    return context.site


@executor("auth.root")
def _root(args: Args, context: Context) -> str:
    """Args: ``kept``."""
    api, root = voter(context), Credentials(ROOT, vault.redeem(args["kept"]))
    if api.auth_is_on(CALL):
        if ROOT not in api.user_names(CALL):  # pragma: no cover - etcd refuses to be without it
            raise Refused("users are asked for already, and there is no root")
        return "users are asked for already: root stays as it is"
    said = "made root"
    if ROOT in api.user_names(CALL):
        api.user_password(root, CALL)
        said = "root was there and has the password that was given"
    else:
        api.user_add(root, CALL)
    if ROOT not in api.role_names(CALL):
        api.role_add(ROOT, CALL)
    if ROOT not in api.user_roles(ROOT, CALL):
        api.user_grant(ROOT, ROOT, CALL)
    return f"{said}, with the role root"


@executor("auth.user")
def _user(args: Args, context: Context) -> str:
    """Args: ``user``, ``kept``, ``access``, ``prefix``."""
    api, name = voter(context), args["user"]
    user = Credentials(name, vault.redeem(args["kept"]))
    there = name in api.user_names(CALL)
    roles = api.user_roles(name, CALL) if there else ()
    # Where nobody is asked for yet, one with its own role or none is what was begun here before.
    if there and (api.auth_is_on(CALL) or set(roles) - {name}):
        raise Refused(f"there is a user {clean(name)} already", "give another name")
    if name not in api.role_names(CALL):
        api.role_add(name, CALL)
    api.role_allow(name, args["access"], args["prefix"].encode(), CALL)
    if there:
        api.user_password(user, CALL)
    else:
        api.user_add(user, CALL)
    if name not in roles:
        api.user_grant(name, name, CALL)
    said = "was there and has the password that was given" if there else "was made"
    return f"{clean(name)} {said}, with a role of that name"


@executor("auth.enable")
def _enable(args: Args, context: Context) -> str:
    """Args: ``kept``. Logged in as root afterwards, which is the proof."""
    api, site = voter(context), authenticated(context)
    before, root = site.etcd_user(), Credentials(ROOT, vault.redeem(args["kept"]))
    was_on = api.auth_is_on(CALL)
    if not was_on:
        api.auth_enable(CALL)
    site.log_in(root)
    try:
        api.user_names(CALL)
    except NotPermitted as error:
        if was_on:
            # Somebody else's root: nothing was changed here, and nothing is from now on.
            site.log_in(before)
        raise Refused(f"root cannot log in: {error.message}") from None
    return "users were asked for already; root logged in" if was_on else "root logged in"


@executor("auth.disable")
def _disable_now(_args: Args, context: Context) -> str:
    """No arguments."""
    api = voter(context)
    if not api.auth_is_on(CALL):
        return "no users were asked for"
    api.auth_disable(CALL)
    return "nobody is asked for a user any more; the users are kept"
