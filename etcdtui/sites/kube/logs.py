"""The log of a pod's etcd: its end, what comes, and that of the run before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from etcdtui.errors import NodeError
from etcdtui.sites.kube.api import ApiError
from etcdtui.sites.kube.base import KubeBase

SILENCE = 3600.0
"""Seconds without a line after which following counts as broken."""


class KubeLogs(KubeBase):
    """Reading logs through the API server."""

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines, oldest first; those of the run before when this one has not written any.

        Raises:
            NodeError: there is no such pod, or its log may not be read.
        """
        found = self._tail(node, lines, previous=False)
        return found or self.log_previous(node, lines)

    def log_previous(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines of the container before the last restart; empty when there was none.

        Raises:
            NodeError: as of `log_tail`.
        """
        try:
            return self._tail(node, lines, previous=True)
        except NodeError as error:
            if "previous terminated container" in error.message:
                return ()
            raise

    def log_from(self, node: str, moment: str, lines: int) -> tuple[str, ...]:
        """The first lines from a moment on; the clock of a container is UTC.

        Raises:
            NodeError: as of `log_tail`.
        """
        link = self.link()
        since = f"{moment.replace(' ', 'T')}Z"
        query: dict[str, str | int] = {"container": self.picture().etcd.container, "sinceTime": since}
        try:
            found = islice(link.api.lines(f"{link.core}/pods/{node}/log", query, 10.0), lines)
            return tuple(line.decode(errors="replace") for line in found)
        except ApiError as error:
            raise NodeError(f"{node}: {error.message}", error.hint) from None

    def log_follow(self, node: str, stop: Callable[[], bool], lines: int = 0) -> Iterator[str]:
        """The last lines and new ones as they come, until `stop()` or the container ends.

        Raises:
            NodeError: as of `log_tail`.
        """
        link = self.link()
        container = self.picture().etcd.container
        query: dict[str, str | int] = {"container": container, "follow": "true", "tailLines": lines}
        try:
            for line in link.api.lines(f"{link.core}/pods/{node}/log", query, SILENCE):
                if stop():
                    return
                yield line.decode(errors="replace")
        except ApiError as error:
            raise NodeError(f"{node}: {error.message}", error.hint) from None

    def _tail(self, node: str, lines: int, *, previous: bool) -> tuple[str, ...]:
        link = self.link()
        query: dict[str, str | int] = {"container": self.picture().etcd.container, "tailLines": lines}
        if previous:
            query["previous"] = "true"
        try:
            found = link.api.lines(f"{link.core}/pods/{node}/log", query, 10.0)
            return tuple(line.decode(errors="replace") for line in found)
        except ApiError as error:
            raise NodeError(f"{node}: {error.message}", error.hint) from None
