"""What a running plan is given: fresh snapshots, the site and the endpoints of the cluster."""

from __future__ import annotations

from typing import Protocol

from etcdtui.etcd.api import EtcdReader, EtcdWriter
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.ops.audit import AuditLog
from etcdtui.sites.base import Site


class Context(Protocol):
    """The session, as the runner and the executors see it."""

    @property
    def site(self) -> Site:
        """Where the members run."""
        ...

    @property
    def audit(self) -> AuditLog:
        """Where every step is written down."""
        ...

    @property
    def profile(self) -> str:
        """Name of the profile, for the audit log."""
        ...

    def snapshot(self) -> ClusterSnapshot:
        """The latest snapshot, of whatever age."""
        ...

    def fresh(self, timeout: float) -> ClusterSnapshot:
        """A snapshot whose every reading (status, members, nodes) began after this call.

        Blocks for at most `timeout` seconds; an endpoint that does not answer is down in it.
        """
        ...

    def reader(self, url: str) -> EtcdReader:
        """The reading calls of an endpoint, by its URL."""
        ...

    def writer(self, member_id: int) -> EtcdWriter:
        """The API of one member; raises `etcdtui.errors.EtcdError` when it has no endpoint."""
        ...
