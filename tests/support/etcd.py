"""Real etcd clusters for tests: processes on free loopback ports, each ended by its own pid."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from etcdtui.sites.local.ports import taken
from tests.support.tools import etcd as etcd_binary

_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS
_RANGE = range(10000 + _WORKER, 20000, _WORKERS)
"""Below the ephemeral range, where a port could become the local end of somebody's connection before
etcd listens on it, and apart from the range of the local site. Every worker has ports of its own: one
that a killed member has left for a while is not given to another worker's cluster meanwhile."""
_given: set[int] = set()
_DEMOS = 12000 // _WORKERS


def for_demos() -> str:
    """This worker's share of the ports that local sites take, as ``ETCDTUI_PORTS`` has it."""
    first = 20000 + _WORKER * _DEMOS
    return f"{first}-{first + _DEMOS - 1}"


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on, chosen at random; none is given again while there are others."""
    chosen: list[int] = []
    for port in sorted(random.sample(_RANGE, len(_RANGE)), key=_given.__contains__):
        if len(chosen) == count:
            break
        if not taken(port):
            chosen.append(port)
            _given.add(port)
    return chosen


@dataclass
class TlsFiles:
    """Paths of a CA and of server and client pairs; see `tests.support.pki`."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


@dataclass
class Proc:
    """One etcd process."""

    name: str
    binary: Path
    data_dir: Path
    client_url: str
    peer_url: str
    argv: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> Path:
        return self.data_dir.with_suffix(".log")

    def start(self) -> None:
        with self.log.open("ab") as log:
            env = {k: v for k, v in os.environ.items() if not k.startswith("ETCD")}
            self.process = subprocess.Popen(
                self.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, start_new_session=True
            )

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self.alive():
            assert self.process is not None
            self.process.kill()
            self.process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP, and wait until every thread has stopped."""
        freeze(self.pid)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until every thread has stopped: a signal is delivered some time later."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    deadline = time.monotonic() + 10
    while tasks.is_dir() and time.monotonic() < deadline:
        # A thread may end between two looks.
        with contextlib.suppress(OSError):
            states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks.iterdir()]
            if all(state in "tT" for state in states):
                return
        time.sleep(0.001)


def etcdctl(urls: Sequence[str], *args: str, version: str = "3.5") -> str:
    """Run the real etcdctl on these endpoints; its stdout. Raises CalledProcessError."""
    argv = [str(etcd_binary(version, "etcdctl")), "--endpoints", ",".join(urls), *args]
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("ETCD")}, "ETCDCTL_API": "3"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, env=env, check=True).stdout


@dataclass
class EtcdCluster:
    """A cluster of real processes."""

    root: Path
    procs: list[Proc]
    tls: TlsFiles | None = None

    @property
    def urls(self) -> list[str]:
        return [p.client_url for p in self.procs]

    def start(self) -> None:
        for proc in self.procs:
            proc.start()

    def close(self) -> None:
        for proc in self.procs:
            with contextlib.suppress(ProcessLookupError):
                proc.kill()

    def etcdctl(
        self, *args: str, endpoints: Sequence[str] | None = None, user: str = "", version: str = "3.5"
    ) -> str:
        """Run the real etcdctl; its stdout. Raises CalledProcessError."""
        flags: list[str] = []
        if self.tls:
            flags += [
                "--cacert",
                str(self.tls.ca),
                "--cert",
                str(self.tls.client_cert),
                "--key",
                str(self.tls.client_key),
            ]
        if user:
            flags += ["--user", user]
        return etcdctl(endpoints or self.urls, *flags, *args, version=version)

    def wait_healthy(self, count: int | None = None, timeout: float = 30) -> None:
        """Until `count` members (all, by default) serve a linearizable read, and know each other's names.

        A member serves once its name is agreed on; the others know it with their next linearizable read.
        """
        wanted = len(self.procs) if count is None else count
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if all(sum(self._healthy(p) for p in self.procs) >= wanted for _ in range(2)):
                return
            time.sleep(0.05)
        raise TimeoutError(
            f"{wanted} healthy members not seen; log of {self.procs[0].name}:\n"
            + self.procs[0].log.read_text(errors="replace")[-2000:]
        )

    def _healthy(self, proc: Proc) -> bool:
        if not proc.alive():
            return False
        if self.tls:
            with contextlib.suppress(subprocess.SubprocessError):
                self.etcdctl("endpoint", "health", endpoints=[proc.client_url])
                return True
            return False
        with (
            # It may end in the middle of its answer.
            contextlib.suppress(OSError, ValueError, HTTPException),
            urllib.request.urlopen(f"{proc.client_url}/health", timeout=1) as answer,
        ):
            return json.load(answer).get("health") in ("true", True)
        return False

    def leader(self, timeout: float = 20) -> Proc:
        """The process that leads, by asking the real etcdctl, once an election that is under way is over."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            alive = {p.client_url: p for p in self.procs if p.alive()}
            found = json.loads(self.etcdctl("endpoint", "status", "-w", "json", endpoints=list(alive)))
            leading = [
                (item["Status"]["raftTerm"], item["Endpoint"])
                for item in found
                if item["Status"]["leader"] == item["Status"]["header"]["member_id"]
            ]
            if leading:
                # One that was cut off may not know yet that another was elected.
                return alive[max(leading)[1]]
            time.sleep(0.05)
        raise AssertionError("no leader")

    def change(self, *args: str, timeout: float = 20) -> None:
        """``etcdctl member`` on those that run, again while it is refused for want of 5 s of connection.

        A member that was just killed counts as connected until its peers have noticed.
        """
        deadline = time.monotonic() + timeout
        while True:
            alive = [p.client_url for p in self.procs if p.alive()]
            try:
                self.etcdctl("member", *args, endpoints=alive)
            except subprocess.CalledProcessError as error:
                if "unhealthy cluster" not in error.stderr or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


