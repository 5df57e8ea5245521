"""A cluster brought up from nothing: the site's pieces as steps, what must hold before and after."""

from __future__ import annotations

import contextvars
from collections.abc import Sequence
from fnmatch import fnmatchcase

from etcdtui.errors import GuardRefused, NotOffered
from etcdtui.model.cluster import ClusterSnapshot, Member, Node, RunState
from etcdtui.model.quorum import budget, cannot_be_judged
from etcdtui.model.text import clean, plural
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor, tell
from etcdtui.ops.guards import _Answer, evaluate, guard
from etcdtui.ops.plan import Args, Check, Step
from etcdtui.ops.verify import VERIFICATIONS, Look, verification
from etcdtui.sites.base import Site
from etcdtui.sites.founding import Founding, Piece, Resizing

_OTHERS = "no-other-cluster"
FAILED_FOR = 30.0
"""Seconds for which a node must be found not to run before it is believed that it will not come."""
HEALTHY_TIMEOUT = 180.0
"""Seconds from the start of all members until the cluster must be healthy."""


def step_of(site: Founding, piece: Piece) -> Step:
    """A piece as a step of a plan."""
    check = Check("founded", {"members": list(site.member_names())})
    return Step(
        verb="found.look" if piece.only_looks else "found.do",
        args={"piece": piece.id},
        title=piece.title,
        call=piece.call,
        guards=(Check(_OTHERS, {"peers": list(site.peer_urls())}),),
        verify=check if piece.starts else None,
        verify_timeout=HEALTHY_TIMEOUT,
        undo=_undo_step(site, piece.undo) if piece.undo is not None else None,
        final=piece.final,
    )


def refuse_others(step: Step, snapshot: ClusterSnapshot) -> None:
    """Refuse to plan where another cluster or a member too many stands in the way. Raises GuardRefused."""
    for check in step.guards:
        if check.name == _OTHERS and not (verdict := evaluate(check, snapshot)).ok:
            raise GuardRefused(verdict.reason)


def _undo_step(site: Founding, piece: Piece) -> Step:
    """What takes a piece back: no member runs any more after it, where it says so."""
    return _away(piece, {"peers": list(site.peer_urls())}, "serves-nobody")


def ruin_step_of(site: Founding, piece: Piece) -> Step:
    """A piece of a tear-down as a step; the first one wants the cluster's name typed."""
    return _away(piece, {"peers": list(site.peer_urls()), "grown": list(site.grown_urls())}, "name-typed")


def _away(piece: Piece, own: Args, gate: str) -> Step:
    """A piece that takes something away.

    Args:
        own: the peer URLs that are the cluster's own.
        gate: the guard before the piece that ends the members.
    """
    return Step(
        verb="found.do",
        args={"piece": piece.id},
        title=piece.title,
        call=piece.call,
        guards=(Check(_OTHERS, own), *([Check(gate)] if piece.ends else [])),
        verify=Check("nodes-down") if piece.ends else None,
        verify_timeout=HEALTHY_TIMEOUT,
    )


