"""Five machines and two networks: from outside only the jump host is reached, from it the nodes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.labs.hosts.base import build
from tests.labs.hosts.machines import RUN, Machine, Nic, sh

OUTER, INNER = "etl0", "etl1"
GATEWAY = "10.213.0.1/24"
JUMP = Machine("jump", (Nic(OUTER, "10.213.0.2/24"), Nic(INNER, "10.213.1.2/24")))
NODES = tuple(Machine(f"n{i}", (Nic(INNER, f"10.213.1.{10 + i}/24"),)) for i in (1, 2, 3))
SPARE = Machine("n4", (Nic(INNER, "10.213.1.14/24"),))
"""A host on which no member runs."""
MACHINES = (JUMP, *NODES, SPARE)

SSH_CONFIG = """\
Host *
    UserKnownHostsFile {run}/known_hosts
    IdentityFile {run}/id_ed25519
    IdentitiesOnly yes
    StrictHostKeyChecking yes
Host jump
    HostName 10.213.0.2
    User ops
Host n1 n2 n3 n4
    User op
    ProxyJump jump
Host n1
    HostName 10.213.1.11
Host n2
    HostName 10.213.1.12
Host n3
    HostName 10.213.1.13
Host n4
    HostName 10.213.1.14
"""


class Lab:
    """The machines, their keys, and an ssh_config that reaches them (`ssh -F CONFIG n1`).

    Accounts: ``ops`` on the jump host; on the nodes ``op`` (sudo without a password), ``pat`` (sudo
    with), ``nosudo``; the password of each is its name and ``-secret``.
    """

    def __init__(self) -> None:
        self.machines = {m.name: m for m in MACHINES}
        self.jump, self.nodes, self.spare = JUMP, NODES, SPARE
        self.ssh_config = RUN / "ssh_config"
        self.key = RUN / "id_ed25519"
        self.known_hosts = RUN / "known_hosts"

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    def up(self) -> None:
        """Boot everything that does not run, and wait until every sshd answers."""
        if all(m.pid for m in MACHINES):
            # Machines that a test left frozen or broken are made anew.
            with contextlib.suppress(RuntimeError):
                self.wait_ssh(timeout=5)
                return
        self.down()
        RUN.mkdir(parents=True)
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        public = self.key.with_suffix(".pub").read_text()
        hosts = "".join(f"{m.nics[-1].address.split('/')[0]} {m.name}\n" for m in MACHINES)
        for bridge in (OUTER, INNER):
            sh("ip", "link", "add", bridge, "type", "bridge")
            sh("ip", "link", "set", bridge, "up")
        sh("ip", "address", "add", GATEWAY, "dev", OUTER)
        with ThreadPoolExecutor(len(MACHINES)) as pool:
            list(pool.map(lambda m: m.prepare(public, hosts), MACHINES))
            list(pool.map(Machine.boot, MACHINES))
            list(pool.map(Machine.connect, MACHINES))
        keys = [
            f"{m.nics[0].address.split('/')[0]} " + (m.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
            for m in MACHINES
        ]
        self.known_hosts.write_text("".join(keys))
        self.ssh_config.write_text(SSH_CONFIG.format(run=RUN))
        self.wait_ssh()

    def wait_ssh(self, *names: str, timeout: float = 30) -> None:
        """Until sshd answers on those machines (all of them), seen from the jump host's side."""
        deadline = time.monotonic() + timeout
        for machine in [self[name] for name in names] or list(MACHINES):
            while not self._answers(machine):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{machine.name}: no sshd answers after {timeout:g} s")
                time.sleep(0.05)

    @staticmethod
    def _answers(machine: Machine) -> bool:
        if machine is JUMP:
            with contextlib.suppress(OSError), socket.create_connection((machine.address, 22), 1) as sock:
                return sock.recv(4) == b"SSH-"
            return False
        with contextlib.suppress(RuntimeError):
            told = JUMP.run(
                "timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{machine.address}/22; head -c 4 <&3"
            )
            return told == "SSH-"
        return False

    def down(self) -> None:
        """End the machines and take away what they were made of; the cached base tree stays."""
        with ThreadPoolExecutor(len(MACHINES)) as pool:
            list(pool.map(Machine.halt, MACHINES))
        for machine in MACHINES:
            machine.remove()
        for bridge in (OUTER, INNER):
            sh("ip", "link", "delete", bridge, check=False)
        shutil.rmtree(RUN, ignore_errors=True)

    def status(self) -> list[str]:
        """One line a machine."""
        return [f"{m.name:5} {m.address:12} {'pid ' + str(m.pid) if m.pid else 'down'}" for m in MACHINES]

    def home(self, folder: Path) -> dict[str, str]:
        """The environment of a user whose ~/.ssh/config is the lab's; it has the nodes' addresses too."""
        ssh = folder / ".ssh"
        ssh.mkdir(parents=True)
        (ssh / "config").write_text(f"Host 10.213.1.*\n    User op\n{self.ssh_config.read_text()}")
        return {**os.environ, "HOME": str(folder), "SSH_AUTH_SOCK": ""}

    @contextlib.contextmanager
    def alone(self) -> Iterator[Lab]:
        """Hold the lab for one test run; a second one waits."""
        RUN.parent.mkdir(parents=True, exist_ok=True)
        with (RUN.parent / "used").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self


@contextlib.contextmanager
def ready() -> Iterator[Lab]:
    """The lab, built and up, for one user at a time; down again at the end unless it was up before."""
    build()
    lab = Lab()
    with lab.alone():
        stood = all(machine.pid for machine in MACHINES)
        lab.up()
        try:
            yield lab
        finally:
            if not stood:
                lab.down()