def make_cluster(
    root: Path,
    size: int = 3,
    version: str = "3.5",
    tls: TlsFiles | None = None,
    names: Sequence[str] = (),
    extra: Sequence[str] = (),
    heartbeat_ms: int = 50,
    election_ms: int = 500,
) -> EtcdCluster:
    """A cluster that is not started yet, bootstrapped statically as in the classic guide."""
    root.mkdir(parents=True, exist_ok=True)
    binary = etcd_binary(version)
    ports = free_ports(2 * size)
    scheme = "https" if tls else "http"
    procs = []
    for i in range(size):
        name = names[i] if i < len(names) else f"n{i + 1}"
        procs.append(
            Proc(
                name,
                binary,
                root / f"m{i + 1}",
                f"{scheme}://127.0.0.1:{ports[2 * i]}",
                f"http://127.0.0.1:{ports[2 * i + 1]}",
            )
        )
    initial = ",".join(f"{p.name}={p.peer_url}" for p in procs)
    for proc in procs:
        proc.argv = member_argv(proc, initial, "new", tls, heartbeat_ms, election_ms) + list(extra)
    return EtcdCluster(root, procs, tls)


def member_argv(
    proc: Proc,
    initial: str,
    state: str,
    tls: TlsFiles | None = None,
    heartbeat_ms: int = 50,
    election_ms: int = 500,
) -> list[str]:
    """The command line of one member."""
    argv = [
        str(proc.binary), "--name", proc.name, "--data-dir", str(proc.data_dir),
        "--listen-client-urls", proc.client_url, "--advertise-client-urls", proc.client_url,
        "--listen-peer-urls", proc.peer_url, "--initial-advertise-peer-urls", proc.peer_url,
        "--initial-cluster", initial, "--initial-cluster-token", proc.data_dir.parent.name,
        "--initial-cluster-state", state,
        "--heartbeat-interval", str(heartbeat_ms), "--election-timeout", str(election_ms),
    ]  # fmt: skip
    if tls:
        argv += [
            "--cert-file",
            str(tls.server_cert),
            "--key-file",
            str(tls.server_key),
            "--trusted-ca-file",
            str(tls.ca),
            "--client-cert-auth",
        ]
    return argv


def joining(cluster: EtcdCluster, name: str) -> Proc:
    """A further process for a cluster, not started: the caller adds the member first."""
    client, peer = free_ports(2)
    scheme = "https" if cluster.tls else "http"
    proc = Proc(
        name,
        cluster.procs[0].binary,
        cluster.root / f"m{len(cluster.procs) + 1}",
        f"{scheme}://127.0.0.1:{client}",
        f"http://127.0.0.1:{peer}",
    )
    initial = ",".join(f"{p.name}={p.peer_url}" for p in [*cluster.procs, proc])
    proc.argv = member_argv(proc, initial, "existing", cluster.tls)
    cluster.procs.append(proc)
    return proc


@contextlib.contextmanager
def running(root: Path, size: int = 3, version: str = "3.5", **kwargs: object) -> Iterator[EtcdCluster]:
    """A started, healthy cluster that is gone afterwards."""
    cluster = make_cluster(root, size, version, **kwargs)  # type: ignore[arg-type]
    try:
        cluster.start()
        cluster.wait_healthy()
        yield cluster
    finally:
        cluster.close()
