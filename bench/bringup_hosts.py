"""The same on the lab of hosts, through its jump host and under systemd, against a script over ssh."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

from bench.result import Row, at_most
from tests.labs.hosts.bare import VERSION, bare, inner, tarball
from tests.labs.hosts.base import BASE, can_run
from tests.labs.hosts.lab import Lab, ready
from tests.labs.hosts.machines import Machine

DEADLINE = 120.0
MOST = 2.0
"""How much longer ours may take for what it does beside."""
OPT, DATA, UNIT = "/opt/brought", "/var/lib/brought", "/etc/systemd/system/brought.service"
_UNIT = """\
[Unit]
Description=etcd
After=network-online.target
[Service]
Type=notify
ExecStart={command}
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""


def run(root: Path) -> list[Row]:
    """One row: seconds from the command to the last member's health; none where the lab is not built."""
    if can_run() or not BASE.exists():
        return []
    release = tarball(root).where
    with ready() as lab:
        with bare(lab) as machines:
            by_hand = _by_hand(lab, machines, release)
        with bare(lab) as machines:
            ours = _ours(lab, machines, release, root)
    name = "three members under systemd behind a jump host, to healthy"
    return [at_most(name, ours, by_hand, "s", MOST)]


def _by_hand(lab: Lab, machines: tuple[Machine, ...], release: str) -> float:
    """Host by host: copy, unpack, write a unit; start all; then `etcdctl endpoint health` until good."""
    began = time.monotonic()
    config = str(lab.ssh_config)
    initial = ",".join(f"m-{m.name}=http://{inner(m)}:2380" for m in machines)
    for machine in machines:
        client, peer = f"http://{inner(machine)}:2379", f"http://{inner(machine)}:2380"
        words = [
            f"{OPT}/etcd", "--name", f"m-{machine.name}", "--data-dir", f"{DATA}/m-{machine.name}",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", initial,
            "--initial-cluster-token", "hand", "--initial-cluster-state", "new",
        ]  # fmt: skip
        _sh("scp", "-q", "-F", config, release, f"{machine.name}:etcd.tar.gz")
        lay = f"sudo mkdir -p {OPT} {DATA} && sudo tar -xzf etcd.tar.gz --strip-components=1 -C {OPT}"
        _sh("ssh", "-F", config, machine.name, lay)
        write = f"sudo tee {UNIT} >/dev/null && sudo systemctl daemon-reload"
        _sh("ssh", "-F", config, machine.name, write, stdin=_UNIT.format(command=" ".join(words)))
    for machine in machines:
        start = "sudo systemctl enable --quiet brought && sudo systemctl start --no-block brought"
        _sh("ssh", "-F", config, machine.name, start)
    _until_healthy(lab, machines, began)
    return time.monotonic() - began


def _ours(lab: Lab, machines: tuple[Machine, ...], release: str, root: Path) -> float:
    """`etcdtui bootstrap --yes`, which ends when every member is healthy and says that it exists."""
    members = [{"host": m.name, "name": f"m-{m.name}", "address": inner(m)} for m in machines]
    boot = {
        "members": members, "release": {"version": VERSION, "tarball": release}, "unit": "brought.service",
        "data_dir": f"{DATA}/{{name}}", "config_dir": "/etc/brought", "install_dir": OPT, "account": "kv",
    }  # fmt: skip
    hosts = [machine.name for machine in machines]
    profile = {"kind": "ssh", "hosts": hosts, "ssh_config": str(lab.ssh_config), "bootstrap": boot}
    file = root / "config.yaml"
    file.write_text(yaml.safe_dump({"profiles": {"new": profile}}))
    env = {**os.environ, **{f"XDG_{name}_HOME": str(root / "xdg") for name in ("DATA", "STATE")}}
    began = time.monotonic()
    command = [sys.executable, "-m", "etcdtui", "bootstrap", "new", "--yes", "--config", str(file)]
    subprocess.run(command, check=True, timeout=DEADLINE, env=env, stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    _until_healthy(lab, machines, time.monotonic())
    return took


def _until_healthy(lab: Lab, machines: tuple[Machine, ...], began: float) -> None:
    """As the guide has it, with an etcdctl on the jump host."""
    endpoints = "--endpoints=" + ",".join(f"http://{inner(m)}:2379" for m in machines)
    while time.monotonic() - began < DEADLINE:
        with contextlib.suppress(RuntimeError):
            lab.jump.run("env", "ETCDCTL_API=3", "/opt/etcd/etcdctl", endpoints, "endpoint", "health")
            return
    raise SystemExit(f"{endpoints}: not healthy within {DEADLINE:g} s")


def _sh(*argv: str, stdin: str = "") -> None:
    subprocess.run(argv, check=True, timeout=DEADLINE, input=stdin.encode())
