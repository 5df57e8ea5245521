"""How upgrades and downgrades are judged and carried out: gates, the downgrade API, one version."""

from __future__ import annotations

from etcdtui.errors import Refused
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.text import clean
from etcdtui.model.upgrade import Gate, downgrade_gates, lowest, minor_of, text_of, upgrade_gates
from etcdtui.model.versions import Version, parse_version
from etcdtui.ops.context import Context
from etcdtui.ops.executors import executor
from etcdtui.ops.guards import _Answer, guard
from etcdtui.ops.plan import Args
from etcdtui.ops.rolling_exec import FRESH
from etcdtui.ops.verify import Look, verification

UPGRADE_GATES = "upgrade-gates"
DOWNGRADE_GATES = "downgrade-gates"
ALL_RUN = "all-run"
ASK_TIMEOUT = 8.0
"""Seconds of a call to the downgrade API; it waits for every member's answer."""


@verification(ALL_RUN)
def _all_run(args: Args, snapshot: ClusterSnapshot) -> Look:
    """Every member runs that minor version, the data's format follows it, and no downgrade is under way.

    Args: ``version``; ``apart``: IDs of members that are not asked.
    """
    wanted = parse_version(args["version"])
    minor = wanted[:2] if wanted else None
    for member in snapshot.members:
        if member.id in args["apart"]:
            continue
        row = snapshot.row_of_member(member.id)
        status = row.reading.status if row is not None and row.reading.answered else None
        runs = parse_version(status.version) if status is not None else None
        name = clean(snapshot.label(member.id))
        if status is None or runs is None or runs[:2] != minor:
            return Look(False, f"{name} does not answer with etcd {args['version']} yet")
        stored = parse_version(status.storage_version or "")
        if stored is not None and stored[:2] != minor:
            return Look(
                False, f"{name} keeps its data in the format of {clean(status.storage_version or '')} yet"
            )
        if status.downgrade_enabled:
            return Look(False, f"{name} says that the downgrade is still under way")
    return Look(True, f"all members run etcd {args['version']}, and the cluster has moved to it")


# -- the downgrade API of 3.6 and newer ----------------------------------------------------


def _downgrading(snapshot: ClusterSnapshot) -> str:
    """The version that a downgrade under way leads to, empty without one."""
    return next((s.downgrade_target_version or "?" for s in snapshot.answers if s.downgrade_enabled), "")


@executor("downgrade.validate")
def _validate(args: Args, context: Context) -> str:
    """Maintenance.Downgrade VALIDATE: etcd says whether it can; nothing is changed. Args: ``version``."""
    if target := _downgrading(context.fresh(FRESH)):
        return f"a downgrade to {clean(target)} is enabled already"
    said = _asked(context).downgrade("validate", args["version"], ASK_TIMEOUT)
    return f"the cluster, at version {clean(said)}, can be downgraded to {args['version']}"


@executor("downgrade.enable")
def _enable(args: Args, context: Context) -> str:
    """Maintenance.Downgrade ENABLE. Args: ``version``, major and minor."""
    if target := _downgrading(context.fresh(FRESH)):
        if (parse_version(target) or ())[:2] == (parse_version(args["version"]) or ())[:2]:
            return f"the downgrade to {clean(target)} is enabled already"
        raise Refused(f"a downgrade to {clean(target)} is enabled", "let it end, or cancel it")
    _asked(context).downgrade("enable", args["version"], ASK_TIMEOUT)
    return f"the downgrade to {args['version']} is enabled"


@executor("downgrade.cancel")
def _cancel(_args: Args, context: Context) -> str:
    """Maintenance.Downgrade CANCEL; possible until the first member runs the older version."""
    if not _downgrading(context.fresh(FRESH)):
        return "no downgrade is enabled"
    _asked(context).downgrade("cancel", "", ASK_TIMEOUT)
    return "the downgrade is cancelled"


def _asked(context: Context) -> EtcdWriter:
    leader = context.snapshot().leader_id
    if leader is None:
        raise Refused("no member knows a leader: there is nobody to ask", "wait for an election")
    return context.writer(leader)


@verification("downgrade-ready")
def _ready(args: Args, snapshot: ClusterSnapshot) -> Look:
    """Every member says that the downgrade is enabled and has brought its data to the older format.

    Args: ``version``, major and minor; ``enabled``: False to await the end of a cancelled one.
    """
    wanted = (parse_version(args["version"]) or ())[:2]
    for row in snapshot.rows:
        status = row.reading.status
        if row.member is None:
            continue
        name = clean(row.name)
        if status is None or not row.reading.answered:
            return Look(False, f"{name} does not answer")
        if bool(status.downgrade_enabled) is not args["enabled"]:
            return Look(
                False, f"{name} says that the downgrade is {'not ' if args['enabled'] else ''}enabled"
            )
        if args["enabled"] and (parse_version(status.storage_version or "") or ())[:2] != wanted:
            return Look(
                False, f"{name} keeps its data in the format of {clean(status.storage_version or '?')} yet"
            )
    return Look(
        True, f"all members are ready to run etcd {args['version']}" if args["enabled"] else "cancelled"
    )


# -- gates ---------------------------------------------------------------------------------


@guard(UPGRADE_GATES)
def _upgrade_gates(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """What etcd's upgrade guide asks for. Args: ``version``."""
    return _gated(upgrade_gates(snapshot, _version(args)))


@guard(DOWNGRADE_GATES)
def _downgrade_gates(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """What etcd's downgrade guide asks for. Args: ``version``."""
    return _gated(downgrade_gates(snapshot, _version(args)))


@guard("way-back")
def _way_back(args: Args, snapshot: ClusterSnapshot) -> _Answer:
    """Whether a member may run that older version again. Args: ``version``.

    Once every member runs a higher minor version the cluster follows within seconds, and etcd lets none of a
    lower one join (``server/etcdserver/cluster_util.go``, isCompatibleWithCluster).
    """
    low, wanted = lowest(snapshot), _version(args)
    silent = any(row.member is not None and not row.reading.answered for row in snapshot.rows)
    enabled = parse_version(_downgrading(snapshot))
    if low is None or silent or minor_of(low) <= minor_of(wanted):
        return _Answer(True, f"the cluster takes members of etcd {clean(args['version'])} yet")
    if enabled is not None and minor_of(enabled) == minor_of(wanted):
        return _Answer(True, f"a downgrade to etcd {text_of(minor_of(wanted))} is enabled")
    return _Answer(
        False,
        f"every member runs etcd {text_of(minor_of(low))}: the cluster has moved on and takes none of "
        f"{clean(args['version'])} back: finish the upgrade, or restore a snapshot into a new cluster",
    )


def _version(args: Args) -> Version:
    return parse_version(args["version"]) or (0, 0, 0)


def _gated(gates: tuple[Gate, ...]) -> _Answer:
    closed = [gate for gate in gates if not gate.ok]
    if closed:
        return _Answer(False, "; ".join(gate.text for gate in closed), not any(gate.hard for gate in closed))
    return _Answer(True, "; ".join(gate.text for gate in gates))
