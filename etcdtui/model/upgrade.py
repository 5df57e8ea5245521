"""What etcd's guides ask for before its release is changed, as pure rules over a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.quorum import is_healthy_voter
from etcdtui.model.text import clean
from etcdtui.model.versions import Version, parse_version

Minor = tuple[int, int]
"""Major and minor."""

DEFAULT_QUOTA = 2 * 1024**3
"""Bytes; ``--quota-backend-bytes`` when it is not set (``server/storage/quota.go``)."""
FULL = 0.95
BEFORE_36: Version = (3, 5, 26)
"""The least patch before 3.6: 3.5.24 to 3.5.26 mend what blocks the upgrade (etcd.io, upgrade_3_6)."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that must hold, or that must be read, before a release is changed."""

    ok: bool
    text: str
    hard: bool = False
    """Whether no typed name lets it pass: etcd itself would not do it."""


def versions_of(snapshot: ClusterSnapshot) -> dict[int, Version | None]:
    """The etcd version of every member of the list, None where it does not answer or says nonsense."""
    found: dict[int, Version | None] = {}
    for member in snapshot.members:
        row = snapshot.row_of_member(member.id)
        status = row.reading.status if row is not None and row.reading.answered else None
        found[member.id] = parse_version(status.version) if status is not None else None
    return found


def minor_of(version: Version) -> Minor:
    """Major and minor of a version."""
    return version[:2]


def text_of(version: Version | Minor) -> str:
    """``3.5.1`` or ``3.5``."""
    return ".".join(str(part) for part in version)


def lowest(snapshot: ClusterSnapshot) -> Version | None:
    """The lowest version of the members that answer; the cluster version is not above its minor.

    Source: ``server/etcdserver/version/monitor.go``, membersMinimalServerVersion.
    """
    return min((version for version in versions_of(snapshot).values() if version), default=None)


def highest(snapshot: ClusterSnapshot) -> Version | None:
    """The highest version of the members that answer."""
    return max((version for version in versions_of(snapshot).values() if version), default=None)


def upgrade_gates(snapshot: ClusterSnapshot, target: Version) -> tuple[Gate, ...]:
    """What must hold to roll all members up to `target`, now or in the middle of it.

    Sources: etcd.io/docs, "Upgrading etcd clusters and applications", upgrade_3_5 and upgrade_3_6.
    """
    return (*_version_gates(snapshot, target), *health_gates(snapshot))


def _version_gates(snapshot: ClusterSnapshot, target: Version) -> tuple[Gate, ...]:
    low, high = lowest(snapshot), highest(snapshot)
    if low is None or high is None:
        return (Gate(False, "no member says which etcd it runs", hard=True),)
    if minor_of(high) > minor_of(target):
        text = f"a member runs etcd {text_of(high)}, newer than {text_of(target)}: that is a downgrade"
        return (Gate(False, text, hard=True),)
    if target[0] != low[0] or target[1] > low[1] + 1:
        text = (
            f"from etcd {text_of(low)} to {text_of(target)} skips a minor version: one at a time is supported"
        )
        return (Gate(False, f"{text}, {low[0]}.{low[1] + 1} is next", hard=True),)
    mixed = "" if minor_of(low) == minor_of(high) else ", in the middle of this upgrade"
    gates = [Gate(True, f"the members run etcd {text_of(low)} to {text_of(high)}{mixed}")]
    if minor_of(target) == (3, 6) and minor_of(low) == (3, 5):
        old = [v for v in versions_of(snapshot).values() if v and minor_of(v) == (3, 5) and v < BEFORE_36]
        if old:
            text = f"etcd {text_of(min(old))} goes to 3.6 only by way of {text_of(BEFORE_36)} or newer"
            gates.append(Gate(False, f"{text}: before it, learners and removed members may come back"))
    return tuple(gates)


def health_gates(snapshot: ClusterSnapshot, apart: frozenset[int] = frozenset()) -> tuple[Gate, ...]:
    """All members healthy, no alarm, room in the database.

    Args:
        apart: members that need not be healthy, such as those the plan is about to start.
    """
    gates = []
    unwell = [
        clean(row.name)
        for row in snapshot.voters
        if row.member_id not in apart and not is_healthy_voter(snapshot, row)
    ]
    if not snapshot.members_known:
        gates.append(Gate(False, "the member list is not known"))
    gates.append(
        Gate(not unwell, f"not healthy: {', '.join(unwell)}" if unwell else "all members are healthy")
    )
    if snapshot.alarms:
        raised = ", ".join(
            f"{clean(a.kind)} of {clean(snapshot.label(a.member_id))}" for a in snapshot.alarms
        )
        gates.append(Gate(False, f"alarms are raised: {raised}"))
    for row in snapshot.rows:
        status = row.reading.status
        if status is None or not row.reading.answered or row.member is None:
            continue
        quota = status.db_size_quota
        if quota and status.db_size > FULL * quota:
            share = 100 * status.db_size / quota
            gates.append(Gate(False, f"the database of {clean(row.name)} fills {share:.0f} % of its quota"))
    return tuple(gates)


