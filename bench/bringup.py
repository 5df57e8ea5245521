"""From nothing to three healthy members: ours against the classic guide's commands, scripted over ssh.

Three sshds of this machine stand for the hosts. Both copy the same tarball to every host, unpack it and
start etcd there with the same settings; ours looks at ports, data, clocks and disks before, and leaves
configuration files that say the cluster exists.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench.result import Row, at_most
from tests.support.etcd import etcdctl, free_ports
from tests.support.sshd import USER, keygen, sshds
from tests.support.tools import etcd as binary

VERSION = "3.5.1"
HOSTS = 3
DEADLINE = 120.0
MOST = 2.0
"""How much longer ours may take for what it does beside."""


def run(root: Path) -> list[Row]:
    """One row: seconds from the command to the last member's health."""
    tarball = root / f"etcd-v{VERSION}-linux-amd64.tar.gz"
    with tarfile.open(tarball, "w:gz", compresslevel=1) as tar:
        for tool in ("etcd", "etcdctl"):
            tar.add(binary("3.5", tool), f"etcd-v{VERSION}-linux-amd64/{tool}")
    with sshds(root, HOSTS, home=root) as servers:
        key = keygen(root / "id")
        for server in servers:
            server.authorize(key)
        (root / "known_hosts").write_text("".join(server.known_hosts_line for server in servers))
        lines = [f"Host *\n IdentityFile {key}\n UserKnownHostsFile {root / 'known_hosts'}\n User {USER}\n"]
        lines += [f"Host h{n}\n HostName 127.0.0.1\n Port {s.port}\n" for n, s in enumerate(servers)]
        (root / "ssh_config").write_text("".join(lines))
        by_hand = _by_hand(root / "hand", root / "ssh_config", tarball)
        ours = _ours(root / "ours", root / "ssh_config", tarball)
    return [at_most("three members over ssh, to healthy", ours, by_hand, "s", MOST)]


def _by_hand(root: Path, config: Path, tarball: Path) -> float:
    """Host by host, as the guide goes: copy, unpack, start; then `etcdctl endpoint health` until good."""
    ports = free_ports(2 * HOSTS)
    urls = [f"http://127.0.0.1:{ports[2 * n]}" for n in range(HOSTS)]
    peers = [f"http://127.0.0.1:{ports[2 * n + 1]}" for n in range(HOSTS)]
    initial = ",".join(f"m{n}={peer}" for n, peer in enumerate(peers))
    with _ended(root):
        began = time.monotonic()
        for n in range(HOSTS):
            here = root / f"h{n}"
            _sh("ssh", "-F", str(config), f"h{n}", f"mkdir -p {here}")
            _sh("scp", "-q", "-F", str(config), str(tarball), f"h{n}:{here}/etcd.tar.gz")
            _sh("ssh", "-F", str(config), f"h{n}",
                f"cd {here} && tar -xzf etcd.tar.gz --strip-components=1; mkdir -p {root}/data")  # fmt: skip
        for n in range(HOSTS):
            words = [
                f"{root}/h{n}/etcd", "--name", f"m{n}", "--data-dir", f"{root}/data/m{n}",
                "--listen-client-urls", urls[n], "--advertise-client-urls", urls[n],
                "--listen-peer-urls", peers[n], "--initial-advertise-peer-urls", peers[n],
                "--initial-cluster", initial, "--initial-cluster-token", "hand",
                "--initial-cluster-state", "new",
            ]  # fmt: skip
            data = f"{root}/data/m{n}"
            start = f"nohup {shlex.join(words)} >{data}.log 2>&1 </dev/null & echo $! >{data}.pid"
            _sh("ssh", "-F", str(config), f"h{n}", start)
        _until_healthy(urls, began)
        return time.monotonic() - began


def _ours(root: Path, config: Path, tarball: Path) -> float:
    """`etcdtui bootstrap --yes`, which ends when every member is healthy and says that it exists."""
    root.mkdir()
    ports = free_ports(2 * HOSTS)
    members = [
        {"host": f"h{n}", "name": f"m{n}", "address": "127.0.0.1", "client_port": ports[2 * n],
         "peer_port": ports[2 * n + 1]}
        for n in range(HOSTS)
    ]  # fmt: skip
    boot = {
        "members": members, "run": "process", "release": {"version": VERSION, "tarball": str(tarball)},
        "data_dir": f"{root}/data/{{name}}", "config_dir": f"{root}/etc", "install_dir": f"{root}/opt",
    }  # fmt: skip
    hosts = [member["host"] for member in members]
    profile = {"kind": "ssh", "hosts": hosts, "ssh_config": str(config), "sudo": False, "bootstrap": boot}
    file = root / "config.yaml"
    file.write_text(yaml.safe_dump({"profiles": {"new": profile}}))
    env = {**os.environ, **{f"XDG_{name}_HOME": str(root / "xdg") for name in ("DATA", "STATE")}}
    with _ended(root):
        began = time.monotonic()
        command = [sys.executable, "-m", "etcdtui", "bootstrap", "new", "--yes", "--config", str(file)]
        subprocess.run(command, check=True, timeout=DEADLINE, env=env, stdout=subprocess.DEVNULL)
        took = time.monotonic() - began
        _until_healthy([f"http://127.0.0.1:{ports[2 * n]}" for n in range(HOSTS)], time.monotonic())
        return took


def _until_healthy(urls: list[str], began: float) -> None:
    while time.monotonic() - began < DEADLINE:
        with contextlib.suppress(subprocess.CalledProcessError):
            etcdctl(urls, "endpoint", "health")
            return
    raise SystemExit(f"{', '.join(urls)}: not healthy within {DEADLINE:g} s")


def _sh(*argv: str) -> None:
    subprocess.run(argv, check=True, timeout=DEADLINE)


@contextlib.contextmanager
def _ended(root: Path) -> Iterator[None]:
    """Whatever was started below a directory ends with it."""
    try:
        yield
    finally:
        for file in root.glob("data/*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)
