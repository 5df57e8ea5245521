"""The same trials on the hosts of the lab: units and static pods behind a jump host."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from etcdtui.config import SshProfile
from etcdtui.errors import SiteError
from etcdtui.sites.build import open_site
from etcdtui.sites.ssh.site import SshSite
from tests.chaos.stage import Stage
from tests.cli.command import Cli
from tests.labs.hosts.clusters import OLDER, LabCluster
from tests.labs.hosts.lab import Lab
from tests.sites.local.support import wait_until

HOSTS = ("n1", "n2", "n3", "n4")
NAME = "lab"
KINDS = (("unit", "unit", "unit"), ("unit", "static", "unit"), ("static", "static", "static"))
"""How the nodes run their etcd, from trial to trial."""


class HostStage(Stage):
    """Three members on the lab's nodes and a fourth host that is free; the trial looks on over SSH."""

    def __init__(self, cli: Cli, site: SshSite, version: str, cluster: LabCluster) -> None:
        super().__init__(cli, site, version, 3, NAME)
        self.lab = cluster.lab
        self.cluster = cluster

    def etcdctl(self, *args: str, urls: list[str] | None = None) -> str:
        """Asked on the jump host, which reaches all of them."""
        return self.cluster.etcdctl_from_jump(urls or self.urls(), *args)

    def save(self, file: Path) -> None:
        """Saved on the jump host and taken from its tree."""
        self.etcdctl("snapshot", "save", "/root/saved.db", urls=self.urls()[:1])
        shutil.move(self.lab.jump.root / "root" / "saved.db", file)

    def another_peer_url(self, node: str) -> str:
        """The same host by its name."""
        return f"http://{node}:2380"

    def signal(self, node: str, number: int) -> bool:
        """Sent on the machine itself, past SSH."""
        with contextlib.suppress(RuntimeError):
            pid = self.lab[node].run("pgrep", "-ox", "etcd", check=False).strip()
            if pid:
                self.lab[node].run("kill", f"-{int(number)}", pid)
                return True
        return False

    def kill_for_good(self, node: str) -> None:
        """Killed, and what would start it again told not to."""
        self.cluster.stays_dead(self.lab[node])
        wait_until(lambda: not self.node(node).pid, "killed")

    def lose_data(self, node: str) -> None:
        self.lab[node].run("rm", "-rf", f"{self.cluster.data_of(self.lab[node])}/member")

    def unsound(self, allowed: set[int], *, one_node: bool = False, dead: str = "") -> str:
        """Seen anew from the root up: what another console has set up or given up shows only then."""
        site = self.site
        assert isinstance(site, SshSite)
        for host in site.hosts().values():
            with contextlib.suppress(SiteError):
                host.look(deep=True)
        return super().unsound(allowed, one_node=one_node, dead=dead)

    def power(self, node: str, on: bool) -> bool:
        # Its machine may be gone with the lab once it is to boot again.
        with contextlib.suppress(RuntimeError, OSError):
            self.lab[node].power(on)
        return True


class HostStaging:
    """Makes healthy clusters on the lab's nodes; how they run etcd changes from trial to trial.

    Args:
        kinds: how the three nodes run it; drawn anew for each trial when empty.
    """

    def __init__(self, lab: Lab, random: Random, kinds: tuple[str, ...] = ()) -> None:
        self._lab, self._random, self._kinds = lab, random, kinds

    @contextlib.contextmanager
    def __call__(self, root: Path, size: int, version: str, options: tuple[str, ...] = ()) -> Iterator[Stage]:
        """One cluster, for one trial."""
        del size
        lab, cli = self._lab, Cli(root)
        for machine in lab.machines.values():
            machine.power(True)
        lab.wait_ssh()
        cluster = LabCluster(lab, self._kinds or self._random.choice(KINDS), options=options)
        cluster.up(before=OLDER if version == "3.4" else "")
        if "static" in cluster.kinds.values():
            cluster.give_kubelet(lab.spare)
        way = f"hosts: [{', '.join(HOSTS)}], ssh_config: {lab.ssh_config}"
        cli.config(f"profiles: {{{NAME}: {{kind: ssh, {way}}}}}\n")
        site = open_site(SshProfile(name=NAME, hosts=HOSTS, ssh_config=lab.ssh_config))
        assert isinstance(site, SshSite)
        try:
            site.connect(20)
            wait_until(lambda: sum(bool(node.pid) for node in site.nodes()) == 3, "three nodes")
            yield HostStage(cli, site, version, cluster)
        finally:
            site.close()