def upgrade_notes(snapshot: ClusterSnapshot, target: Version) -> tuple[str, ...]:
    """What must be read before an upgrade to `target` and cannot be seen from outside."""
    low = lowest(snapshot)
    notes: list[str] = []
    if (3, 5, 0) <= target < (3, 5, 3):
        notes.append(
            f"etcd {text_of(target)} can corrupt its data when it is killed under load: take 3.5.3 or newer"
        )
    if low is not None and minor_of(low) < minor_of(target):
        if minor_of(target) == (3, 5):
            notes.append("with authentication on, etcd does not support a rolling upgrade from 3.4 to 3.5")
        if minor_of(target) == (3, 6):
            notes.append(
                "3.6 knows no --enable-v2 and has renamed many --experimental flags: change them before"
            )
        notes.append(
            f"until the last member runs {text_of(minor_of(target))}, every one can go back; "
            "after it the cluster version moves, and "
            + (
                "only the downgrade API leads back"
                if target >= (3, 6, 0)
                else "nothing leads back but a snapshot"
            )
        )
    sizes = [s.db_size for s in snapshot.answers if s.db_size_quota is None]
    if sizes and max(sizes) > FULL * DEFAULT_QUOTA:
        notes.append(
            "a database is larger than etcd's default quota of 2 GiB: see that the new etcd gets its quota"
        )
    return tuple(notes)


def downgrade_gates(snapshot: ClusterSnapshot, target: Version) -> tuple[Gate, ...]:
    """What must hold to roll all members down to `target`.

    A mixed cluster whose upgrade has not ended goes back by itself; after it only 3.6 and newer do,
    by the downgrade API (etcd.io/docs, downgrade_3_6). Earlier servers panic on the newer cluster
    version (``server/etcdserver/version/downgrade.go``, MustDetectDowngrade).
    """
    low, high = lowest(snapshot), highest(snapshot)
    if low is None or high is None:
        return (Gate(False, "no member says which etcd it runs", hard=True),)
    if high <= target:
        return (Gate(False, f"no member runs anything newer than etcd {text_of(target)}", hard=True),)
    # A member that does not answer may be the last one of the old version, or may not.
    silent = [mid for mid, version in versions_of(snapshot).items() if version is None]
    gate = _way_down(low, high, target)
    gates = [gate, *health_gates(snapshot)]
    if silent and minor_of(low) == minor_of(target):
        names = ", ".join(clean(snapshot.label(mid)) for mid in silent)
        gates.append(Gate(False, f"which etcd these run is not known: {names}"))
    return tuple(gates)


def _way_down(low: Version, high: Version, target: Version) -> Gate:
    if minor_of(low) == minor_of(target):
        same = minor_of(high) == minor_of(target)
        why = "the minor version stays" if same else "the cluster version has not moved yet"
        return Gate(True, f"from etcd {text_of(high)} back to {text_of(target)}: {why}")
    if minor_of(low) < minor_of(target):
        text = f"a member runs etcd {text_of(low)}, older than {text_of(target)}"
        return Gate(False, f"{text}: upgrade it, or go back to its version", hard=True)
    if low[0] != target[0] or low[1] - target[1] > 1:
        text = f"from etcd {text_of(high)} to {text_of(target)} skips a minor version"
        return Gate(False, f"{text}: one at a time is supported", hard=True)
    if minor_of(high) <= (3, 5):
        return Gate(
            False,
            f"etcd {text_of(minor_of(high))} does not support a downgrade: every member runs it, the cluster "
            f"version has moved, and {text_of(target)} refuses to start on such data; a snapshot saved "
            "before the upgrade can be restored into a new cluster",
            hard=True,
        )
    if minor_of(low) != minor_of(high):
        return Gate(
            False, "the members run more than one minor version: let the change under way end first", True
        )
    return Gate(True, f"from etcd {text_of(high)} to {text_of(target)} by the downgrade API")


def needs_api(snapshot: ClusterSnapshot, target: Version) -> bool:
    """Whether going down to `target` has to be enabled in the cluster first."""
    low = lowest(snapshot)
    return low is not None and minor_of(low) > minor_of(target)
