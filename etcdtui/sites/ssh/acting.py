"""Starting, stopping, killing and reading the log of nodes on hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from etcdtui.model.cluster import Node

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host


class SshActing:
    """Startable, Killable, Logged: the part of `etcdtui.sites.ssh.site.SshSite` that acts on nodes."""

    _nodes: dict[str, Node]

    def _host(self, node: str) -> Host:
        raise NotImplementedError

    def describe_start(self, node: str) -> str:
        """The exact command."""
        return self._describe(node, "start")

    def describe_stop(self, node: str) -> str:
        """The exact command."""
        return self._describe(node, "stop")

    def describe_kill(self, node: str) -> str:
        """The exact command."""
        return self._describe(node, "kill")

    def _describe(self, node: str, verb: str) -> str:
        from etcdtui.sites.ssh.control import describe_command

        pid = self._nodes[node].pid if node in self._nodes else None
        return describe_command(self._host(node), verb, pid)

    def start_node(self, node: str) -> str:
        """Start etcd there; see `etcdtui.sites.ssh.control.start`."""
        from etcdtui.sites.ssh import control

        return control.start(self._host(node))

    def stop_node(self, node: str, timeout: float) -> str:
        """Stop etcd there with SIGTERM and wait until it is gone."""
        from etcdtui.sites.ssh import control

        return control.stop(self._host(node), timeout)

    def kill_node(self, node: str) -> str:
        """Kill etcd there with SIGKILL."""
        from etcdtui.sites.ssh import control

        return control.kill(self._host(node))

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        """The last lines of its log; untrusted text."""
        from etcdtui.sites.ssh import logs

        return logs.tail(self._host(node), lines)

    def log_from(self, node: str, moment: str, lines: int) -> tuple[str, ...]:
        """The first lines of its log from a moment on; untrusted text."""
        from etcdtui.sites.ssh import logs

        return logs.since(self._host(node), moment, lines)

    def log_follow(self, node: str, stop: Callable[[], bool], lines: int = 0) -> Iterator[str]:
        """New lines of its log, after the last ones of before; untrusted text."""
        from etcdtui.sites.ssh import logs

        return logs.follow(self._host(node), stop, lines)
