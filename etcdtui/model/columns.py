"""The columns of the endpoint-status grid and the member list, in etcdctl's words and order.

Source: ``etcdctl/ctlv3/command/printer.go``, makeEndpointStatusTable and makeMemberListTable, of
etcd 3.5 (ten columns) and 3.6 (sixteen).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etcdtui.model.cluster import GLYPHS, ClusterSnapshot, EndpointRow, EndpointStatus, Member
from etcdtui.model.text import clean, coarse_rtt, duration, si_bytes

Json = str | int | float | bool | None | list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key in JSON, its title, how wide it is and what it shows."""

    key: str
    title: str
    width: int
    text: Callable[[ClusterSnapshot, EndpointRow], str]
    value: Callable[[ClusterSnapshot, EndpointRow], Json]
    rank: float = 0
    """0 is always shown; higher ranks go first when the terminal is narrow."""
    right: bool = False
    newer: bool = False
    """Shown only when a member is 3.6 or newer."""


def _of(
    get: Callable[[EndpointStatus], Json], show: Callable[[Json], str] | None = None
) -> tuple[Callable[[ClusterSnapshot, EndpointRow], str], Callable[[ClusterSnapshot, EndpointRow], Json]]:
    """Text and value of a column that comes from the status; empty when there is none."""

    def value(_: ClusterSnapshot, row: EndpointRow) -> Json:
        return get(row.reading.status) if row.reading.answered and row.reading.status else None

    def text(snapshot: ClusterSnapshot, row: EndpointRow) -> str:
        got = value(snapshot, row)
        if got is None:
            return "-"
        return show(got) if show else clean(str(got))

    return text, value


def _bool(value: Json) -> str:
    return "true" if value else "false"


def _size(value: Json) -> str:
    return si_bytes(value) if isinstance(value, int) else "-"


def not_in_use(status: EndpointStatus) -> int | None:
    """Share of the database that defragmentation would give back, in whole percent (etcdctl's rounding)."""
    if status.db_size_in_use is None or status.db_size <= 0:
        return None
    return 100 - status.db_size_in_use * 100 // status.db_size


def age(snapshot: ClusterSnapshot, row: EndpointRow) -> float | None:
    """Seconds since the endpoint last answered; None when it never did."""
    answered = row.reading.answered_at
    return None if answered is None else max(0.0, snapshot.taken_at - answered)


def _age_text(snapshot: ClusterSnapshot, row: EndpointRow) -> str:
    seconds = age(snapshot, row)
    # A fresh reading rests: its age appears only once it is older than two ticks.
    if seconds is None:
        return "-"
    return "" if seconds <= 2 * snapshot.refresh else duration(seconds)


def _address(endpoint: str) -> str:
    """Host and port; the tail that all names inside a Kubernetes have tells nothing."""
    return clean(endpoint.split("://")[-1]).replace(".svc.cluster.local:", ":")


def _id(_: ClusterSnapshot, row: EndpointRow) -> str:
    return f"{row.member_id:x}" if row.member_id is not None else "-"


def errors_text(_: ClusterSnapshot, row: EndpointRow) -> str:
    """etcd's errors of an answering endpoint, or the reason why it does not answer; harmless text."""
    status = row.reading.status
    if row.reading.answered and status:
        return clean(", ".join(status.errors))
    return clean(row.reading.reason)


STATUS_COLUMNS: tuple[Column, ...] = (
    Column(
        "state", "state", 15, lambda _, r: f"{GLYPHS[r.state]} {r.state.value}", lambda _, r: r.state.value
    ),
    Column("name", "name", 10, lambda _, r: clean(r.name), lambda _, r: r.name),
    Column(
        "endpoint",
        "endpoint",
        21,
        lambda _, r: _address(r.endpoint) or "-",
        lambda _, r: r.endpoint or None,
        rank=1,
    ),
    Column("id", "ID", 16, _id, lambda s, r: _id(s, r) if r.member_id is not None else None),
    Column("version", "version", 7, *_of(lambda s: s.version)),
    Column("storage_version", "storage version", 7, *_of(lambda s: s.storage_version), rank=4, newer=True),
    Column("db_size", "db size", 7, *_of(lambda s: s.db_size, _size), rank=0, right=True),
    Column(
        "db_size_in_use", "in use", 7, *_of(lambda s: s.db_size_in_use, _size), rank=3, right=True, newer=True
    ),
    Column(
        "percentage_not_in_use",
        "percentage not in use",
        10,
        *_of(not_in_use, lambda v: f"{v}%"),
        rank=4,
        right=True,
        newer=True,
    ),
    Column(
        "db_size_quota", "quota", 7, *_of(lambda s: s.db_size_quota, _size), rank=4, right=True, newer=True
    ),
    Column("is_leader", "is leader", 6, *_of(lambda s: s.is_leader, _bool), rank=3),
    Column("is_learner", "is learner", 7, *_of(lambda s: s.is_learner, _bool), rank=3),
    Column("raft_term", "raft term", 5, *_of(lambda s: s.raft_term), right=True),
    Column("raft_index", "raft index", 9, *_of(lambda s: s.raft_index), rank=1, right=True),
    Column(
        "raft_applied_index",
        "raft applied index",
        9,
        *_of(lambda s: s.raft_applied_index),
        rank=2,
        right=True,
    ),
    Column(
        "errors",
        "errors",
        20,
        errors_text,
        lambda _, r: list(r.reading.status.errors) if r.reading.answered and r.reading.status else None,
        rank=2,
    ),
    Column(
        "downgrade_target_version",
        "downgrade target version",
        9,
        *_of(lambda s: s.downgrade_target_version),
        rank=5,
        newer=True,
    ),
    Column(
        "downgrade_enabled",
        "downgrade enabled",
        9,
        *_of(lambda s: s.downgrade_enabled, _bool),
        rank=5,
        newer=True,
    ),
    Column(
        "rtt",
        "RTT",
        6,
        lambda _, r: coarse_rtt(r.reading.shown_rtt),
        lambda _, r: r.reading.rtt if r.reading.answered else None,
        rank=2,
        right=True,
    ),
    Column("age", "age", 6, _age_text, age, rank=2, right=True),
)
"""Every column the grid may have. `errors` also carries the reason of a dead row."""

