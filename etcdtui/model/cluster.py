"""One immutable picture of a cluster: its members, endpoints, nodes and the readings of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from etcdtui.model.past import Past


class State(StrEnum):
    """What one endpoint is, in the words the console shows."""

    LEADER = "leader"
    FOLLOWER = "follower"
    LEARNER = "learner"
    DOWN = "down"
    """It was asked and did not answer: refused, reset, or silent past the deadline."""
    UNKNOWN = "unknown"
    """It could not be asked: not read yet, never started, or the way to it is lost."""
    NOT_PERMITTED = "not permitted"
    """It answered that we may not ask."""


GLYPHS: Mapping[State, str] = {
    State.LEADER: "★",
    State.FOLLOWER: "●",
    State.LEARNER: "◐",
    State.DOWN: "✖",
    State.UNKNOWN: "?",
    State.NOT_PERMITTED: "⊘",
}
"""One glyph a state, so that colour is never the only sign."""


class RunState(StrEnum):
    """What the service manager of a node says of etcd's process there."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"
    FROZEN = "frozen"
    """The process exists and is stopped by a signal (SIGSTOP)."""
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One answer to Maintenance.Status, as etcd 3.3 to 3.6 give it.

    Fields that a server is too old to send are None. Sizes are bytes. Source:
    ``api/etcdserverpb/rpc.proto``, message StatusResponse.
    """

    cluster_id: int
    member_id: int
    revision: int
    raft_term: int
    version: str
    db_size: int
    leader: int
    """Member ID of the leader this member knows, 0 when it knows none."""
    raft_index: int
    """The committed index."""
    raft_applied_index: int | None = None
    errors: tuple[str, ...] = ()
    db_size_in_use: int | None = None
    is_learner: bool = False
    storage_version: str | None = None
    db_size_quota: int | None = None
    downgrade_target_version: str | None = None
    downgrade_enabled: bool | None = None

    @property
    def is_leader(self) -> bool:
        """Whether this member says of itself that it leads."""
        return self.leader != 0 and self.leader == self.member_id


@dataclass(frozen=True, slots=True)
class Reading:
    """The last attempt to read one endpoint's status.

    ``status`` is the answer when ``outcome`` is None, else the last answer before it was lost
    (or None when there was never one).
    """

    outcome: State | None = State.UNKNOWN
    """None: it answered. Otherwise DOWN, UNKNOWN or NOT_PERMITTED."""
    status: EndpointStatus | None = None
    reason: str = "not read yet"
    """Why there is no answer, in words; empty when there is one."""
    rtt: float | None = None
    """Round-trip time of the call in seconds."""
    read_at: float | None = None
    """When the attempt ended, monotonic seconds."""
    answered_at: float | None = None
    """When `status` was received, monotonic seconds; older than `read_at` when it was lost."""
    mean_rtt: float | None = None
    """Exponential mean of the round-trip times in seconds; None until there are two."""
    rtt_step: float | None = None
    """The step of `etcdtui.model.text.rtt_step` that is shown."""
    answering_since: float | None = None
    """When the unbroken run of answers began that lasts until now, monotonic seconds; None without one."""

    @property
    def shown_rtt(self) -> float | None:
        """The round-trip time to show, in seconds; None when the endpoint does not answer."""
        if not self.answered:
            return None
        return self.rtt if self.rtt_step is None else self.rtt_step

    @property
    def answered(self) -> bool:
        """Whether the endpoint answered this time."""
        return self.outcome is None and self.status is not None

    @property
    def state(self) -> State:
        """The state to show."""
        if self.outcome is not None or self.status is None:
            return self.outcome or State.UNKNOWN
        if self.status.is_learner:
            return State.LEARNER
        return State.LEADER if self.status.is_leader else State.FOLLOWER


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the member list."""

    id: int
    name: str = ""
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False

    @property
    def started(self) -> bool:
        """Whether the member has published its name (etcdctl's Status column)."""
        return bool(self.name)

    @property
    def status(self) -> str:
        """``started`` or ``unstarted``, etcdctl's words."""
        return "started" if self.started else "unstarted"

    @property
    def hex_id(self) -> str:
        """The ID as etcdctl prints it."""
        return f"{self.id:x}"

    @property
    def label(self) -> str:
        """Its name, or its ID while it has none."""
        return self.name or self.hex_id