@guard("name-typed")
def _name_typed(_args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Never holds: what cannot be taken back is done only when the cluster's name was typed."""
    return _Answer(False, f"type the cluster's name, {clean(snapshot.name)}: there is no way back", True)


@guard("serves-nobody")
def _serves_nobody(_args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """A cluster that came up before its bring-up stopped may be in use since, however long ago that was."""
    figures, name = budget(snapshot), clean(snapshot.name)
    if snapshot.members_known and figures.has_quorum:
        way = f"finish the bring-up, or type {name} to take it away"
        return _Answer(False, f"{name} serves already ({figures.sentence()}): {way}", True)
    # It may hold an election, or nobody here may ask it.
    answering = sum(row.reading.answered for row in snapshot.voters)
    unseen = not snapshot.members_known and any(cannot_be_judged(row) for row in snapshot.rows)
    if unseen or (figures.voters and answering + figures.unknown >= figures.quorum):
        told = f"whether {name} serves already cannot be told from here ({figures.sentence()})"
        return _Answer(False, f"{told}: look again, or type {name} to take it away", True)
    return _Answer(True, "no cluster serves there yet")


def resized_steps(site: Site, members: int) -> list[Step]:
    """The step after which the settings name so many members; none where no profile says what they are."""
    if not isinstance(site, Resizing):
        return []
    title = f"have the settings name {plural(members, 'member')}"
    return [Step("found.resize", {"members": members}, title, site.describe_resize(members))]


@executor("found.resize")
def _resize(args: Args, context: Context) -> str:
    """Args: ``members``."""
    if not isinstance(context.site, Resizing):
        raise NotOffered(f"{context.site.name}: the profile does not say what its cluster is to be")
    return context.site.resize(args["members"])


@executor("found.look")
@executor("found.do")
def _carry_out(args: Args, context: Context) -> str:
    """Args: ``piece``, one of the site's."""
    if not isinstance(context.site, Founding):
        raise NotOffered(f"{context.site.name}: the profile does not say what its cluster is to be")
    here = contextvars.copy_context()

    def told(text: str) -> None:
        # The site's threads know nothing of who listens to this one.
        here.copy().run(tell, text)

    return context.site.carry_out(args["piece"], told)


@guard(_OTHERS)
def _no_other_cluster(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether whatever answers there is the cluster that the plan makes.

    Args: ``peers``, its peer URLs; ``grown``, patterns of those that are welcome too.
    """
    if not snapshot.members_known:
        return _Answer(True, "no cluster answers there")
    known = [*args["peers"], *args.get("grown", ())]
    strange = [m for m in snapshot.members if not any(_like(url, known) for url in m.peer_urls)]
    if not strange:
        return _Answer(True, "the cluster that answers there is the one this plan makes")
    if "grown" in args and len(strange) < len(snapshot.members):
        return _Answer(False, "; ".join(_left_over(member, snapshot) for member in strange))
    names = ", ".join(clean(m.name) or f"{m.id:x}" for m in strange)
    text = f"a cluster stands there already, with {names} that this plan does not know"
    if len(strange) < len(snapshot.members):
        text += ": where they came later, the profile's `members` must say so"
    return _Answer(False, text)


def _left_over(member: Member, snapshot: ClusterSnapshot) -> str:
    """Why a member stands in the way of a tear-down: it would stay, and the others are its quorum."""
    name, urls = clean(member.label), clean(", ".join(member.peer_urls))
    row = snapshot.row_of_member(member.id)
    theirs = {each.node.name for each in snapshot.rows if each.node and each.member and each is not row}
    silent = [n.name for n in snapshot.nodes if n.run_state is RunState.UNKNOWN and n.name not in theirs]
    if silent and (row is None or row.node is None or row.node.name in silent):
        return (
            f"{name} ({urls}) is a member too, and nothing is known of {clean(', '.join(silent))}, where it "
            "may be: it would stay, without a quorum: have that reached, or remove the member first"
        )
    return (
        f"{name} ({urls}) is a member too, and no node is known to run it for this cluster: it would stay, "
        "without a quorum: remove it first, or name its host in the profile"
    )


def _like(url: str, patterns: list[str]) -> bool:
    # An IPv6 address stands in brackets, which would be a pattern of their own.
    return any(url == each or ("*" in each and fnmatchcase(url, each)) for each in patterns)


@verification("founded")
def _founded(args: Args, snapshot: ClusterSnapshot) -> Look:
    """All members of the plan (args: ``members``, names) are there and healthy, or why a node is not."""
    ended = [n for n in snapshot.nodes if n.run_state is RunState.FAILED or _does_not_come(n, args)]
    if ended:
        # One that ends because the others are not there yet is started again within that time.
        return Look(False, _why(ended), lost=True, hold=FAILED_FOR)
    starting = [n for n in snapshot.nodes if n.run_state is RunState.STARTING and n.detail]
    there = {member.name for member in snapshot.members}
    if snapshot.members_known and (missing := [n for n in args["members"] if n not in there]):
        return Look(False, f"{', '.join(map(clean, missing))} has not joined yet")
    look = VERIFICATIONS["cluster-healthy"](args, snapshot)
    if look.done or not starting:
        return look
    return Look(False, f"{look.text}; {_why(starting)}")


def _does_not_come(node: Node, args: Args) -> bool:
    """Whether a node of the plan does not run; a host that has no member to run yet is none of it."""
    return node.run_state is RunState.STOPPED and node.member_name in args["members"]


def _why(nodes: Sequence[Node]) -> str:
    """What is said of each; those of which the same is said together."""
    alike: dict[str, list[Node]] = {}
    for node in nodes:
        alike.setdefault(node.detail.replace(node.name, ""), []).append(node)
    return "; ".join(
        f"{', '.join(clean(node.name) for node in same)}: {clean(same[0].detail, 300)}"
        for same in alike.values()
    )
