"""Add a member, with its node where the site prepares one: as a learner, promoted once it is in sync."""

from __future__ import annotations

from dataclasses import replace

from etcdtui.errors import GuardRefused, SiteError, UsageError
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.joining import joining_flags
from etcdtui.model.reconfig import member_by_urls, predict_add
from etcdtui.model.text import clean
from etcdtui.ops import members
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.keeping import Keeper
from etcdtui.ops.membership import refusal
from etcdtui.ops.plan import Plan
from etcdtui.sites.base import NewNode, Placing, Site


def plan(request: Request) -> Plan:
    """With its node where the site prepares one; the member alone where peer URLs are given."""
    snapshot = request.snapshot
    members.known_members(snapshot)
    learner = not request.options.get("voter")
    if learner and not members.learners(snapshot):
        raise UsageError("this etcd has no learners (3.4 has)", "add a voter: --voter")
    given = str(request.options.get("peer_urls") or "")
    if given and request.options.get("node"):
        raise UsageError("--node goes without --peer-urls", "leave one of them out")
    if given:
        return _alone(request, members.split_urls(given, "--peer-urls"), learner)
    if not members.can_grow(request.site):
        raise UsageError(
            f"{clean(request.site.name)}: nothing here can prepare a node for a member",
            "give the peer URL of the etcd that is to join: --peer-urls",
        )
    place, keeper = _place(request), Keeper(request.site)
    joins = members.join_steps(request.site, place, learner=learner)
    return make_plan(
        request,
        ACTION.id,
        f"add {clean(place.name)} as a {'member' if learner else 'voter'}"
        + (f" named {clean(place.member)}" if place.member else ""),
        tuple(keeper.joining(len(snapshot.voters), joins)),
        (
            *join_sentences(snapshot, [place], learner=learner),
            _no_way_back(learner),
            *keeper.remarks(len(snapshot.voters) + 1),
        ),
        (),
        dangerous=not learner,
    )


def _place(request: Request) -> NewNode:
    """The place that was chosen, else the next. Raises UsageError, SiteError."""
    node, name = (str(request.options.get(key) or "") for key in ("node", "name"))
    if not node and not name:
        return members.growable(request.site).propose_nodes(1)[0]
    site = request.site
    if not isinstance(site, Placing):
        raise UsageError(
            f"{clean(site.name)}: it names its nodes and members itself",
            "leave --node and --name out, or give --peer-urls of an etcd that you start yourself",
        )
    if name:
        _check_name(request.snapshot, name)
    free = site.free_nodes() if node else members.growable(site).propose_nodes(1)
    for place in free:
        if node in ("", place.name):
            return replace(place, member=name)
    there = ", ".join(clean(place.name) for place in free) or "none"
    raise UsageError(f"--node: {clean(node, 60)!r} is no host without a member", f"free: {there}")


def _check_name(snapshot: ClusterSnapshot, name: str) -> None:
    if not name.isprintable() or set(name) & set("=, /\"'"):
        raise UsageError(
            f"--name: {clean(name, 40)!r} cannot stand in --initial-cluster", "use letters and digits"
        )
    if name in {member.name for member in snapshot.members}:
        raise UsageError(f"--name: there is a member {clean(name, 40)} already", "choose another name")


def _free(request: Request) -> tuple[str, ...]:
    """The places to choose from; none where the site does not tell."""
    if not isinstance(request.site, Placing):
        return ()
    try:
        return tuple(place.name for place in request.site.free_nodes())
    except SiteError:
        return ()


def _alone(request: Request, urls: list[str], learner: bool) -> Plan:
    """The member without a node: somebody starts an etcd there, with the flags that are said."""
    snapshot = request.snapshot
    if member_by_urls(snapshot.members, urls) is not None:
        raise GuardRefused(refusal(predict_add(snapshot, learner=learner, peer_urls=urls)))
    name = str(request.options.get("name") or "") or _free_name(snapshot)
    _check_name(snapshot, name)
    flags = joining_flags(snapshot.members, name, urls)
    then = (
        f"then start an etcd there with: {flags}",
        "its data directory must be empty; once it is in sync, promote it"
        if learner
        else "its data directory must be empty",
    )
    return make_plan(
        request,
        ACTION.id,
        f"add {clean(name)} as a {'learner' if learner else 'voter'}",
        tuple(members.add_steps(name, urls, learner=learner)),
        (*join_sentences(snapshot, [], learner=learner, voters=0 if learner else 1), *then),
        (),
        dangerous=not learner,
    )


def _free_name(snapshot: ClusterSnapshot) -> str:
    taken = {m.name for m in snapshot.members}
    return next(name for n in range(1, len(taken) + 2) if (name := f"n{n}") not in taken)


def join_sentences(
    snapshot: ClusterSnapshot, places: list[NewNode], *, learner: bool, voters: int | None = None
) -> tuple[str, ...]:
    """What a growing membership means.

    Args:
        voters: how many more voters there will be; as many as there are places by default.
    """
    now = sum(not m.is_learner for m in snapshot.members)
    then = now + (len(places) if voters is None else voters)
    said = [
        members.size_sentence(then),
        *(f"{clean(p.name)}: peers at {p.peer_url}, clients at {p.client_url}" for p in places),
    ]
    if learner:
        said.append("a learner has no vote and costs no quorum while it catches up; in sync it is promoted")
    elif now == 1:
        said.append("RISK: two voters need both: WRITES STOP until the second has started and caught up")
    else:
        said.append("RISK: a voter counts for quorum before it has started and caught up")
    return tuple(said)


def _no_way_back(learner: bool) -> str:
    if learner:
        return "between any two steps the cluster is sound; what was done can be finished or undone later"
    return "once added it must be started: undoing needs the quorum that it counts for"


def _places(site: Site) -> bool:
    return isinstance(site, Placing)


ACTION = Action(
    id="add-member",
    title="Add a member",
    key="a",
    help="Add a member as a learner with its node, and promote it once it is in sync",
    scope=Scope.CLUSTER,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    fields=(
        Field(
            name="voter",
            label="As a voter at once",
            kind=Kind.BOOL,
            help="without being a learner first: for etcd 3.3, or where you know why",
            default=lambda request: not members.learners(request.snapshot),
        ),
        Field(
            name="peer_urls",
            label="Peer URLs",
            kind=Kind.TEXT,
            help="of an etcd that you start yourself; empty for a node that is prepared and started here",
        ),
        Field(
            name="node",
            label="On the node",
            kind=Kind.CHOICE,
            help="a host of the profile that has no member; empty for the next one",
            choices=_free,
            offered=_places,
        ),
        Field(
            name="name",
            label="Name",
            kind=Kind.TEXT,
            help="the --name of the member: on a host as those of its siblings unless given",
            offered=_places,
        ),
    ),
    group="members",
)
