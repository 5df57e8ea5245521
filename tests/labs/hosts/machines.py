"""One machine of the lab: a systemd-nspawn container under a full systemd, on an overlay of the base tree."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.labs.hosts.base import BASE, CACHE

RUN = CACHE / "run"
"""Where the overlays of running machines lie."""
CGROUPS = tuple(
    root
    for root in map(Path, ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"))
    if (root / "cgroup.procs").exists()
)
"""The trees of control groups in which a systemd keeps its units."""
_INTO = 'for group in $0; do echo $$ > "$group/cgroup.procs" || exit 1; done; exec "$@"'


def sh(*argv: str, check: bool = True) -> str:
    """Run a command on this machine; its stdout."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Nic:
    """A network interface: the bridge it hangs on and its address with the prefix length."""

    bridge: str
    address: str


@dataclass(frozen=True)
class Machine:
    """A host of the lab.

    Args:
        name: host name; with the prefix `etl-` also the container's.
        nics: the first becomes ``host0``, a second ``inner0``.
    """

    name: str
    nics: tuple[Nic, ...]

    @property
    def home(self) -> Path:
        return RUN / self.name

    @property
    def root(self) -> Path:
        """Its file tree, as seen from outside while it runs."""
        return self.home / "root"

    @property
    def address(self) -> str:
        return self.nics[0].address.split("/")[0]

    def prepare(self, authorized_keys: str, hosts: str) -> None:
        """Lay the overlay and write what distinguishes this machine; `hosts`: lines of /etc/hosts."""
        for part in ("upper", "work", "root"):
            (self.home / part).mkdir(parents=True)
        options = f"lowerdir={BASE},upperdir={self.home / 'upper'},workdir={self.home / 'work'}"
        sh("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "machine-id").write_text(hashlib.md5(self.name.encode()).hexdigest() + "\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}")
        for place, nic in zip(("host0", "inner0"), self.nics, strict=False):
            unit = f"[Match]\nName={place}\n[Network]\nAddress={nic.address}\n"
            (etc / "systemd" / "network" / f"10-{place}.network").write_text(unit)
        for account in ("root", "ops", "op", "pat", "nosudo"):
            home = self.root / ("root" if account == "root" else f"home/{account}")
            owner = home.stat()
            ssh = home / ".ssh"
            ssh.mkdir(mode=0o700, exist_ok=True)
            keys = ssh / "authorized_keys"
            keys.write_text(authorized_keys)
            keys.chmod(0o600)
            for path in (ssh, keys):
                os.chown(path, owner.st_uid, owner.st_gid)
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(etc / "ssh" / "ssh_host_ed25519_key"))
        (etc / "ssh" / "sshd_config.d" / "lab.conf").write_text(
            "HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\nMaxStartups 100\nMaxSessions 100\n"
        )

    def _interfaces(self) -> list[str]:
        """The outer ends of its interfaces."""
        return [f"vb-etl-{self.name}"] + [f"etl-{self.name}-i"] * (len(self.nics) - 1)

    @property
    def cgroups(self) -> list[Path]:
        """Its control groups; in shared ones its systemd would take another machine's units away."""
        return [root / f"etl-{self.name}" for root in CGROUPS]

    def boot(self) -> None:
        """Start it; does not wait."""
        for group in self.cgroups:
            group.mkdir(exist_ok=True)
        first, *others = self.nics
        argv = [
            "sh", "-c", _INTO, " ".join(map(str, self.cgroups)),
            "systemd-nspawn", "-q", "-D", str(self.root), "--boot", f"--network-bridge={first.bridge}",
            "--register=no", "--keep-unit", f"--machine=etl-{self.name}", "--console=pipe",
            *(f"--network-veth-extra=etl-{self.name}-i:inner0" for _ in others),
        ]  # fmt: skip
        with (self.home / "console.log").open("ab") as log:
            nspawn = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.home / "pid").write_text(str(nspawn.pid))

    def connect(self, timeout: float = 15) -> None:
        """Attach it to its bridges as soon as it has its interfaces."""
        deadline = time.monotonic() + timeout
        for name, nic in zip(self._interfaces(), self.nics, strict=True):
            while not Path(f"/sys/class/net/{name}").exists():
                if time.monotonic() > deadline:
                    log = (self.home / "console.log").read_text(errors="replace")[-1500:]
                    raise RuntimeError(f"{self.name} has no interface {name}:\n{log}")
                time.sleep(0.05)
            sh("ip", "link", "set", name, "master", nic.bridge, "up")

    @property
    def pid(self) -> int | None:
        """systemd-nspawn's process, None when the machine does not run."""
        try:
            pid = int((self.home / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if f"--machine=etl-{self.name}".encode() in command.split(b"\0") else None

    def init(self) -> int:
        """The machine's own process 1, as this machine numbers it."""
        pid = self.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if pid else []
        if not found:
            raise RuntimeError(f"{self.name} does not run")
        return int(found[0])

    def run(self, *argv: str, check: bool = True, stdin: str = "") -> str:
        """Run a command in the machine as root, past SSH; its stdout."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.init()), "-a", *argv],
            input=stdin, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the running machine."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"',
                 "sh", path, f"{mode:o}", stdin=text)  # fmt: skip

    @contextlib.contextmanager
    def without(self, path: str) -> Iterator[None]:
        """A file is gone again afterwards."""
        try:
            yield
        finally:
            self.run("rm", "-f", path)

    def from_here(self, *argv: str) -> list[str]:
        """The argv that runs a program of this machine in the network of that one."""
        return ["nsenter", "-t", str(self.init()), "-n", *argv]

    def power(self, on: bool, timeout: float = 15) -> None:
        """Cut the power (SIGKILL to all of it), or boot again with the disk as it was."""
        if on:
            if self.pid is None:
                self.boot()
                self.connect()
            return
        self._end([signal.SIGKILL], timeout)

    def halt(self) -> None:
        """Shut down in order, or by force after a few seconds."""
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            self.run("systemctl", "poweroff", "--force", check=False)
        self._end([signal.SIGTERM, signal.SIGKILL], 5)

    def _end(self, signals: Sequence[int], timeout: float) -> None:
        for number in signals:
            pid = self.pid
            if pid is None:
                break
            if number == signal.SIGKILL:
                with contextlib.suppress(RuntimeError, ProcessLookupError):
                    os.kill(self.init(), number)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + timeout
            while self.pid is not None and time.monotonic() < deadline:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                time.sleep(0.05)
        for group in self.cgroups:
            for inner in sorted(group.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    inner.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
        # The kernel takes the interfaces away some time after the last process; a boot would meet them.
        for name in self._interfaces():
            sh("ip", "link", "delete", name, check=False)

    def remove(self) -> None:
        """Take the overlay away; the machine must not run."""
        if self.root.exists():
            sh("umount", "-l", str(self.root), check=False)
        shutil.rmtree(self.home, ignore_errors=True)
