"""A cluster to be brought up over real sshds of this machine, as plain processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import yaml

from etcdtui.config import SshHost, SshProfile
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import (
    HostsBootstrap,
    MemberPlan,
    ReleasePlan,
    Runner,
    Source,
)
from etcdtui.ops.audit import AuditLog
from etcdtui.ops.plan import Outcome, Result
from etcdtui.ops.store import PlanStore
from etcdtui.runtime.session import Session
from etcdtui.sites.build import open_site
from tests.cli.command import Cli
from tests.sites.local.support import wait_until
from tests.support.consoles import bring_up
from tests.support.etcd import free_ports
from tests.support.sshd import USER, Sshd

VERSION = "3.5.1"
SOON = 0.1
"""Seconds after a step has begun: its commands are on their way by then."""
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(11, 16))
"""Of this machine, beside the usual one."""


class Stage:
    """Five names of one machine, and what is brought up there."""

    def __init__(self, root: Path, release: Path, ports: list[int], key: Path) -> None:
        self.root = root
        self.servers: list[Sshd] = []
        self.many = tuple(MemberPlan(f"n{n}", f"m{n}", "127.0.0.1", *free_ports(2)) for n in range(5))
        self.members = self.many[:3]
        hosts = "".join(
            f"Host n{n}\n  HostName 127.0.0.1\n  Port {ports[n % len(ports)]}\n  User {USER}\n"
            f"  IdentityFile {key}\n"
            for n in range(len(self.many))
        )
        (root / "ssh_config").write_text(hosts)
        self.boot = HostsBootstrap(
            members=self.members,
            runner=Runner.PROCESS,
            release=ReleasePlan(VERSION, Source.TARBALL, str(release)),
            data_dir=f"{root}/data/{{name}}",
            config_dir=f"{root}/etc",
            install_dir=f"{root}/opt",
            settings={"heartbeat-interval": 100},
        )

    def session(self, boot: HostsBootstrap, later: tuple[MemberPlan, ...] = (), **more: Any) -> Session:
        """A new console on it, whose profile may have hosts that came later."""
        if later:
            files = {m.host: SshHost(pid_file=f"{settings.data_dir(boot, m)}.pid") for m in later}
            more["host_settings"] = files
        profile = SshProfile(
            name="new",
            hosts=tuple(member.host for member in (*boot.members, *later)),
            ssh_config=self.root / "ssh_config",
            known_hosts=self.root / "known_hosts",
            sudo=False,
            bootstrap=boot,
            **more,
        )
        site = open_site(profile)
        audit, store = AuditLog(self.root / "audit.jsonl"), PlanStore(self.root / "plans")
        session = Session(site, profile="new", refresh=0.3, timeout=1.0, audit=audit, store=store)
        session.start()
        return session

    def pids(self) -> list[int]:
        return [int((self.root / f"data/{m.name}.pid").read_text()) for m in self.members]

    def killed_in(self, step: int) -> int:
        """How a bring-up from the command line ended that was killed a moment after a step had begun."""
        cli = Cli(self.root / "cli", {"HOME": str(self.root), "XDG_DATA_HOME": str(self.root / "xdg")})
        lines = [{"host": m.host, "name": m.name, "address": m.address, "client_port": m.client_port,
                  "peer_port": m.peer_port} for m in self.members]  # fmt: skip
        boot, release = self.boot, {"version": VERSION, "tarball": self.boot.release.where}
        bootstrap = {"members": lines, "run": "process", "tls": "made", "release": release,
                     "data_dir": boot.data_dir, "config_dir": boot.config_dir,
                     "install_dir": boot.install_dir, "settings": dict(boot.settings)}  # fmt: skip
        profile = {"kind": "ssh", "hosts": [m.host for m in self.members], "sudo": False,
                   "ssh_config": str(self.root / "ssh_config"), "known_hosts": str(self.root / "known_hosts"),
                   "bootstrap": bootstrap}  # fmt: skip
        cli.config(yaml.safe_dump({"profiles": {"new": profile}}))
        before = cli.audit.stat().st_size if cli.audit.exists() else 0
        argv = [sys.executable, "-m", "etcdtui", "bootstrap", "new", "--yes"]
        process = subprocess.Popen(argv, env=cli.environ(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

        def begun() -> bool:
            text = cli.audit.read_text()[before:] if cli.audit.exists() else ""
            records = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
            return process.poll() is not None or any(
                record["phase"] == "begin" and record["step"] >= step for record in records
            )

        try:
            wait_until(begun, f"step {step} begins", 60)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SOON)
        finally:
            process.kill()
        return process.wait(10)

    def spread(self) -> None:
        """Give every host an address of its own."""
        known, ways = self.root / "known_hosts", self.root / "ssh_config"
        lines = known.read_text()
        known.write_text("".join(lines.replace("127.0.0.1", address) for address in ADDRESSES))
        first, *hosts = ways.read_text().split("HostName 127.0.0.1\n")
        pairs = zip(ADDRESSES, hosts, strict=True)
        ways.write_text(first + "".join(f"HostName {address}\n{rest}" for address, rest in pairs))

    def running(self) -> list[int]:
        """The members that run, whoever started them."""
        found = psutil.process_iter(["pid", "name", "cmdline", "status"])
        etcds = [p.info for p in found if p.info["name"] == "etcd" and p.info["status"] != "zombie"]
        return [i["pid"] for i in etcds if any(str(self.root) in word for word in i["cmdline"] or ())]

    def end(self) -> None:
        for pid in self.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def run_to_its_end(session: Session) -> Result:
    """Carry it out, again where a machine under load was too slow to be looked at."""
    for _ in range(3):
        result = bring_up(session)
        if result.outcome is Outcome.DONE:
            break
    assert result.outcome is Outcome.DONE, result.message
    return result
