"""What a kind of site may offer: small Protocols, one capability each.

An action asks ``isinstance(site, Startable)`` and is absent where the capability is missing;
nowhere does code ask what kind of site it has. All calls block and raise `etcdtui.errors.SiteError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import Node


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
class HasNodes(Protocol):
    """A site that knows the places its members run at."""

    def nodes(self) -> tuple[Node, ...]:
        """The nodes as they are now. May block for at most a few seconds; called from a lane."""
        ...


@runtime_checkable
class Startable(Protocol):
    """A site that can start and stop the etcd of a node.

    ``describe_*`` are pure and give the exact command or call for the review screen.
    """

    def describe_start(self, node: str) -> str:
        """The exact command or call of `start_node`."""
        ...

    def describe_stop(self, node: str) -> str:
        """The exact command or call of `stop_node`."""
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

    def log_follow(self, node: str, stop: Callable[[], bool]) -> Iterator[str]:
        """New lines as they come, until `stop()` is true; untrusted text."""
        ...
