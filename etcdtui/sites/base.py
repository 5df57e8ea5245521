"""What a kind of site may offer: small Protocols, one capability each.

An action asks ``isinstance(site, Startable)`` and is absent where the capability is missing;
nowhere does code ask what kind of site it has. All calls block and raise `etcdtui.errors.SiteError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from etcdtui.etcd.api import Credentials, EtcdWriter
from etcdtui.model.cluster import ClusterSnapshot, Node
from etcdtui.model.events import Event
from etcdtui.model.health import Finding


@runtime_checkable
class Site(Protocol):
    """A place where members run. Every site can at least reach etcd."""

    @property
    def name(self) -> str:
        """What the operator calls this cluster: the profile's name."""
        ...

    @property
    def kind(self) -> str:
        """``local``, ``endpoints``, ``ssh`` or ``kube``; for display and the audit log only."""
        ...

    def seeds(self) -> tuple[str, ...]:
        """Client URLs to begin with, before a member list is known. Must not block."""
        ...

    def dial(self, url: str) -> EtcdWriter:
        """The API of the endpoint with that client URL, tunnelled and authenticated as needed.

        Must not block: connecting happens on the first call.
        """
        ...

    def close(self) -> None:
        """Give back what the site holds. Within a second, also on a bad day."""
        ...


@runtime_checkable
class Connectable(Protocol):
    """A site whose way must be made first: connections, logins, questions to a person."""

    def connect(self, timeout: float) -> str:
        """Make it, wait at most `timeout` seconds; what came of it, in a line.

        Raises SiteError only when nothing at all is reached.
        """
        ...


@runtime_checkable
class HasNodes(Protocol):
    """A site that knows the places its members run at."""

    def nodes(self) -> tuple[Node, ...]:
        """The nodes as they are now. May block for at most a few seconds; called from a lane."""
        ...


@runtime_checkable
class Described(Protocol):
    """A site that knows more of where it is than it was told."""

    def profile_keys(self) -> Mapping[str, object]:
        """Keys of a profile that leads to the same nodes, as they were found. Must not block."""
        ...


@runtime_checkable
class Authenticated(Protocol):
    """A site that talks to etcd as a user, who may become another."""

    def etcd_user(self) -> Credentials | None:
        """Who it is; None for nobody."""
        ...

    def log_in(self, user: Credentials | None) -> None:
        """From now on be somebody else, or nobody; connections that stand follow. Must not block."""
        ...


@runtime_checkable
class Watching(Protocol):
    """A site that is told of changes, so that its nodes are read when something happened."""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back, from another thread, whenever a node may have changed. Must be quick to call."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A site with a chronicle of its own."""

    def news(self) -> tuple[Event, ...]:
        """What happened since this was last asked, oldest first. Must not block."""
        ...


@runtime_checkable
class Inspected(Protocol):
    """A site that knows more of the nodes than each of them says."""

    def note(self) -> str:
        """The whole in a few words, as of the last `HasNodes.nodes`; empty for nothing. Must not block."""
        ...

    def findings(self, snapshot: ClusterSnapshot) -> tuple[Finding, ...]:
        """What it finds when it compares nodes and members. Must not block."""
        ...


@runtime_checkable
class Examined(Protocol):
    """A site that can say beforehand what it lacks."""

    def examine(self, read_only: bool) -> tuple[Finding, ...]:
        """What is needed and whether it is there, such as rights; blocks for some seconds.

        Args:
            read_only: leave out what only changes need.
        """
        ...


@runtime_checkable
class Startable(Protocol):
    """A site that can start and stop the etcd of a node.

    ``describe_*`` are pure and give the exact command or call for the review screen.
    """

    def describe_start(self, node: str) -> str:
        """The exact command or call of `start_node`. Raises SiteError where it cannot be done."""
        ...

    def describe_stop(self, node: str) -> str:
        """The exact command or call of `stop_node`. Raises SiteError where it cannot be done."""
        ...

    def start_node(self, node: str) -> str:
        """Start etcd there without waiting for it to be healthy; what was done, in words.

        Idempotent: a node that runs already is left alone and that is said.
        """
        ...

    def stop_node(self, node: str, timeout: float) -> str:
        """Stop etcd there gracefully and wait until it is gone; what was done, in words."""
        ...


@runtime_checkable
class Killable(Protocol):
    """A site that can kill the etcd of a node without warning (SIGKILL)."""

    def describe_kill(self, node: str) -> str:
        """The exact command or call of `kill_node`."""
        ...

    def kill_node(self, node: str) -> str:
        """Kill etcd there with SIGKILL; what was done, in words."""
        ...


@runtime_checkable
class Logged(Protocol):
    """A site that can read the log of a node."""

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines of the node's log, oldest first; untrusted text."""
        ...

    def log_from(self, node: str, moment: str, lines: int) -> tuple[str, ...]:
        """The first lines written at a moment or later, oldest first; untrusted text.

        Args:
            moment: ``YYYY-MM-DD HH:MM:SS`` as the clock of the node and its log's own lines have it.
            lines: how many at most.
        """
        ...

    def log_follow(self, node: str, stop: Callable[[], bool], lines: int = 0) -> Iterator[str]:
        """New lines as they come, until `stop()` is true; untrusted text.

        Args:
            lines: how many of those before to begin with, without a gap between them.
        """
        ...


