"""A site over the real processes of `EtcdCluster`, and a Context that reads them without a session."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import psutil

from etcdtui.errors import EtcdError, NodeError, NotPermitted, Unreachable
from etcdtui.etcd.api import EtcdReader, EtcdWriter, Target
from etcdtui.model.cluster import ClusterSnapshot, Member, Node, Reading, RunState, State
from etcdtui.model.tie import tie
from etcdtui.ops.audit import AuditLog
from etcdtui.sites.base import HasNodes, Site
from tests.support.etcd import EtcdCluster, Proc

READ_TIMEOUT = 2.0
"""Seconds until a member counts as down: on a busy machine one that is well may be silent for a while."""


class EndpointSite:
    """Reaches etcd and nothing more, as plain endpoints do."""

    kind = "endpoints"

    def __init__(self, cluster: EtcdCluster, name: str = "lab") -> None:
        self.cluster = cluster
        self.name = name

    def seeds(self) -> tuple[str, ...]:
        return tuple(self.cluster.urls)

    def dial(self, url: str) -> EtcdWriter:
        from etcdtui.etcd.rpc import dial

        return dial(Target(url, url.split("://")[-1]))

    def close(self) -> None:
        """Nothing is held."""


class ProcSite(EndpointSite):
    """HasNodes, Startable and Killable over real processes."""

    kind = "processes"

    def _proc(self, node: str) -> Proc:
        for proc in self.cluster.procs:
            if proc.name == node:
                return proc
        raise NodeError(f"{node}: there is no such node")

    def nodes(self) -> tuple[Node, ...]:
        return tuple(_node(proc) for proc in self.cluster.procs)

    def describe_start(self, node: str) -> str:
        return " ".join(self._proc(node).argv)

    def describe_stop(self, node: str) -> str:
        return f"kill -TERM the etcd of {node}"

    def describe_kill(self, node: str) -> str:
        return f"kill -KILL the etcd of {node}"

    def start_node(self, node: str) -> str:
        proc = self._proc(node)
        if proc.alive():
            return f"{node} runs already (pid {proc.pid})"
        try:
            proc.start()
        except OSError as error:
            raise NodeError(f"{node}: {error.strerror}: {proc.argv[0]}") from error
        return f"{node} started (pid {proc.pid})"

    def stop_node(self, node: str, timeout: float) -> str:
        proc = self._proc(node)
        if not proc.alive():
            return f"{node} was not running"
        assert proc.process is not None
        proc.signal(signal.SIGTERM)
        proc.signal(signal.SIGCONT)
        try:
            proc.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise NodeError(f"{node}: still there {timeout:g} s after SIGTERM") from error
        return f"{node} stopped"

    def kill_node(self, node: str) -> str:
        self._proc(node).kill()
        return f"{node} killed"


def _node(proc: Proc) -> Node:
    pid, detail = None, "never started"
    if proc.alive():
        pid, detail, state = proc.pid, f"pid {proc.pid}", RunState.RUNNING
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(proc.pid).status() == psutil.STATUS_STOPPED:
                state = RunState.FROZEN
    elif proc.process is None:
        state = RunState.STOPPED
    else:
        code = proc.process.returncode
        ended_by_us = code in (0, -signal.SIGTERM, -signal.SIGKILL)
        state, detail = RunState.STOPPED if ended_by_us else RunState.FAILED, f"exited with {code}"
    return Node(
        proc.name, state, detail, pid, proc.name, (proc.peer_url,), (proc.client_url,), str(proc.data_dir)
    )


@dataclass
class DirectContext:
    """`etcdtui.ops.context.Context` by calling the API directly: no lanes, no session.

    What was read before is kept, as a session keeps it: the member list and the last answers.
    """

    site: Site
    audit: AuditLog
    profile: str = "lab"
    read_timeout: float = READ_TIMEOUT
    """Seconds of each call; short where a member is frozen and waited for every time."""
    _apis: dict[str, EtcdWriter] = field(default_factory=dict)
    _latest: ClusterSnapshot = field(default_factory=lambda: ClusterSnapshot("lab"))

    def snapshot(self) -> ClusterSnapshot:
        return self._latest

    def fresh(self, timeout: float) -> ClusterSnapshot:
        urls = list(
            dict.fromkeys([*self.site.seeds(), *(r.endpoint for r in self._latest.rows if r.endpoint)])
        )
        with ThreadPoolExecutor(len(urls)) as pool:
            readings = dict(zip(urls, pool.map(self._read, urls), strict=True))
        members, error = self._members(readings)
        nodes = self.site.nodes() if isinstance(self.site, HasNodes) else ()
        self._latest = ClusterSnapshot(
            name=self.site.name,
            rows=tie(members or self._latest.members, nodes, readings),
            members=members or self._latest.members,
            members_known=bool(members) or self._latest.members_known,
            members_error=error,
            nodes=nodes,
            taken_at=time.monotonic(),
            wall_time=time.time(),
            seq=self._latest.seq + 1,
        )
        return self._latest

    def writer(self, member_id: int) -> EtcdWriter:
        row = self._latest.row_of_member(member_id)
        if row is None or not row.endpoint:
            raise Unreachable(f"member {member_id:x} has no endpoint")
        return self._api(row.endpoint)

    def reader(self, url: str) -> EtcdReader:
        return self._api(url)

    def close(self) -> None:
        for api in self._apis.values():
            api.close()

    def _api(self, url: str) -> EtcdWriter:
        if url not in self._apis:
            self._apis[url] = self.site.dial(url)
        return self._apis[url]

    def _read(self, url: str) -> Reading:
        before = next((r.reading for r in self._latest.rows if r.endpoint == url), Reading())
        began = time.monotonic()
        try:
            status = self._api(url).status(self.read_timeout)
        except EtcdError as error:
            outcome = State.NOT_PERMITTED if isinstance(error, NotPermitted) else State.DOWN
            return replace(
                before,
                outcome=outcome,
                reason=error.message,
                rtt=None,
                read_at=time.monotonic(),
                answering_since=None,
            )
        ended = time.monotonic()
        since = before.answering_since if before.answered and before.answering_since else ended
        return Reading(None, status, "", ended - began, ended, ended, answering_since=since)

    def _members(self, readings: dict[str, Reading]) -> tuple[tuple[Member, ...], str]:
        error = "no endpoint answers"
        for url, reading in readings.items():
            if reading.answered:
                try:
                    return self._api(url).member_list(self.read_timeout), ""
                except EtcdError as failure:
                    error = failure.message
        return (), error
