"""Have etcd ask for user and password: root with its role, perhaps a further user, the switch."""

from __future__ import annotations

from etcdtui.errors import UsageError
from etcdtui.model.text import clean
from etcdtui.ops import auth, vault
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.plan import Plan, Step
from etcdtui.sites.base import Authenticated, Site


def has_users(site: Site) -> bool:
    """Whether the console can be somebody there."""
    return isinstance(site, Authenticated)


def consequences(request: Request) -> tuple[str, ...]:
    """What switching it on means."""
    said = [
        "every client that gives no user and password is refused from that moment on",
        "this console is root from then on; name the user in the profile for the next launch",
    ]
    if any(row.endpoint.startswith("http://") for row in request.snapshot.rows):
        said.insert(1, "without TLS every password crosses the network as plain text")
    return tuple(said)


def plan(request: Request) -> Plan:
    """Root, the further user, the switch."""
    options = request.options
    password = str(options["password"])
    if password != str(options.get("again", "")):
        raise UsageError("Root's password: the two are not the same", "type it twice")
    kept = vault.keep(password)
    steps: list[Step] = [auth.root_step(kept)]
    if name := str(options.get("new_user") or ""):
        steps.append(_further(request, name))
    steps.append(auth.enable_step(kept))
    title = f"ask for users on {clean(request.snapshot.name)}"
    return make_plan(request, ACTION.id, title, tuple(steps), consequences(request), ())


def _further(request: Request, name: str) -> Step:
    options = request.options
    if name == auth.ROOT:
        raise UsageError("Further user: root is made anyway", "give another name, or none")
    if not options.get("new_password"):
        raise UsageError(f"Its password: the user {clean(name)} needs one")
    access = str(options.get("access") or auth.ACCESS[0])
    if access not in auth.ACCESS:
        raise UsageError(f"It may: expected one of {', '.join(auth.ACCESS)}, got {clean(access, 40)!r}")
    kept = vault.keep(str(options["new_password"]))
    return auth.user_step(name, kept, access, str(options.get("prefix") or ""))


ACTION = Action(
    id="auth-enable",
    title="Ask for users",
    key="",
    help="Make the user root and have etcd ask for user and password",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=has_users,
    plan=plan,
    fields=(
        Field("password", "Root's password", Kind.SECRET, "root may do everything", required=True),
        Field("again", "Once more", Kind.SECRET, "so that nobody is locked out", required=True),
        Field("new_user", "Further user", Kind.TEXT, "a name, with a role of its own; empty for none"),
        Field("new_password", "Its password", Kind.SECRET, beside="new_user"),
        Field(
            "access",
            "It may",
            Kind.CHOICE,
            "on the keys below",
            default=lambda _request: auth.ACCESS[0],
            choices=lambda _request: auth.ACCESS,
        ),
        Field("prefix", "Keys that begin with", Kind.TEXT, "such as /app/; empty for all keys"),
    ),
    group="bring-up",
    goes_on=True,
)