NODE = "node_"
"""How the keys of the nodes' own columns begin."""
NODE_COLUMN = Column(
    f"{NODE}says",
    "node",
    9,
    lambda _, r: clean(r.node.brief) if r.node is not None and r.node.brief else "-",
    lambda _, r: r.node.brief if r.node is not None else None,
    rank=2,
)
"""What the service managers say, where they say more than that etcd runs."""
WIDEST = 24
"""Longest value of a node's own column, in characters: names of hosts may be whole domain names."""


def _node_column(title: str) -> Column:
    """The column of what the sites tell of their nodes under a title."""

    def value(_: ClusterSnapshot, row: EndpointRow) -> Json:
        return dict(row.node.cells).get(title) if row.node is not None else None

    def text(snapshot: ClusterSnapshot, row: EndpointRow) -> str:
        return clean(str(value(snapshot, row) or "-"), WIDEST)

    return Column(f"{NODE}{title}", clean(title), 9, text, value, rank=2.5)


def at_least(version: str, major: int, minor: int) -> bool:
    """Whether a version string such as ``3.6.1`` is at least major.minor; False when unreadable."""
    try:
        parts = [int(p) for p in version.split("-")[0].split(".")[:2]]
    except ValueError:
        return False
    return [*parts, 0, 0][:2] >= [major, minor]


def status_columns(snapshot: ClusterSnapshot) -> tuple[Column, ...]:
    """etcdctl's ten columns, or its sixteen once a member is 3.6 or newer, plus the console's own.

    What the service managers say has a column where they say anything, and what else the site tells of
    its nodes beside etcd's.
    """
    newer = any(at_least(s.version, 3, 6) for s in snapshot.answers)
    columns = tuple(c for c in STATUS_COLUMNS if newer or not c.newer)
    if not any(node.brief for node in snapshot.nodes):
        return columns
    titles = dict.fromkeys(title for node in snapshot.nodes for title, _ in node.cells)
    return (*columns[:2], NODE_COLUMN, *columns[2:], *map(_node_column, titles))


def status_objects(snapshot: ClusterSnapshot) -> list[dict[str, Json]]:
    """The grid as JSON: one object an endpoint, keys in snake_case, sizes in bytes, times in seconds.

    Beside the columns: ``reason`` (why there is no answer), ``node``, ``run_state``, ``pid`` and, where
    the site knows more of its nodes, ``node_facts``.
    """
    out = []
    for row in snapshot.rows:
        item: dict[str, Json] = {c.key: c.value(snapshot, row) for c in STATUS_COLUMNS}
        item["leader"] = (
            f"{row.reading.status.leader:x}" if row.reading.answered and row.reading.status else None
        )
        item["revision"] = (
            row.reading.status.revision if row.reading.answered and row.reading.status else None
        )
        item["reason"] = row.reading.reason or None
        item["node"] = row.node.name if row.node else None
        item["run_state"] = row.node.run_state.value if row.node else None
        item["pid"] = row.node.pid if row.node else None
        if row.node is not None and row.node.facts:
            item["node_facts"] = [f"{title}: {value}" for title, value in row.node.facts]
        out.append(item)
    return out


MEMBER_TITLES: tuple[str, ...] = ("ID", "status", "name", "peer addrs", "client addrs", "is learner", "node")
"""Titles of the member list, etcdctl's and the node."""


def member_cells(snapshot: ClusterSnapshot, member: Member) -> tuple[str, ...]:
    """One member's row under `MEMBER_TITLES`, harmless text."""
    row = snapshot.row_of_member(member.id)
    node = row.node if row else None
    return (
        member.hex_id,
        member.status,
        clean(member.name),
        clean(",".join(member.peer_urls)),
        clean(",".join(member.client_urls)),
        _bool(member.is_learner),
        clean(f"{node.name} ({node.run_state.value})") if node else "-",
    )


def member_objects(snapshot: ClusterSnapshot) -> list[dict[str, Json]]:
    """The member list as JSON: one object a member, keys in snake_case."""
    out = []
    for member in snapshot.members:
        row = snapshot.row_of_member(member.id)
        node = row.node if row else None
        item: dict[str, Json] = {
            "id": member.hex_id,
            "status": member.status,
            "name": member.name,
            "peer_addrs": list(member.peer_urls),
            "client_addrs": list(member.client_urls),
            "is_learner": member.is_learner,
            "node": node.name if node else None,
            "run_state": node.run_state.value if node else None,
            "pid": node.pid if node else None,
        }
        out.append(item)
    return out
