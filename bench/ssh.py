"""etcd through a jump host: ours against ``ssh -J ... etcdctl``, against bare gRPC, and the first grid.

Two sshds of this machine stand for the jump host and for every host; the way has no delay of its own, which
is the hardest case for what ours adds to it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.result import Row, at_most, faster
from bench.terminal import Terminal
from etcdtui.config import SshProfile
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_site
from etcdtui.sites.ssh.site import SshSite
from tests.support.etcd import EtcdCluster, running
from tests.support.sshd import Sshd, keygen, sshds
from tests.support.tools import etcd as binary

ROUNDS = 200
HOSTS = (3, 10)
DEADLINE = 120.0
MINUTE = 60.0


def run(root: Path) -> list[Row]:
    """Two rows for a status, one for each number of hosts until the first grid, one for a quiet minute."""
    with sshds(root, 2) as servers, running(root, 1) as cluster:
        key = keygen(root / "id")
        for server in servers:
            server.authorize(key)
        known = root / "known_hosts"
        known.write_text("".join(server.known_hosts_line for server in servers))
        way = Way(root, servers[0], servers[1], key, known)
        (root / "etcd.pid").write_text(f"{cluster.procs[0].pid}\n")
        rows = _status(way, cluster) + [_first_grid(way, cluster, count) for count in HOSTS]
    with sshds(root, 2) as servers, running(root / "three", 3) as cluster:
        for server in servers:
            server.authorize(key)
        known.write_text("".join(server.known_hosts_line for server in servers))
        return [*rows, _quiet_minute(Way(root, servers[0], servers[1], key, known), cluster, root)]


class Way:
    """A jump host, a host behind it under any number of names, and how ssh and ours are told."""

    def __init__(self, root: Path, jump: Sshd, host: Sshd, key: Path, known: Path) -> None:
        self.pid_file = str(root / "etcd.pid")
        self.config = root / "ssh_config"
        names = " ".join(f"h{i}" for i in range(max(HOSTS)))
        self.config.write_text(
            f"Host *\n IdentityFile {key}\n IdentitiesOnly yes\n UserKnownHostsFile {known}\n"
            " HostName 127.0.0.1\n"
            f"Host jump\n Port {jump.port}\nHost {names}\n Port {host.port}\n ProxyJump jump\n"
        )

    @contextmanager
    def site(self, count: int) -> Iterator[SshSite]:
        hosts = tuple(f"h{i}" for i in range(count))
        # This machine may run other etcds.
        profile = SshProfile(
            name="bench", hosts=hosts, ssh_config=self.config, sudo=False, pid_file=self.pid_file
        )
        opened = open_site(profile)
        assert isinstance(opened, SshSite)
        try:
            yield opened
        finally:
            opened.close()

    def ssh(self, host: str, *argv: str) -> None:
        done = subprocess.run(
            ["ssh", "-F", str(self.config), host, *argv],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr.decode())


def _median(call: Callable[[], object], rounds: int) -> float:
    """Milliseconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def _status(way: Way, cluster: EtcdCluster) -> list[Row]:
    url = cluster.urls[0]
    with way.site(1) as site:
        site.connect(20)
        api = site.dial(url)
        api.status(5)
        bare = api._inner  # type: ignore[attr-defined] # the gRPC endpoint itself, on the same tunnel
        bare.status(5)
        ours = _median(lambda: api.status(5), ROUNDS)
        raw = _median(lambda: bare.status(5), ROUNDS)
    ctl = str(binary("3.5", "etcdctl"))
    theirs = _median(
        lambda: way.ssh("h0", "env", "ETCDCTL_API=3", ctl, "--endpoints", url, "endpoint", "status"), 5
    )
    return [
        faster("one status through a jump host, against ssh -J etcdctl", ours, theirs, "ms", 200),
        at_most("one status through a jump host, against bare gRPC there", ours, raw, "ms", 1.3),
    ]


def _first_grid(way: Way, cluster: EtcdCluster, count: int) -> Row:
    """From nothing to the first snapshot with an answer and every host looked at."""
    url = cluster.urls[0]
    ctl = str(binary("3.5", "etcdctl"))
    began = time.perf_counter()
    with way.site(count) as site:
        session = Session(site, profile="bench")
        try:
            site.connect(30)
            session.start()
            while not session.fresh(5).answers:
                if time.perf_counter() - began > DEADLINE:
                    raise TimeoutError("no first grid")
            ours = time.perf_counter() - began
        finally:
            session.close()

    def loop() -> None:
        for i in range(count):
            way.ssh(f"h{i}", "env", "ETCDCTL_API=3", ctl, "--endpoints", url, "endpoint", "status")

    return faster(
        f"first grid of {count} hosts, against a loop of ssh", ours * 1000, _median(loop, 1), "ms", 1
    )


def _quiet_minute(way: Way, cluster: EtcdCluster, root: Path) -> Row:
    """What a minute of a cluster at rest costs the line of an operator who sits behind the terminal."""
    for number, proc in enumerate(cluster.procs):
        (root / f"etcd-{number}.pid").write_text(f"{proc.pid}\n")
    stated = ", ".join(f"h{n}: {{pid_file: {root}/etcd-{n}.pid}}" for n in range(3))
    config = root / "config.yaml"
    config.write_text(
        f"profiles: {{bench: {{kind: ssh, hosts: [h0, h1, h2], ssh_config: {way.config}, sudo: false, "
        f"host_settings: {{{stated}}}}}}}\n"
    )
    home = {f"XDG_{name}_HOME": str(root / "home") for name in ("CONFIG", "STATE", "DATA")}
    argv = [sys.executable, "-m", "etcdtui", "launch", "bench", "--config", str(config)]
    ours = _bytes_of_a_minute(Terminal(argv, env=home), "3 of 3 voters healthy")
    ctl = [str(binary("3.5", "etcdctl")), "--endpoints", ",".join(cluster.urls), "endpoint", "status"]
    watch = ["watch", "-n", "1", "env", "ETCDCTL_API=3", *ctl, "-w", "table"]
    theirs = _bytes_of_a_minute(Terminal(["ssh", "-F", str(way.config), "-tt", "h0", *watch]), "RAFT")
    # watch, too, writes only what has changed: its clock.
    return at_most("terminal bytes of a quiet minute, against ssh -t watch etcdctl", ours, theirs, "bytes", 1)


def _bytes_of_a_minute(terminal: Terminal, shown: str) -> int:
    """Counted once it shows what is waited for, and has settled."""
    try:
        terminal.wait_for(shown, 60)
        time.sleep(8)
        since = time.monotonic()
        time.sleep(MINUTE)
        return len(terminal.written(since, since + MINUTE))
    finally:
        terminal.close()