@dataclass(frozen=True, slots=True)
class Alarm:
    """One active alarm; ``kind`` is NOSPACE, CORRUPT or UNKNOWN."""

    member_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Node:
    """The place where a member runs: a process, a host's service or a pod."""

    name: str
    run_state: RunState = RunState.UNKNOWN
    detail: str = ""
    """What the service manager says, in words, such as ``pid 4711`` or ``exited with 1``."""
    pid: int | None = None
    member_name: str = ""
    """The ``--name`` its etcd is started with, when known."""
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    data_dir: str = ""
    etcd_version: str = ""
    run: str = ""
    """Tells one run of its etcd from the next, where a pid does not; empty when nothing does."""
    restarts: int | None = None
    """How often its service manager has started etcd again in this place; None when it does not count."""
    brief: str = ""
    """What the service manager says in a column's few words; empty for no column."""
    facts: tuple[tuple[str, str], ...] = ()
    """Further titles and values for the details, untrusted text."""
    cells: tuple[tuple[str, str], ...] = ()
    """Titles and values that have a column of their own where there is room, untrusted text."""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One row of the grid: an endpoint with the member and the node it belongs to."""

    endpoint: str
    """The client URL that is read; empty for a member that has published none."""
    reading: Reading = field(default_factory=Reading)
    member: Member | None = None
    node: Node | None = None

    @property
    def member_id(self) -> int | None:
        """ID of the member behind it, as the member list or its own answers say."""
        if self.member is not None:
            return self.member.id
        return self.reading.status.member_id if self.reading.status else None

    @property
    def key(self) -> str:
        """Identity of the row: the member's ID in hex, else the node or the endpoint."""
        if (member_id := self.member_id) is not None:
            return f"{member_id:x}"
        return self.endpoint or (f"node:{self.node.name}" if self.node else "?")

    @property
    def state(self) -> State:
        """The state to show."""
        return self.reading.state

    @property
    def name(self) -> str:
        """What to call it: the member's name, the node's, or the endpoint."""
        if self.member is not None and self.member.name:
            return self.member.name
        return self.node.name if self.node else self.endpoint or self.key

    @property
    def is_voter(self) -> bool:
        """Whether it counts for quorum: any member that is no learner."""
        if self.member is not None:
            return not self.member.is_learner
        return self.reading.status is not None and not self.reading.status.is_learner


