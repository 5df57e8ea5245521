"""The site of a local cluster: lists, starts, stops and kills its nodes; other modules add the rest."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from etcdtui.errors import NodeError, SiteError, UsageError
from etcdtui.etcd.api import EtcdWriter
from etcdtui.model.cluster import Node
from etcdtui.sites.local import joining, process
from etcdtui.sites.local.binaries import Binary
from etcdtui.sites.local.cluster import LOCK_WAIT, LocalCluster, Started
from etcdtui.sites.local.files import locked
from etcdtui.sites.local.places import LocalPlaces, holds_member
from etcdtui.sites.local.reading import LocalLogs
from etcdtui.sites.local.releases import LocalReleases
from etcdtui.sites.local.restore import LocalRestores
from etcdtui.sites.local.shelves import LocalShelves
from etcdtui.sites.urls import target

SETTLE = 0.3
"""Seconds within which an etcd that cannot run at all (a bad flag, damaged data) has usually ended."""
KILL_WAIT = 5.0
END_WAIT = 15.0
"""Seconds that a node which was told to stop may take before it is started again."""
FORCE_NEW = ("--force-new-cluster",)
PATIENCE = 1.0
"""Seconds from SIGTERM to SIGKILL when the whole cluster is stopped.

The followers are gone in some 10 ms. The leader would spend 7 s on handing its leadership to members
that are gone (``server/etcdserver/server.go``, TransferLeadership); everything it acknowledged is in
its WAL, so nothing is lost by ending it sooner.
"""


class LocalSite(LocalLogs, LocalPlaces, LocalShelves, LocalRestores, LocalReleases):
    """A cluster of child processes in a directory, shared with other consoles of this machine.

    Args:
        directory: holds ``cluster.json``; see `etcdtui.sites.local.demo` for making one.
        binary: the etcd to start; the newest one found when None, looked for on the first start.
        offered: paths of further etcd programs that nodes may be switched to.

    Raises:
        SiteError: there is no cluster in the directory, or its files are damaged.
    """

    kind = "local"

    def __init__(self, directory: Path, *, binary: Binary | None = None, offered: Sequence[str] = ()) -> None:
        self.directory = directory.resolve()
        self.notes: tuple[str, ...] = ()
        """What the operator should know about how the cluster was opened, one line each."""
        self._cluster = LocalCluster(self.directory, binary, offered)
        self._adopted = self._cluster.running()
        self._started: frozenset[str] = frozenset()
        self._launched = False
        self._closing = False

    # -- what it is ------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self._cluster.spec.name

    def node_names(self) -> tuple[str, ...]:
        """The nodes in their order."""
        return tuple(self._cluster.nodes)

    def seeds(self) -> tuple[str, ...]:
        """The nodes' client URLs."""
        return tuple(node.spec.client_url for node in self._cluster.nodes.values())

    def dial(self, url: str) -> EtcdWriter:
        """The API of the endpoint with that client URL.

        Raises:
            SiteError: it is no endpoint.
        """
        from etcdtui.etcd.rpc import dial

        try:
            return dial(target(url))
        except UsageError as error:
            raise SiteError(error.message) from None

    def nodes(self) -> tuple[Node, ...]:
        """The nodes as they are now; a few system calls each, no file is read again unless it changed.

        Raises:
            SiteError: the cluster's files are damaged.
        """
        self._cluster.refresh()
        return tuple(
            node.observe(self._cluster.next_version(name)) for name, node in self._cluster.nodes.items()
        )

    # -- start -----------------------------------------------------------------------------

    def launch(self, settle: float = SETTLE) -> None:
        """Start every node that does not run.

        When none ran before, the whole cluster counts as started here, and a node that cannot be
        started undoes the launch. When some ran, the others are started as far as they can be, and
        `notes` tell of those that cannot.

        Args:
            settle: seconds to wait for nodes that end at once, all together.

        Raises:
            SiteError: no etcd, an etcd too old for the data, or (see above) a node does not start.
        """
        try:
            errors = self._start(None, settle)
        except BaseException:
            # Also when a signal's exception interrupted it: nothing half started stays.
            self._stop(self.started_here, PATIENCE)
            raise
        # A node that joined later may belong to no member any more: that is no reason to stop the others.
        bootstrapped = {n.name for n in self._cluster.spec.nodes if n.initial_state == "new"}
        fatal = [error for name, error in errors.items() if name in bootstrapped]
        if fatal and self._launched:
            self._stop(self.started_here, PATIENCE)
            raise fatal[0]
        self.notes += tuple(str(error) for error in errors.values())

    def describe_start(self, node: str) -> str:
        """The exact command line."""
        return shlex.join(self._cluster.command(node))

    def start_node(self, node: str) -> str:
        """Start etcd there without waiting for it to be healthy; what was done, in words.

        Raises:
            NodeError: it cannot be started, or it ended at once; the message says why.
            SiteError: no etcd, or one too old for the data.
        """
        local = self._cluster.node(node)
        before = local.process()
        if before is not None and local.ending() and not process.wait_gone([before], END_WAIT):
            # It had been told to stop; a plan that takes that back must not take it for running.
            before = None
        if before is None:
            self._start_patiently(node)
        run = local.run()
        what = f"etcd {run.version}, pid {run.pid}" if run else "etcd"
        return f"{node}: runs already ({what})" if before else f"{node}: started ({what})"

    def _start_patiently(self, node: str) -> None:
        """Start one node, and again, as systemd would, when busy peers did not tell their version in time."""
        for left in reversed(range(joining.TRIES)):
            error = self._start(node, SETTLE).get(node) or joining.not_joined(self._cluster.node(node))
            if error is None:
                return
            if left == 0 or not joining.not_told_in_time(error):
                raise error

    def describe_force_new(self, node: str) -> str:
        """The exact command line."""
        return shlex.join([*self._cluster.command(node), *FORCE_NEW])

    def start_force_new(self, node: str) -> str:
        """Start a stopped node this once with ``--force-new-cluster``: one member with the old data.

        etcd drops the entries that its WAL does not say are committed. After a SIGKILL the last
        acknowledged write can be among them, for the commit index reaches the disk with the next entry.

        Raises:
            NodeError: it has no data, or it does not start; the message says why.
        """
        local = self._cluster.node(node)
        if local.process():
            return f"{node}: runs already"
        if not holds_member(local.data_dir):
            raise NodeError(f"{node}: {local.data_dir} holds no member: there is nothing to start anew from")
        if errors := self._start(node, SETTLE, FORCE_NEW):
            raise errors[node]
        run = local.run()
        return f"{node}: started as a new cluster" + (f" (etcd {run.version}, pid {run.pid})" if run else "")

    def _start(self, node: str | None, settle: float, flags: Sequence[str] = ()) -> dict[str, NodeError]:
        """Start one node or all (None); the errors of those that could not be, or ended at once."""
        launched = self._launched

        def note(started: Started) -> None:
            if node is None:
                self._adopted |= started.ran_before
                self._launched = launched or not (started.ran_before or started.adopted)
            self._adopted |= started.adopted
            self._started |= started.children.keys() - self._adopted

        # In a thread of its own: an exception that a signal raises in the main thread must not come
        # between the birth of a process and the note of its pid. Leaving the block waits for it.
        with ThreadPoolExecutor(max_workers=1) as shelter:
            started = shelter.submit(self._cluster.start, node, lambda: self._closing, note, flags).result()
        return started.errors | self._cluster.ended_early(started, settle)

    # -- stop and kill ---------------------------------------------------------------------

    def describe_stop(self, node: str) -> str:
        """The exact command."""
        return self._describe("TERM", node)

    def stop_node(self, node: str, timeout: float) -> str:
        """Stop etcd with SIGTERM and wait until it is gone; what was done, in words.

        Raises:
            NodeError: it still runs after `timeout` seconds.
        """
        return self._end(node, "stopped", timeout)

    def describe_kill(self, node: str) -> str:
        """The exact command."""
        return self._describe("KILL", node)

    def kill_node(self, node: str) -> str:
        """Kill etcd with SIGKILL and wait until it is gone; what was done, in words.

        Raises:
            NodeError: the kernel does not end it (it hangs in the disk, for instance).
        """
        return self._end(node, "killed", KILL_WAIT)

    def _describe(self, number: str, node: str) -> str:
        found = self._cluster.node(node).process()
        return f"kill -{number} {found.pid}  (etcd {node})" if found else f"nothing: {node} does not run"

    def _end(self, node: str, how: str, timeout: float) -> str:
        local = self._cluster.node(node)
        with locked(self.directory, LOCK_WAIT):
            found = local.process()
            if found is None:
                return f"{node}: does not run"
            local.signal(found, how)
        if process.wait_gone([found], timeout):
            number = "SIGTERM" if how == "stopped" else "SIGKILL"
            hint = "wait, or kill it" if how == "stopped" else "look at its disk"
            raise NodeError(f"{node}: pid {found.pid} still runs {timeout:g} s after {number}", hint)
        return f"{node}: {how} (pid {found.pid})"

    # -- the end ---------------------------------------------------------------------------

    @property
    def started_here(self) -> tuple[str, ...]:
        """The nodes to stop on the way out, of those that run now.

        If this site launched the cluster, all of them, whoever restarted one meanwhile; else those
        it started which did not run when it was opened.
        """
        nodes = self._cluster.nodes
        mine = nodes.keys() if self._launched else self._started
        return tuple(name for name, node in nodes.items() if name in mine and node.known_process())

    def close(self, stop: bool = False) -> None:
        """Start nothing any more; with `stop`, also `shutdown`. May be called again."""
        self._closing = True
        if stop:
            self.shutdown()

    def shutdown(self, *, everything: bool = False, patience: float = PATIENCE) -> tuple[str, ...]:
        """Stop what was started here: SIGTERM to all at once, after `patience` seconds SIGKILL.

        May be called again, from any thread, and while another thread is starting a node; it does
        its work whatever the state of the directory is.

        Args:
            everything: stop the adopted nodes too.

        Returns:
            The nodes that were stopped; their processes are gone.

        Raises:
            SiteError: a process survived SIGKILL.
        """
        self._closing = True
        with contextlib.ExitStack() as stack:
            # Waits for a start under way, so that its process is seen. A directory that is gone or
            # a lock held elsewhere must not keep the processes alive.
            with contextlib.suppress(SiteError):
                stack.enter_context(locked(self.directory, 2.0))
            with contextlib.suppress(SiteError):
                self._cluster.refresh()
            names = self.node_names() if everything else self.started_here
        return self._stop(names, patience)

    def _stop(self, names: tuple[str, ...], patience: float) -> tuple[str, ...]:
        nodes = self._cluster.nodes
        victims = {name: found for name in names if (found := nodes[name].known_process())}
        for name, found in victims.items():
            nodes[name].signal(found, "stopped")
        left = process.wait_gone(list(victims.values()), patience)
        for found in left:
            process.send(found, process.KILL)
        if still := process.wait_gone(left, 2.0):
            raise SiteError(f"{self.name}: these survive SIGKILL: pid {', '.join(str(p.pid) for p in still)}")
        return tuple(victims)
