"""Reading the logs of local nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from etcdtui.errors import NodeError
from etcdtui.sites.local import logs
from etcdtui.sites.local.cluster import LocalCluster


class LocalLogs:
    """Logged: the part of `etcdtui.sites.local.site.LocalSite` that reads logs."""

    _cluster: LocalCluster

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines of the node's log, oldest first; untrusted text.

        Raises:
            NodeError: the log cannot be read.
        """
        local = self._cluster.node(node)
        try:
            return logs.tail(local.log, lines)
        except OSError as error:
            raise NodeError(f"{node}: {local.log}: {error.strerror}") from None

    def log_from(self, node: str, moment: str, lines: int) -> tuple[str, ...]:
        """The first lines of the node's log from a moment on, the log set aside before it included.

        Raises:
            NodeError: the log cannot be read.
        """
        local = self._cluster.node(node)
        try:
            return logs.since(local.log, moment, lines)
        except OSError as error:
            raise NodeError(f"{node}: {local.log}: {error.strerror}") from None

    def log_follow(self, node: str, stop: Callable[[], bool], lines: int = 0) -> Iterator[str]:
        """The last lines and new ones, across a rotation, until `stop()` is true; untrusted text.

        Raises:
            NodeError: the log cannot be read.
        """
        local = self._cluster.node(node)
        try:
            yield from logs.follow(local.log, stop, lines)
        except OSError as error:
            raise NodeError(f"{node}: {local.log}: {error.strerror}") from None
