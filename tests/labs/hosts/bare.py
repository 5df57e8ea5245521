"""Hosts with nothing on them for bring-ups: up to five, a release as etcd's are, DNS of their own."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from etcdtui.config import SshProfile
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, ReleasePlan, Source
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_site
from tests.labs.hosts.clusters import LabCluster
from tests.labs.hosts.lab import INNER, JUMP, Lab
from tests.labs.hosts.machines import Machine, sh
from tests.sites.local.support import wait_until
from tests.support.tools import etcd as etcd_binary
from tests.support.zone import Zone, serving

VERSION = "3.5.1"
OLDER = "/usr/bin/etcd"
"""Debian's etcd 3.4, which every host has."""
DOMAIN = "kv.test"
HERE = "10.213.1.1"
"""An address of this machine on the nodes' network, while `here` holds."""
LEFT = "pidof etcd; ls -d /etc/brought/* /var/lib/brought/* /etc/systemd/system/brought* 2>/dev/null; :"
"""What a tear-down that deletes data must not leave."""
CLEAN = (
    "systemctl disable -q --now brought 2>/dev/null; userdel kv 2>/dev/null; systemctl reset-failed; "
    "rm -rf /etc/systemd/system/brought.service /etc/brought /opt/brought /var/lib/brought /home/*/.cache; "
    "systemctl daemon-reload; :"
)


def inner(machine: Machine) -> str:
    """Its address on the nodes' network."""
    return machine.nics[-1].address.split("/")[0]


def _strip(machine: Machine) -> None:
    LabCluster.clear(machine)
    machine.run("sh", "-c", CLEAN)


@contextlib.contextmanager
def bare(lab: Lab, size: int = 3) -> Iterator[tuple[Machine, ...]]:
    """So many hosts without etcd, bare again afterwards; the jump host is the fifth."""
    machines = (*lab.nodes, lab.spare, lab.jump)[:size]
    if JUMP in machines:
        JUMP.write("/etc/sudoers.d/ops", "ops ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    with ThreadPoolExecutor(len(machines)) as pool:
        list(pool.map(_strip, machines))
    try:
        yield machines
    finally:
        with ThreadPoolExecutor(len(machines)) as pool:
            list(pool.map(_strip, machines))
        if JUMP in machines:
            JUMP.run("rm", "-f", "/etc/sudoers.d/ops")


def assert_laid(machine: Machine) -> None:
    """Its member runs under the unit that a bring-up lays, and could not found a second cluster."""
    name = f"m-{machine.name}"
    # systemd hears that it is ready when its clients do, not before.
    active = ("systemctl", "is-active", "brought")
    wait_until(lambda: machine.run(*active, check=False) == "active\n", "the unit is active")
    unit = machine.run("systemctl", "show", "brought", "--value", "-p",
                       "ActiveState,User,NRestarts,UnitFileState")  # fmt: skip
    assert sorted(unit.split()) == ["0", "active", "enabled", "kv"]
    assert machine.run("readlink", "/opt/brought/current").strip().endswith(f"v{VERSION}")
    config = f"/etc/brought/{name}.yaml"
    assert "existing" in machine.run("cat", config)
    owned = f"stat -c '%a %U:%G' /etc/brought/tls/{name}/*-key.pem {config} /var/lib/brought/{name}"
    modes = machine.run("sh", "-c", owned).splitlines()
    assert modes == ["640 root:kv", "640 root:kv", "640 root:kv", "700 kv:kv"]


def tarball(folder: Path) -> ReleasePlan:
    """A release of 3.5, made of a real etcd."""
    path = folder / f"etcd-v{VERSION}-linux-amd64.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for tool in ("etcd", "etcdctl"):
            tar.add(etcd_binary("3.5", tool), f"etcd-v{VERSION}-linux-amd64/{tool}")
    return ReleasePlan(VERSION, Source.TARBALL, str(path))


def plan_for(machines: tuple[Machine, ...], release: ReleasePlan, **more: Any) -> HostsBootstrap:
    """What is to be there, in places of its own."""
    return HostsBootstrap(
        members=tuple(MemberPlan(m.name, f"m-{m.name}", inner(m)) for m in machines),
        release=release,
        unit="brought.service",
        data_dir="/var/lib/brought/{name}",
        config_dir="/etc/brought",
        install_dir="/opt/brought",
        account="kv",
        **more,
    )


def console(
    lab: Lab, root: Path, boot: HostsBootstrap, further: tuple[Machine, ...] = (), **more: Any
) -> Session:
    """A new console on it; `further`: hosts of the profile that its plan table does not have."""
    hosts = (*(member.host for member in boot.members), *(machine.name for machine in further))
    site = open_site(SshProfile(name="new", hosts=hosts, ssh_config=lab.ssh_config, bootstrap=boot, **more))
    audit, store = AuditLog(root / "audit.jsonl"), PlanStore(root / "plans")
    session = Session(site, profile="new", refresh=0.5, timeout=1.5, audit=audit, store=store)
    session.start()
    return session


@contextlib.contextmanager
def here() -> Iterator[str]:
    """This machine has an address on the nodes' network."""
    sh("ip", "address", "add", f"{HERE}/24", "dev", INNER)
    try:
        yield HERE
    finally:
        sh("ip", "address", "delete", f"{HERE}/24", "dev", INNER, check=False)


@contextlib.contextmanager
def zone(machines: tuple[Machine, ...]) -> Iterator[Zone]:
    """A nameserver that the hosts ask, on their own network; it knows their names."""
    hosts = {f"{machine.name}.{DOMAIN}": inner(machine) for machine in machines}
    with here() as address:
        for machine in machines:
            machine.run("sh", "-c", f"echo nameserver {address} > /etc/resolv.conf")
        with serving(address, hosts) as served:
            yield served
