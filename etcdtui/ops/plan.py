"""A plan: pure data that says exactly what will be done, what must hold before, and how it is verified.

Plans are made by the pure functions of `etcdtui.ops.actions`, reviewed by a person, checked again by
`etcdtui.ops.guards` and carried out by `etcdtui.ops.runner`. They survive JSON both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

Args = Mapping[str, Any]
"""JSON values only."""


@dataclass(frozen=True, slots=True)
class Check:
    """A named guard or verification with its arguments; `etcdtui.ops.guards` and `.verify` know the names."""

    name: str
    args: Args = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One call or command."""

    verb: str
    """Which executor of `etcdtui.ops.executors` runs it, such as ``node.stop``."""
    args: Args
    title: str
    """What it does, in words."""
    call: str
    """The exact call or command, as it will be sent."""
    guards: tuple[Check, ...] = ()
    """Evaluated on a fresh snapshot right before the step."""
    verify: Check | None = None
    """Awaited on fresh snapshots after the step."""
    verify_timeout: float = 30.0
    """Seconds the verification may take before the step counts as failed."""
    undo: Step | None = None
    """What takes it back, where something does."""
    final: bool = False
    """Whether there is no way back after it: what was done before it must not be taken back any more."""
    again: bool = False
    """Whether it is carried out again where it was cut off, for its verification may hold without it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action will do to one cluster."""

    id: str
    """Unique; the audit log's lines carry it."""
    action: str
    """ID of the action in the registry."""
    title: str
    cluster_name: str
    cluster_id: int | None
    """The plan is bound to it: it stops when another cluster answers."""
    steps: tuple[Step, ...]
    consequences: tuple[str, ...] = ()
    """What it will mean, in sentences, the most important first."""
    member_ids: tuple[int, ...] = ()
    """The members acted on; each must still be in the member list."""
    dangerous: bool = False
    """Whether the review asks twice."""
    founds: int | None = None
    """ID of the cluster that the plan makes in the place of that one, which then answers instead."""
    origin: str = ""
    """ID of the plan that this one finishes or undoes; empty for one of its own."""

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """A plan read back; raises KeyError or TypeError on something that is none."""
        fields = dict(data)
        fields["steps"] = tuple(_step(s) for s in data["steps"])
        fields["consequences"] = tuple(data.get("consequences", ()))
        fields["member_ids"] = tuple(data.get("member_ids", ()))
        return cls(**fields)


def _check(data: Mapping[str, Any]) -> Check:
    return Check(data["name"], dict(data.get("args", {})))


def _step(data: Mapping[str, Any]) -> Step:
    fields = dict(data)
    fields["guards"] = tuple(_check(c) for c in data.get("guards", ()))
    fields["verify"] = _check(data["verify"]) if data.get("verify") else None
    fields["undo"] = _step(data["undo"]) if data.get("undo") else None
    return Step(**fields)


class Outcome(StrEnum):
    """How a plan ended."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A change was sent and its result was never seen."""
    REFUSED = "refused"
    """A guard said no before anything was done."""
    CANCELLED = "cancelled"
    """The operator stopped it between two steps."""


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a plan."""

    plan: Plan
    outcome: Outcome
    message: str
    """One sentence: what happened, or why not."""
    steps_done: int = 0
    overridable: bool = False
    """For REFUSED: whether typing the cluster's name would let it pass."""
