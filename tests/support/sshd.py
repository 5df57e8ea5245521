"""Real sshds of one's own on loopback, without any privilege: for tests of SSH that need no other host."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.etcd import free_ports
from tests.support.tools import missing

USER = getpass.getuser()


def programs() -> str:
    """Path of sshd; a skip with its reason where it or ssh-keygen is missing."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if sshd is None or shutil.which("ssh-keygen") is None:
        missing("sshd", "install openssh-server and openssh-client")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    return sshd


def listens(path: Path) -> bool:
    """Whether somebody takes connections on a unix socket: its file is there a moment before."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        return True
    return False


def keygen(file: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    """A new key pair; the private key's path."""
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", file.name, "-f", str(file)]
    subprocess.run(argv, check=True, timeout=20)
    return file


@dataclass
class Sshd:
    """One server. Whoever holds the key of ``authorized_keys`` logs in as the user who runs the tests."""

    root: Path
    port: int
    more: str = ""
    env: dict[str, str] = field(default_factory=dict)
    """Of what runs there; its home is a directory of its own unless said otherwise."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def authorized_keys(self) -> Path:
        return self.root / "authorized_keys"

    @property
    def known_hosts_line(self) -> str:
        public = (self.root / "host_key.pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n"

    @property
    def spot(self) -> str:
        return f"{USER}@127.0.0.1:{self.port}"

    def authorize(self, key: Path) -> None:
        with self.authorized_keys.open("a") as file:
            file.write(key.with_name(key.name + ".pub").read_text())

    def new_host_key(self) -> None:
        for file in self.root.glob("host_key*"):
            file.unlink()
        keygen(self.root / "host_key")

    def start(self) -> None:
        config = self.root / "sshd_config"
        # The user's own .bashrc may start whatever it likes, and wait for it; sshd knows one such line alone.
        env = " ".join(f"{name}={value}" for name, value in {"HOME": self.root, **self.env}.items())
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.root / 'host_key'}\n"
            f"AuthorizedKeysFile {self.authorized_keys}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
            f"LogLevel VERBOSE\nSubsystem sftp internal-sftp\nSetEnv {env}\n{self.more}\n"
        )
        with (self.root / "log").open("ab") as log:
            argv = [programs(), "-D", "-e", "-f", str(config)]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=log, stdout=log)
        deadline = time.monotonic() + 10
        addresses = 1 + self.more.count("ListenAddress")
        while (self.root / "log").read_text().count("listening on") < addresses:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError((self.root / "log").read_text()[-2000:])
            time.sleep(0.02)

    def drop(self) -> None:
        """End every connection through it; it takes new ones."""
        assert self.process is not None
        for process in psutil.Process(self.process.pid).children(recursive=True):
            # What was started through it by a login does not belong to it.
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() == "sshd":
                    process.kill()

    def stop(self) -> None:
        """End it and every connection through it."""
        if self.process is None:
            return
        # A connection that it took after the others had ended would outlive it.
        listener = psutil.Process(self.process.pid)
        listener.suspend()
        while listener.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
            time.sleep(0.001)
        self.drop()
        self.process.kill()
        self.process.wait(10)
        self.process = None
        (self.root / "log").replace(self.root / "log.before")


@contextlib.contextmanager
def sshds(root: Path, count: int = 1, more: str = "", home: Path | None = None) -> Iterator[list[Sshd]]:
    """Servers that are gone afterwards.

    Args:
        more: further lines of sshd_config.
        home: of those who log in; the server's own directory when None.
    """
    programs()
    servers = []
    try:
        for port in free_ports(count):
            place = root / f"sshd-{port}"
            place.mkdir()
            keygen(place / "host_key")
            server = Sshd(place, port, more, {"HOME": str(home or place)})
            server.authorized_keys.touch()
            servers.append(server)
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()
