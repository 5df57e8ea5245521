"""The same trials on a StatefulSet of the Kubernetes lab: etcd killed and frozen in its pod, pods deleted."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from etcdtui.errors import SiteError
from etcdtui.etcd.api import EtcdWriter, Target
from etcdtui.etcd.rpc import dial
from etcdtui.model.cluster import Node, RunState
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.site import KubeSite
from tests.chaos.stage import Stage
from tests.cli.command import Cli
from tests.support.kube import Kube, Place, namespace, wait_until

NAME = "lab"
OFFERED = (
    "restart a follower", "restart the leader", "stop a follower", "move the leader", "rolling restart",
    "upgrade 3.4 to 3.5", "add a member", "grow by two", "shrink by two", "remove a follower",
    "replace a dead member", "compact", "defragment", "restore a snapshot", "recover all from a lost quorum",
)  # fmt: skip
"""The operations that a StatefulSet allows, stopping and removing on its last pod."""
IMAGES = {"3.4": "localhost/etcd:v3.4.23", "3.5": "localhost/etcd:v3.5.1"}


class Seen:
    """The site as the trial looks at it: past the API server, and a node whose etcd runs has a pid."""

    kind = "kube"

    def __init__(self, site: KubeSite) -> None:
        self.name = site.name
        self.site = site
        self.seeds = site.seeds
        self.close = site.close

    def dial(self, url: str) -> EtcdWriter:
        """The pod itself, at its address on the lab's bridge."""
        return dial(Target(url, url.partition("://")[2]))

    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the StatefulSet as it is now."""
        return tuple(self._seen(node) for node in self.site.nodes())

    @staticmethod
    def _seen(node: Node) -> Node:
        address = dict(node.facts).get("pod address", "")
        runs = node.run_state is RunState.RUNNING and address
        urls = (f"http://{address}:2379",) if address else node.client_urls
        return replace(node, pid=1 if runs else None, client_urls=urls)


class KubeStage(Stage):
    """Three members in pods; the trial looks on by kubectl and past the API server."""

    def __init__(self, cli: Cli, site: KubeSite, version: str, place: Place) -> None:
        super().__init__(cli, Seen(site), version, 3, NAME)
        self.place = place

    def follower(self) -> str:
        """The last pod, which alone can be stopped and given up; another leads."""
        nodes = [node for node in self.site.nodes() if node.pid]
        last = nodes[-1]
        if self.leader() == last.name:
            other = next(m["ID"] for m in self.members() if m["name"] == nodes[0].name)
            self.etcdctl("move-leader", f"{other:x}", urls=[last.client_urls[0]])
            wait_until(lambda: self.leader() != last.name, "another leads")
        return last.name

    def signal(self, node: str, number: int) -> bool:
        """Sent on the machine itself: a pod's first process takes no SIGKILL from within."""
        with contextlib.suppress(KeyError, ProcessLookupError, RuntimeError):
            uid = self.place.pods()[node]["metadata"]["uid"]
            for process in psutil.process_iter(["name"]):
                with contextlib.suppress(OSError):
                    if process.info["name"] == "etcd" and uid in _cgroup(process.pid):
                        os.kill(process.pid, number)
                        return True
        return False

    def power(self, node: str, on: bool) -> bool:
        """The pod is deleted without grace, as where its machine is gone; another takes its place."""
        if not on:
            with contextlib.suppress(RuntimeError):
                self.place.run("delete", "pod", node, "--grace-period=0", "--force", "--wait=false")
        return True

    def lose_data(self, node: str) -> None:
        """Within the container, which is there no more once it has failed for want of them."""
        with contextlib.suppress(RuntimeError):
            self.place.run("exec", node, "--", "rm", "-rf", "/var/lib/etcd/data/member")

    def kill_for_good(self, node: str) -> None:
        """Without its data it does not come back by itself."""
        self.lose_data(node)
        self.signal(node, signal.SIGKILL)

        def failed() -> bool:
            return next(n for n in self.site.nodes() if n.name == node).run_state is RunState.FAILED

        wait_until(failed, f"{node} fails", 60, 0.3)


def _cgroup(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


@contextlib.contextmanager
def kube_staging(lab: Kube, root: Path, version: str) -> Iterator[Stage]:
    """One cluster in a namespace of its own, for one trial."""
    cli = Cli(root)
    with namespace(lab) as place:
        place.config_files(3, image=IMAGES[version])
        place.wait_ready(3)
        way = f"kubeconfig: {lab.kubeconfig}, context: {lab.context}, namespace: {place.name}"
        cli.config(f"profiles: {{{NAME}: {{kind: kube, {way}, statefulset: etcd}}}}\n")
        site = KubeSite(NAME, Where(lab.context, place.name, "etcd", Path(lab.kubeconfig)))
        try:
            _connected(site)
            yield KubeStage(cli, site, version, place)
        finally:
            site.close()


def _connected(site: KubeSite) -> None:
    """Under load the API server may need more than one try."""
    for _ in range(5):
        with contextlib.suppress(SiteError):
            site.connect(20)
            return
        time.sleep(1)
    site.connect(20)


class KubeStaging:
    """Makes healthy clusters in the lab."""

    def __init__(self, lab: Kube) -> None:
        self._lab = lab

    def __call__(
        self, root: Path, size: int, version: str, options: tuple[str, ...] = ()
    ) -> contextlib.AbstractContextManager[Stage]:
        """One cluster, for one trial."""
        del size, options
        return kube_staging(self._lab, root, version)
