"""Plans as files: what `etcdtui plan --save` writes and `etcdtui run` reads, checked field by field."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etcdtui.errors import PlanStale, UsageError
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.text import clean
from etcdtui.ops.plan import Check, Plan, Step

FORMAT = 1
MAX_BYTES = 4_000_000
"""More than any plan; a device or a log named by mistake stops here."""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan and the cluster it was made for."""

    plan: Plan
    members: tuple[int, ...] | None
    """IDs of all members when it was made; None when the list was not known."""
    made: str
    profile: str


def plan_object(plan: Plan, snapshot: ClusterSnapshot, profile: str) -> dict[str, Any]:
    """A plan as JSON values, with all that is needed to run it later."""
    members = sorted(f"{m.id:x}" for m in snapshot.members) if snapshot.members_known else None
    return {
        "format": FORMAT,
        "made": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        "profile": profile,
        "members": members,
        "plan": plan.to_json(),
    }


def read_file(path: Path) -> SavedPlan:
    """A plan from its file. Raises UsageError in one line: missing, foreign, damaged or newer."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        data = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {damaged(error)}") from None
    if not isinstance(data, dict) or "plan" not in data or not isinstance(data.get("format"), int):
        raise UsageError(f"{path}: this is no plan of etcdtui", "`etcdtui plan ... --save FILE` writes one")
    if data["format"] > FORMAT:
        raise UsageError(
            f"{path}: written by a newer etcdtui (format {data['format']}, this one reads {FORMAT})"
        )
    try:
        members = data.get("members")
        ids = None if members is None else tuple(int(word, 16) for word in members)
        made, profile = str(data.get("made", "")), str(data.get("profile", ""))
        return SavedPlan(read_plan(data["plan"]), ids, made, profile)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: {damaged(error)}", "make the plan anew") from None


def check_members(saved: SavedPlan, snapshot: ClusterSnapshot) -> None:
    """Raises PlanStale when the cluster is not the one a plan was made for, or has other members."""
    planned, seen = saved.plan.cluster_id, snapshot.cluster_id
    if planned is not None and seen is not None and planned != seen:
        raise PlanStale(f"the plan was made for cluster {planned:x}, and cluster {seen:x} answers now")
    if saved.members is None or not snapshot.members_known:
        return
    before, now = set(saved.members), {m.id for m in snapshot.members}
    came = ", ".join(f"{mid:x} is new" for mid in sorted(now - before))
    went = ", ".join(f"{mid:x} is gone" for mid in sorted(before - now))
    if before != now:
        raise PlanStale(
            f"the members are not those the plan was made for: {', '.join(t for t in (came, went) if t)}",
            "make a new plan",
        )


def damaged(error: Exception) -> str:
    """What is wrong with a plan's file, in a few words."""
    if isinstance(error, json.JSONDecodeError):
        return f"damaged: not valid JSON: {clean(error.msg)} in line {error.lineno}"
    what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    return f"damaged: {clean(what, 160) or 'nested too deeply'}"


def read_plan(data: Mapping[str, Any]) -> Plan:
    """A plan from untrusted JSON. Raises KeyError, TypeError, ValueError or AttributeError."""
    plan = Plan.from_json(data)
    for name in ("id", "action", "title", "cluster_name", "origin"):
        _expect(getattr(plan, name), str, name)
    if plan.cluster_id is not None:
        _expect(plan.cluster_id, int, "cluster_id")
    if plan.founds is not None:
        _expect(plan.founds, int, "founds")
    _expect(plan.dangerous, bool, "dangerous")
    for member in plan.member_ids:
        _expect(member, int, "member_ids")
    for sentence in plan.consequences:
        _expect(sentence, str, "consequences")
    for step in plan.steps:
        _check_step(step)
    return plan


def read_steps(data: list[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Steps from untrusted JSON; raises as `read_plan` does."""
    empty = Plan("x", "", "", "", None, ()).to_json()
    return read_plan({**empty, "steps": data}).steps


def _check_step(step: Step) -> None:
    for name in ("verb", "title", "call"):
        _expect(getattr(step, name), str, f"steps.{name}")
    _expect(step.args, dict, "steps.args")
    _expect(step.final, bool, "steps.final")
    _expect(step.verify_timeout, (int, float), "steps.verify_timeout")
    for check in (*step.guards, *((step.verify,) if step.verify else ())):
        _check_check(check)
    if step.undo is not None:
        _check_step(step.undo)


def _check_check(check: Check) -> None:
    _expect(check.name, str, "the name of a check")
    _expect(check.args, dict, "the arguments of a check")


def _expect(value: object, kind: type | tuple[type, ...], name: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{name} has a wrong type")
