"""What the wizard needs of those who know hosts, Kubernetes and the configuration file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from etcdtui.config.draft import Draft


class SightInfo(Protocol):
    """What a look at one place found; `etcdtui.sites.founding.Sight` is one."""

    @property
    def place(self) -> str:
        """A host; empty for all of them together, or for Kubernetes."""
        ...

    @property
    def wrong(self) -> Sequence[str]:
        """What forbids it."""
        ...

    @property
    def advice(self) -> Sequence[str]:
        """What could be better."""
        ...

    @property
    def facts(self) -> str:
        """What is there, in a sentence."""
        ...


class Backstage(Protocol):
    """Everything that a draft is held against."""

    @property
    def file(self) -> str:
        """The configuration file that the profile will be written into."""
        ...

    def taken(self, name: str) -> bool:
        """Whether there is a profile of that name. Must not block."""
        ...

    def look(self, draft: Draft) -> Sequence[SightInfo]:
        """Look at the places that it names; blocks for seconds. Raises `EtcdtuiError`."""
        ...

    def preview(self, draft: Draft) -> Sequence[tuple[str, str]]:
        """All that will be written or run: heading and text. May block. Raises `EtcdtuiError`."""
        ...
