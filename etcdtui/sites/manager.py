"""What sites may offer whose nodes a service manager makes: capabilities as those of `etcdtui.sites.base`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from etcdtui.sites.base import NewNode


@runtime_checkable
class Restartable(Protocol):
    """A site whose nodes are restarted by one call, because a service manager starts them by itself."""

    def describe_restart(self, node: str) -> str:
        """The exact command or call of `restart_node`. Raises SiteError where it would do harm."""
        ...

    def restart_node(self, node: str) -> str:
        """End etcd there gracefully and have it started again, without waiting; what was done, in words."""
        ...


@runtime_checkable
class Renewable(Protocol):
    """A site whose nodes take another release of etcd when they are restarted by one call."""

    def can_fetch(self, version: str) -> bool:
        """Whether a release can be run that is not there yet. Must not block for long."""
        ...

    def describe_renew(self, node: str, version: str) -> str:
        """The exact calls of `renew_node`. Raises SiteError where it would do harm."""
        ...

    def renew_node(self, node: str, version: str) -> str:
        """Have the node run that release, restarting it; does not wait. Idempotent. Raises SiteError."""
        ...


@runtime_checkable
class Emptying(Protocol):
    """A site that gives a node a new, empty place for its data, whose manager then starts it by itself."""

    def data_marks(self, node: str) -> dict[str, str]:
        """What tells the present data from what takes its place, by name. Must not block for long."""
        ...

    def describe_empty(self, node: str) -> str:
        """The exact calls of `empty_node`. Raises SiteError where it would do harm."""
        ...

    def empty_node(self, node: str, marks: Mapping[str, str]) -> str:
        """Delete the data that bears these marks and start the node without it; what was done, in words.

        Idempotent: data with other marks is the new one, and left alone. Raises SiteError.
        """
        ...


@runtime_checkable
class Collective(Protocol):
    """A site that stops and starts all its nodes by one call, and remembers how many there were."""

    def describe_stop_all(self) -> str:
        """The exact command or call of `stop_all`. Raises SiteError where it would do harm."""
        ...

    def stop_all(self) -> str:
        """Stop every node without waiting; what was done, in words. Idempotent."""
        ...

    def describe_start_all(self) -> str:
        """The exact command or call of `start_all`."""
        ...

    def start_all(self) -> str:
        """Start as many nodes as there were, without waiting; what was done, in words. Idempotent."""
        ...


@runtime_checkable
class LastFirst(Protocol):
    """A site whose nodes are numbered: only the last one can be stopped or given up."""

    def why_not_stop(self, node: str) -> str:
        """Why a node cannot be stopped, and what can be done instead; empty when it can. Must not block."""
        ...

    def leaving_order(self) -> tuple[str, ...]:
        """All nodes, the one that must be given up first at the beginning. Must not block."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A site whose nodes others may take away for a while, as a drain does, but for a number that stays."""

    def kept_nodes(self) -> int | None:
        """That number; None where it is not the console's to set. May block for some seconds."""
        ...

    def describe_keep(self, nodes: int) -> str:
        """The exact call of `keep_nodes`."""
        ...

    def keep_nodes(self, nodes: int) -> str:
        """Have that many stay; what was done, in words. Idempotent. Raises SiteError."""
        ...

    def remarks_on(self, nodes: int) -> tuple[str, ...]:
        """What is wrong with so many nodes about a number that is not the console's to set, with a remedy."""
        ...


@runtime_checkable
class Discarding(Protocol):
    """A site that can delete the data that a node which was given up has left."""

    def describe_discard(self, node: str) -> str:
        """The exact call of `discard_data`; empty when it has left none. Must not block for long."""
        ...

    def discard_data(self, node: str) -> str:
        """Delete the data of a node that does not run; what was deleted, in words. Idempotent."""
        ...


@runtime_checkable
class SelfManaging(Protocol):
    """A site whose nodes may change the member list by scripts of their own."""

    def manages_members(self) -> bool:
        """Whether there are such scripts here at all. Must not block."""
        ...

    def joins_by_itself(self, node: str) -> bool:
        """Whether a node adds its member when it starts and removes it when it is given up."""
        ...

    def next_nodes(self, count: int) -> tuple[NewNode, ...]:
        """The next nodes, that would add themselves. Raises SiteError where they would not."""
        ...

    def describe_size(self, nodes: int) -> str:
        """The exact call of `set_size`."""
        ...

    def set_size(self, nodes: int) -> str:
        """Have one node more or one less, the last; does not wait. Idempotent. Raises SiteError."""
        ...


@runtime_checkable
class Rehearsing(Protocol):
    """A site that restores with means of its own, which can be tried before anything is stopped."""

    def describe_rehearsal(self) -> str:
        """The exact call of `rehearse`; blocks for a second. Raises SiteError where it cannot work."""
        ...

    def rehearse(self) -> str:
        """Try what a restore needs and take it away again; what was found, in words. Raises SiteError."""
        ...


@runtime_checkable
class Salvaging(Protocol):
    """A site that reads the database of a stopped node."""

    def describe_salvage(self, node: str) -> str:
        """The exact call of `salvage`."""
        ...

    def salvage(self, node: str) -> tuple[int, Iterator[bytes]]:
        """The size of the database in bytes, and all of it.

        Raises:
            SiteError: it runs, or holds no data; while it is read: it was cut off or arrived damaged.
        """
        ...
