"""Change the URLs at which the other members reach a member."""

from __future__ import annotations

from typing import Any

from etcdtui.errors import UsageError
from etcdtui.model.cluster import EndpointRow, Member
from etcdtui.model.text import clean
from etcdtui.ops import members
from etcdtui.ops.action import Action, Field, Kind, Request, Scope, make_plan
from etcdtui.ops.plan import Check, Plan, Step


def plan(request: Request) -> Plan:
    """One change, and a look whether its peers still reach it; the old URLs are the way back."""
    members.known_members(request.snapshot)
    row, member = members.member_row(request.row, "changing peer URLs")
    urls = members.split_urls(str(request.options.get("peer_urls") or ""), "--peer-urls")
    name = clean(row.name)
    if sorted(urls) == sorted(member.peer_urls):
        raise UsageError(f"{name} has {', '.join(urls)} already")
    update = _update(row, member, urls, _update(row, member, list(member.peer_urls), None))
    seat = {**members.seat_of(row, member), "peer_urls": urls}
    steps = [update] if member.is_learner else [update, members.joined_step(name, seat)]
    return make_plan(
        request,
        ACTION.id,
        f"have the peers reach {name} at {clean(', '.join(urls))}",
        tuple(steps),
        _sentences(row, urls),
        (row,),
    )


def _update(row: EndpointRow, member: Member, urls: list[str], undo: Step | None) -> Step:
    args: dict[str, Any] = {"member": member.id, "peer_urls": urls}
    return Step(
        verb="member.update",
        args=args,
        title=f"set the peer URLs of {clean(row.name)} to {clean(', '.join(urls))}",
        call=f"Cluster.MemberUpdate({member.hex_id}, peerURLs=[{clean(', '.join(urls))}])",
        guards=(
            Check("etcd-allows", {**args, "change": "update", "node": None}),
            # On the way back it is cut off already, or was never.
            *([Check("quorum-if-cut-off", {"member": member.id})] if undo is not None else []),
        ),
        verify=Check("peer-urls-set", args),
        verify_timeout=members.CHANGE_TIMEOUT,
        undo=undo,
    )


def _sentences(row: EndpointRow, urls: list[str]) -> tuple[str, ...]:
    name = clean(row.name)
    said = [
        f"{name} must listen there already (--listen-peer-urls): where it does not, its peers lose it once "
        "the connections they have break; that it is healthy right after the change does not prove it",
        "the console does not change the node's own flags; --initial-advertise-peer-urls counts at the first "
        "start only, and should say the same for the day it joins anew",
    ]
    if row.node is not None and not set(urls) & set(row.node.peer_urls):
        listens = clean(", ".join(row.node.peer_urls)) or "nothing that is known"
        said.insert(0, f"{clean(row.node.name)} was set up for {listens}")
    return tuple(said)


ACTION = Action(
    id="update-peer-urls",
    title="Peer URLs",
    key="E",
    help="Change the URLs at which the other members reach the selected one",
    scope=Scope.NODE,
    mutating=True,
    offered=lambda _site: True,
    plan=plan,
    fields=(
        Field(
            name="peer_urls",
            label="Peer URLs",
            kind=Kind.TEXT,
            help="such as http://10.0.0.4:2380; several are separated by commas",
            required=True,
            default=lambda request: (
                ",".join(request.row.member.peer_urls) if request.row and request.row.member else None
            ),
        ),
    ),
    group="members",
)
