"""What a site may offer that has no cluster yet: bringing one up, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

Tell = Callable[[str], None]
"""Is told how far a piece has come; from any thread, and often."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing to be done, on all nodes at once where that is possible."""

    id: str
    title: str
    call: str
    """The exact commands, files or calls, in a line."""
    only_looks: bool = False
    """Whether it changes nothing."""
    starts: bool = False
    """Whether the members run after it, so that the cluster is to become healthy."""
    ends: bool = False
    """Whether no member runs after it any more."""
    undo: Piece | None = None
    """What takes back what it has made, and nothing that was there before; None where it makes nothing."""
    final: bool = False
    """Whether the cluster counts as standing from then on: it is torn down, not undone."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look at one place found."""

    place: str
    """A host; empty for all of them together, or for Kubernetes."""
    wrong: tuple[str, ...] = ()
    """What forbids it."""
    advice: tuple[str, ...] = ()
    facts: str = ""

    def sentences(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Some of its texts, each with the place."""
        return tuple(f"{self.place}: {text}" if self.place else text for text in texts)


@runtime_checkable
class Resizing(Protocol):
    """A site whose profile says how many members its cluster is to have, and whose settings name them all."""

    def resize_remark(self, members: int) -> str:
        """What the profile must say once there are so many, in a sentence; empty where it does."""
        ...

    def describe_resize(self, members: int) -> str:
        """The exact call of `resize`. Must not block."""
        ...

    def resize(self, members: int) -> str:
        """Have the settings name so many; what was done, in words. Idempotent. Raises SiteError."""
        ...


@runtime_checkable
class Founding(Protocol):
    """A site whose profile says what its cluster is to be."""

    def member_names(self) -> tuple[str, ...]:
        """The members that it is to have."""
        ...

    def peer_urls(self) -> tuple[str, ...]:
        """Their peer URLs."""
        ...

    def grown_urls(self) -> tuple[str, ...]:
        """Peer URLs, as patterns with ``*``, of members that it may have got since and that end with it."""
        ...

    def further_nodes(self) -> tuple[str, ...]:
        """Nodes that the plan does not have and that are set up for members of the same cluster.

        They came later, and a tear-down takes them along. Must not block.
        """
        ...

    def advice(self) -> tuple[str, ...]:
        """What could be better about the plan, in sentences; pure."""
        ...

    def pieces(self) -> tuple[Piece, ...]:
        """What is to be done, in order. Must not block."""
        ...

    def wants_users(self) -> bool:
        """Whether user and password are asked for once the cluster stands."""
        ...

    def replan(self, boot: Any) -> None:
        """Take another plan for the same places: for who still makes up his mind.

        Args:
            boot: an `etcdtui.model.bootstrap.Bootstrap` of the site's own kind.
        """
        ...

    def survey(self) -> tuple[Sight, ...]:
        """Look at every place that is to take a member; nothing is changed there.

        A host that is not reached is a sight too. Raises SiteError when Kubernetes is not.
        """
        ...

    def ruins(self, *, delete: bool) -> tuple[Piece, ...]:
        """What a tear-down is made of, in order; it names the `further_nodes` that end too. Must not block.

        Args:
            delete: whether the data is deleted; else it is moved aside, or left where nobody takes it.

        Raises:
            SiteError: a node's data could not be taken away.
        """
        ...

    def carry_out(self, piece: str, tell: Tell) -> str:
        """Do one of them; what was done, in words.

        Idempotent: what is there already is left alone and that is said. Nothing that somebody else
        has written is overwritten, and data never.

        Raises:
            SiteError: naming the node and what is in the way.
        """
        ...
