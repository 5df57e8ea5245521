"""A site and its endpoints with nothing on them that changes a cluster."""

from __future__ import annotations

from typing import cast

from etcdtui.etcd.api import EtcdWriter, ReadOnlyEtcd
from etcdtui.sites.base import Site

_READS = (
    "nodes", "log_tail", "log_from", "log_follow", "log_previous", "on_change", "news", "note", "findings",
    "examine", "profile_keys",
)  # fmt: skip


class ReadOnlySite:
    """What a read-only console sees of a site: no start, no stop, and endpoints that only read.

    The changing calls are not refused, they do not exist here, so ``isinstance(site, Startable)``
    is False and no action is offered.
    """

    def __init__(self, inner: Site) -> None:
        self.name = inner.name
        self.kind = inner.kind
        self.seeds = inner.seeds
        self.close = inner.close
        self._dial = inner.dial
        for call in _READS:
            if hasattr(inner, call):
                setattr(self, call, getattr(inner, call))

    def dial(self, url: str) -> EtcdWriter:
        """The endpoint with its reading calls alone; the type is the Protocol's, the rest is absent."""
        return cast(EtcdWriter, ReadOnlyEtcd(self._dial(url)))