@dataclass(frozen=True, slots=True)
class NewNode:
    """A place for a further member, as a site proposes it; survives JSON as its fields."""

    name: str
    peer_url: str
    client_url: str
    member: str = ""
    """The ``--name`` of its member; empty where the site chooses it."""


@runtime_checkable
class Growable(Protocol):
    """A site that can prepare places for further members and give places up. Data is never deleted."""

    def propose_nodes(self, count: int) -> tuple[NewNode, ...]:
        """Names and URLs for so many further nodes, free now; nothing is written. Raises SiteError."""
        ...

    def describe_prepare(self, node: NewNode) -> str:
        """The exact command, file or call of `prepare_node`."""
        ...

    def prepare_node(self, node: NewNode, initial_cluster: Mapping[str, str]) -> str:
        """Write what etcd needs there to join: name, URLs, ``--initial-cluster-state existing``.

        Idempotent, also for a node that exists already and gets a new membership. Refuses with
        NodeError when its data directory holds a member's data.

        Args:
            initial_cluster: peer URL by member name, the new one included; a member with several
                peer URLs has them joined by commas as etcd wants.
        """
        ...

    def describe_retire(self, node: str) -> str:
        """The exact command, file or call of `retire_node`."""
        ...

    def retire_node(self, node: str) -> str:
        """Give a stopped node up: it is listed no more, its data directory is moved aside. Idempotent."""
        ...

    def describe_set_aside(self, node: str) -> str:
        """The exact command or call of `set_aside`."""
        ...

    def set_aside(self, node: str) -> str:
        """Move a stopped node's data directory aside, beside itself with a time stamp; where it went.

        Idempotent: without a data directory nothing is done and that is said.
        """
        ...


@runtime_checkable
class Placing(Protocol):
    """A site whose places for further members are given, so that one of them and its name can be chosen."""

    def free_nodes(self) -> tuple[NewNode, ...]:
        """All that are free now, in the order `Growable.propose_nodes` takes them. Raises SiteError."""
        ...


@runtime_checkable
class Restorable(Protocol):
    """A site that can give a stopped node a data directory made from a snapshot file."""

    def describe_restore(self, node: str, snapshot: str) -> str:
        """The exact command of `restore_node`."""
        ...

    def restore_node(
        self, node: str, snapshot: str, initial_cluster: Mapping[str, str], token: str, *, bump: int = 0
    ) -> str:
        """``etcdutl`` (3.5 and newer) or ``etcdctl snapshot restore`` into the node's empty data directory.

        Args:
            snapshot: path of the file on the machine of the console.
            initial_cluster: peer URL by member name, all members of the restored cluster.
            token: the new ``--initial-cluster-token``; the node is started with it from then on.
            bump: for ``--bump-revision`` and ``--mark-compacted`` where the tool has them; 0 for none.
        """
        ...


@runtime_checkable
class ForcingNew(Protocol):
    """A site that can start a stopped node so that it founds its cluster anew, alone."""

    def describe_force_new(self, node: str) -> str:
        """The exact command of `start_force_new`."""
        ...

    def start_force_new(self, node: str) -> str:
        """Start a stopped node once with ``--force-new-cluster``: one member with the old data."""
        ...


@runtime_checkable
class Shelving(Protocol):
    """A site that moves a stopped node's data directory aside under a name, and back."""

    def describe_shelve(self, node: str, shelf: str) -> str:
        """The exact command or call of `shelve`."""
        ...

    def shelve(self, node: str, shelf: str) -> str:
        """Move the data directory aside, beside itself, and remember how the node was to start.

        An empty node then must not found a cluster of its own: it joins (``existing``) until it is
        restored, prepared or unshelved. Idempotent. Raises NodeError when it runs, or when other data
        lies there than what is on that shelf already.
        """
        ...

    def describe_unshelve(self, node: str, shelf: str) -> str:
        """The exact command or call of `unshelve`."""
        ...

    def unshelve(self, node: str, shelf: str) -> str:
        """Move it back and have the node start as it did. Idempotent; nothing where the shelf is empty.

        Raises NodeError when the node runs or holds other data: that is moved aside first.
        """
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """An etcd that a site can run."""

    version: str
    """Such as ``3.5.1``."""
    where: str
    """Its path, directory or image."""


@runtime_checkable
class Upgradable(Protocol):
    """A site that can run a node with another release of etcd."""

    def releases(self) -> tuple[Release, ...]:
        """What is there to run, oldest first."""
        ...

    def node_release(self, node: str) -> str:
        """The version the node will be started with next, empty when not known."""
        ...

    def describe_switch(self, node: str, version: str) -> str:
        """The exact command, link or patch of `switch_release`."""
        ...

    def switch_release(self, node: str, version: str) -> str:
        """Have the node started with that release from its next start on. Idempotent."""
        ...
