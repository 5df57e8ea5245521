"""What an action is, and what a plan is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from etcdtui.errors import UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow, Node
from etcdtui.model.text import clean
from etcdtui.ops.plan import Plan, Step
from etcdtui.sites.base import Site


class Scope(StrEnum):
    """What an action is done to."""

    NODE = "node"
    """The row under the cursor; by its member's ID and its node's name, never by its place."""
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is made from."""

    snapshot: ClusterSnapshot
    site: Site
    row: EndpointRow | None = None
    """The target, for `Scope.NODE`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    plan_id: str = ""


class Kind(StrEnum):
    """What a field takes."""

    INT = "int"
    TEXT = "text"
    CHOICE = "choice"
    BOOL = "bool"
    DURATION = "duration"
    """Seconds; typed as ``90``, ``5m`` or ``24h``."""
    PATH = "path"
    SECRET = "secret"  # noqa: S105  # the name of a kind
    """Text that is never shown; never an argument of a command line either."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an action asks before it can plan: a form's line in the console, a flag headless."""

    name: str
    """Key in `Request.options`; the flag is ``--name`` with dashes for underscores."""
    label: str
    kind: Kind
    help: str = ""
    required: bool = False
    default: Callable[[Request], Any] | None = None
    """Proposed value, from the snapshot and the site; None for none."""
    choices: Callable[[Request], tuple[str, ...]] | None = None
    """For `Kind.CHOICE`."""
    beside: str = ""
    """Name of the field without which this one means nothing."""
    offered: Callable[[Site], bool] | None = None
    """Whether a site has what it is about; a form leaves it out elsewhere. None for every site."""


@dataclass(frozen=True, slots=True)
class Action:
    """One verb of the console."""

    id: str
    title: str
    key: str
    help: str
    scope: Scope
    mutating: bool
    offered: Callable[[Site], bool]
    """Whether a site has the capabilities it needs."""
    plan: Callable[[Request], Plan]
    """Pure. Raises UsageError or GuardRefused, in one line, where there is nothing to plan."""
    fields: tuple[Field, ...] = ()
    """What is asked first; their values are `Request.options`."""
    group: str = "node"
    """Heading in menus and help: ``node``, ``members``, ``maintenance``, ``rolling``, ``bring-up``."""
    goes_on: bool = False
    """Whether a plan made again goes on with one that was left unfinished: it counts as its end then."""


def target(request: Request, action: str) -> tuple[EndpointRow, Node]:
    """The row and node an action is meant for. Raises UsageError when there is none."""
    row = request.row
    if row is None:
        raise UsageError(f"{action} needs a node", "name one")
    if row.node is None:
        raise UsageError(f"{clean(row.name)}: this row has no node: the console cannot {action} it")
    return row, row.node


def make_plan(
    request: Request,
    action: str,
    title: str,
    steps: tuple[Step, ...],
    consequences: tuple[str, ...],
    rows: tuple[EndpointRow, ...],
    *,
    dangerous: bool = False,
) -> Plan:
    """A plan bound to the cluster of the request and to the members of these rows."""
    return Plan(
        id=request.plan_id,
        action=action,
        title=title,
        cluster_name=request.snapshot.name,
        cluster_id=request.snapshot.cluster_id,
        steps=steps,
        consequences=consequences,
        member_ids=tuple(row.member.id for row in rows if row.member is not None),
        dangerous=dangerous,
    )
