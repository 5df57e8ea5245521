"""One real cluster for one trial: its nodes, its consoles, and the truth as etcd's own etcdctl tells it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from etcdtui.errors import SiteError
from etcdtui.model.cluster import Node, RunState
from etcdtui.sites.base import HasNodes, Logged, Site
from etcdtui.sites.local.demo import open_demo
from tests.cli.command import Cli
from tests.sites.local.support import QUICK, wait_until
from tests.support.etcd import etcdctl, free_ports
from tests.support.tools import etcd
from tests.support.writer import Writer

NAME = "demo"
CONSOLE_TIMEOUT = 280.0
"""Seconds after which a console that does not end by itself counts as hanging."""


class WatchedSite(HasNodes, Site, Protocol):
    """Where a trial takes place, as the trial itself looks at it."""


@dataclass
class Stage:
    """A demo cluster in a directory of its own, with the newest etcd on offer beside the one it runs."""

    cli: Cli
    site: WatchedSite
    version: str
    size: int
    profile: str = NAME
    notes: dict[str, Any] = field(default_factory=dict)
    """What an operation's setup wants to remember."""

    # -- what etcd says --------------------------------------------------------------------

    def etcdctl(self, *args: str, urls: list[str] | None = None) -> str:
        """The real etcdctl's stdout. Raises CalledProcessError."""
        return etcdctl(urls or self.urls(), *args)

    def urls(self) -> list[str]:
        """Client URLs of the nodes that have a process."""
        return [node.client_urls[0] for node in self.site.nodes() if node.pid]

    def members(self) -> list[dict[str, Any]]:
        """The member list, as one healthy member has it."""
        last: Exception | None = None
        for url in self.urls():
            try:
                found: list[dict[str, Any]] = json.loads(
                    self.etcdctl("member", "list", "-w", "json", urls=[url])
                )["members"]
            except subprocess.SubprocessError as error:
                last = error
            else:
                return found
        raise AssertionError(f"no member answers: {last}")

    def statuses(self) -> list[dict[str, Any]]:
        """``endpoint status`` of every node that has a process."""
        found: list[dict[str, Any]] = json.loads(self.etcdctl("endpoint", "status", "-w", "json"))
        return found

    def leader(self) -> str:
        """Name of the node that leads, once an election that may be under way is over."""
        found: list[tuple[int, str]] = []

        def look() -> bool:
            with contextlib.suppress(subprocess.SubprocessError):
                for item in self.statuses():
                    if item["Status"]["leader"] == item["Status"]["header"]["member_id"]:
                        found.append((item["Status"]["raftTerm"], self.node_at(item["Endpoint"])))
            return bool(found)

        wait_until(look, "a leader")
        return max(found)[1]

    def follower(self) -> str:
        """Name of the last node that does not lead."""
        leader = self.leader()
        return next(n.name for n in reversed(self.site.nodes()) if n.name != leader and n.pid)

    def node(self, name: str) -> Node:
        """The node of that name, as it is now."""
        return next(n for n in self.site.nodes() if n.name == name)

    def node_at(self, url: str) -> str:
        """Name of the node with a client URL."""
        return next(n.name for n in self.site.nodes() if n.client_urls[0] == url)

    def save(self, file: Path) -> None:
        """Save a snapshot with etcdctl."""
        self.etcdctl("snapshot", "save", str(file), urls=self.urls()[:1])

    def another_peer_url(self, node: str) -> str:
        """A peer URL that a node might have instead."""
        del node
        return f"http://127.0.0.1:{free_ports(1)[0]}"

    def unsound(self, allowed: set[int], *, one_node: bool = False, dead: str = "") -> str:
        """What is wrong with the cluster, empty when all is well.

        Args:
            allowed: how many members there may be.
            one_node: whether only the nodes that run are looked at.
            dead: name of a node that need not run.
        """
        members = self.members()
        nodes = [n for n in self.site.nodes() if n.pid or not (one_node or n.name == dead)]
        names = {m.get("name", "") for m in members}
        stray = [f"{m['ID']:x}" for m in members if not m.get("name")]
        learners = [m["name"] for m in members if m.get("isLearner") and m.get("name")]
        still = [n.name for n in nodes if not n.pid]
        unowned = [n.name for n in nodes if n.member_name not in names]
        for what, which in (
            ("unstarted members", stray), ("learners", learners), ("nodes that do not run", still),
            ("nodes without a member", unowned),
        ):  # fmt: skip
            if which:
                return f"{what}: {', '.join(which)}"
        if len(members) not in allowed:
            return f"{len(members)} members, expected {' or '.join(map(str, sorted(allowed)))}"
        return ""

    # -- faults ----------------------------------------------------------------------------

    def signal(self, node: str, number: int) -> bool:
        """Send a signal to a node's etcd; whether there was one."""
        # A node may be thawed after its trial has ended and its directory is gone.
        with contextlib.suppress(ProcessLookupError, SiteError):
            pid = next((n.pid for n in self.site.nodes() if n.name == node), None)
            if pid is not None:
                os.kill(pid, number)
                return True
        return False

    def kill_for_good(self, node: str) -> None:
        """Kill a node's etcd so that it does not come back by itself."""
        self.signal(node, signal.SIGKILL)
        wait_until(lambda: not self.node(node).pid, "killed")

    def lose_data(self, node: str) -> None:
        """Take a node's data away as a broken disk does."""
        shutil.rmtree(Path(self.node(node).data_dir) / "member")

    def power(self, node: str, on: bool) -> bool:
        """Cut the power of a node's machine or give it back; whether it has one of its own."""
        del node, on
        return False

    # -- consoles --------------------------------------------------------------------------

    def console(self, *args: str) -> subprocess.Popen[str]:
        """A headless console as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "etcdtui", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=self.cli.environ(),
        )

    def run(self, *args: str) -> tuple[int, str]:
        """Exit code and stderr of a console that is left alone."""
        process = self.console(*args)
        try:
            _, said = process.communicate(timeout=CONSOLE_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return -1, "it hangs"
        return process.returncode, said.strip()

    def audit_lines(self) -> list[dict[str, Any]]:
        """Every whole line of the audit log."""
        try:
            raw = self.cli.audit.read_bytes()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in raw.splitlines(keepends=True) if line.endswith(b"\n")]

    def last_words(self) -> list[str]:
        """How each node is, and the end of its log where it does not run."""
        found = []
        for node in self.site.nodes():
            found.append(f"{node.name} {node.run_state} {node.detail}")
            if node.run_state is not RunState.RUNNING and isinstance(self.site, Logged):
                with contextlib.suppress(SiteError):
                    found += self.site.log_tail(node.name, 6)
        return found

    def await_line(self, process: subprocess.Popen[str], phase: str, step: int, skip: int = 0) -> bool:
        """Until a console has written that line (steps count from 1); False when it ended before."""
        deadline, size = time.monotonic() + CONSOLE_TIMEOUT, -1
        while time.monotonic() < deadline:
            ended, before = process.poll() is not None, size
            size = self.cli.audit.stat().st_size if self.cli.audit.exists() else 0
            if size != before and any(
                x["phase"] == phase and x["step"] == step for x in self.audit_lines()[skip:]
            ):
                return True
            if ended:
                return False
            time.sleep(0.002)
        raise TimeoutError(f"no {phase} of step {step} within {CONSOLE_TIMEOUT:g} s")


@contextlib.contextmanager
def staged(root: Path, size: int, version: str, options: tuple[str, ...] = ()) -> Iterator[Stage]:
    """A healthy cluster of that size and etcd, gone afterwards."""
    cli = Cli(root, {"PATH": f"{etcd('3.5').parent}:{os.environ['PATH']}"})
    site = open_demo(cli.demo, nodes=size, binary=etcd(version), options=(*QUICK, *options))
    try:
        stage = Stage(cli, site, version, size)
        wait_until(lambda: _well(stage), "all members healthy", 40)
        yield stage
    finally:
        for node in site.nodes():
            stage_signal(node.pid, signal.SIGCONT)
        site.shutdown(everything=True)


def stage_signal(pid: int | None, number: int) -> None:
    """Send a signal to a process that may be gone."""
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _well(stage: Stage) -> bool:
    try:
        stage.etcdctl("endpoint", "health")
    except subprocess.SubprocessError:
        return False
    return True


def writing(stage: Stage) -> Writer:
    """A writer that follows the nodes as they come and go."""

    def current() -> list[str]:
        return stage.urls() or [n.client_urls[0] for n in stage.site.nodes()]

    return Writer(current(), current=current, reach=stage.site.dial, pause=0.05)