@dataclass(frozen=True, eq=False)
class ClusterSnapshot:
    """Everything known of a cluster at one moment. Compared by identity, never by value."""

    name: str
    """What the operator calls the cluster (the profile's name)."""
    rows: tuple[EndpointRow, ...] = ()
    members: tuple[Member, ...] = ()
    members_known: bool = False
    """Whether a member list was ever read; otherwise `members` is empty and means nothing."""
    members_error: str = ""
    """Why the last reading of the member list failed; empty when it did not."""
    alarms: tuple[Alarm, ...] | None = None
    """Active alarms; None when they could not be read."""
    alarms_error: str = ""
    nodes: tuple[Node, ...] = ()
    site_error: str = ""
    """Why the site could not list its nodes; empty when it could."""
    taken_at: float = 0.0
    """Monotonic seconds; ages are `taken_at` minus a reading's times."""
    wall_time: float = 0.0
    """Unix seconds of the same moment, for people."""
    seq: int = 0
    refresh: float = 1.0
    """Seconds between two readings."""
    paused: bool = False
    past: Past = ()
    """Revisions that were current while the cluster was watched, with their times."""
    site_note: str = ""
    """What the site says of itself in a few words, untrusted text; empty for nothing."""

    @cached_property
    def cluster_id(self) -> int | None:
        """The ID that most answering endpoints give; None before the first answer.

        Endpoints of listed members decide over others: a foreign endpoint may answer while ours are down.
        """
        counts: dict[int, int] = {}
        for row in self.rows:
            if row.reading.status is not None:
                weight = 1000 if row.reading.answered else 1
                weight *= 1_000_000 if row.member is not None else 1
                cid = row.reading.status.cluster_id
                counts[cid] = counts.get(cid, 0) + weight
        return max(counts, key=lambda cid: counts[cid]) if counts else None

    @cached_property
    def answers(self) -> tuple[EndpointStatus, ...]:
        """The statuses of the endpoints that answered this time and belong to this cluster."""
        cid = self.cluster_id
        return tuple(
            row.reading.status
            for row in self.rows
            if row.reading.answered and row.reading.status and row.reading.status.cluster_id == cid
        )

    @property
    def raft_term(self) -> int | None:
        """The highest term any answering member reports."""
        return max((s.raft_term for s in self.answers), default=None)

    @property
    def leader_id(self) -> int | None:
        """The leader of the highest term that knows one; None when no member knows a leader."""
        seat = self.leadership
        return seat[1] if seat is not None else None

    @cached_property
    def leadership(self) -> tuple[int, int] | None:
        """Highest raft term in which a leader is known, and that leader's member ID."""
        known = [s for s in self.answers if s.leader]
        if not known:
            return None
        best = max(known, key=lambda s: (s.raft_term, s.is_leader))
        return best.raft_term, best.leader

    @property
    def leader_row(self) -> EndpointRow | None:
        """The leader's row."""
        leader = self.leader_id
        return self.row_of_member(leader) if leader is not None else None

    @cached_property
    def voters(self) -> tuple[EndpointRow, ...]:
        """The rows that count for quorum, one a member.

        Once the member list is known only its members count: a second URL of the same member, a
        removed member that still answers and a foreign endpoint have rows but no vote.
        """
        by_id: dict[int, EndpointRow] = {}
        for row in self.rows:
            if not row.is_voter or row.member_id is None or (self.members_known and row.member is None):
                continue
            known = by_id.get(row.member_id)
            if known is None or (row.reading.answered and not known.reading.answered):
                by_id[row.member_id] = row
        return tuple(by_id.values())

    def row_of_member(self, member_id: int) -> EndpointRow | None:
        """The row of a member, by its ID."""
        return next((row for row in self.rows if row.member_id == member_id), None)

    def row_of_node(self, name: str) -> EndpointRow | None:
        """The row of a node, by its name."""
        return next((row for row in self.rows if row.node is not None and row.node.name == name), None)

    def row_by_key(self, key: str) -> EndpointRow | None:
        """The row with that `EndpointRow.key`."""
        return next((row for row in self.rows if row.key == key), None)

    def find(self, word: str) -> EndpointRow | None:
        """The row an operator means by a node's name, a member's name, its hex ID or an endpoint."""
        for match in (
            lambda r: r.node is not None and r.node.name == word,
            lambda r: r.member is not None and r.member.name == word,
            lambda r: r.member_id is not None and f"{r.member_id:x}" == word.lower().removeprefix("0x"),
            lambda r: bool(r.endpoint) and word in (r.endpoint, r.endpoint.split("://")[-1]),
        ):
            found = [row for row in self.rows if match(row)]
            if len(found) == 1:
                return found[0]
        return None

    def label(self, member_id: int | None) -> str:
        """What to call a member: its name, else its hex ID, else a dash."""
        if not member_id:
            return "-"
        row = self.row_of_member(member_id)
        return row.name if row is not None and row.name else f"{member_id:x}"
