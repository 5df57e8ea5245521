"""A real Kubernetes for tests: the lab of `tests.labs.kube`, or any cluster by ``--kube-context``.

Everything here goes through kubectl, so that what a test expects does not come from the code it tests.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.labs.kube import settings
from tests.support.tools import missing

MANIFESTS = Path(settings.__file__).with_name("manifests")
CHECKOUT = Path(__file__).resolve().parents[2]
PUBLIC_IMAGE = "gcr.io/etcd-development/etcd:v3.5.21"
"""For clusters other than the lab, which has images of its own and no registry."""


@dataclass(frozen=True)
class Kube:
    """One cluster, as kubectl reaches it."""

    kubeconfig: str
    """Empty: as kubectl finds it."""
    context: str
    lab: bool

    def run(self, *words: str, stdin: str = "", timeout: float = 60) -> str:
        """What kubectl prints; CalledProcessError with its complaint when it fails."""
        flags = ["--context", self.context] if self.context else []
        done = subprocess.run(
            ["kubectl", *flags, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=self.environ(),
        )
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def environ(self) -> dict[str, str]:
        return {**os.environ, **({"KUBECONFIG": self.kubeconfig} if self.kubeconfig else {})}

    def served(self, group_version: str) -> bool:
        """Whether the server has that API."""
        return group_version in self.run("api-versions").split()


@dataclass(frozen=True)
class Place:
    """A namespace of one test."""

    kube: Kube
    name: str

    def run(self, *words: str, stdin: str = "", timeout: float = 60) -> str:
        return self.kube.run("-n", self.name, *words, stdin=stdin, timeout=timeout)

    def apply(self, objects: list[dict[str, Any]]) -> None:
        text = "---\n".join(yaml.safe_dump(o) for o in objects)
        self.run("apply", "-f", "-", stdin=text)

    def get(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("get", *words, "-o", "json"))
        return found

    def manifests(self, folder: str) -> list[dict[str, Any]]:
        """The objects of a folder of manifests, in the versions that the server has."""
        found = [
            o
            for file in sorted((MANIFESTS / folder).glob("*.yaml"))
            for o in yaml.safe_load_all(file.read_text())
            if o
        ]
        for o in found:
            if o["kind"] == "PodDisruptionBudget" and not self.kube.served("policy/v1"):
                o["apiVersion"] = "policy/v1beta1"
        return found

    def self_managed(self, replicas: int = 3) -> None:
        """etcd 3.4 whose pods add and remove themselves by scripts."""
        objects = self.manifests("self-managed")
        next(o for o in objects if o["kind"] == "StatefulSet")["spec"]["replicas"] = replicas
        self.apply(objects)

    def config_files(self, replicas: int = 3, tls: bool = False, **changes: Any) -> None:
        """etcd 3.5 without a shell, each pod with its file in a ConfigMap.

        Args:
            tls: serve clients with TLS; the Secret ``etcd-tls`` must be there.
            changes: for the container of the StatefulSet, such as ``image``.
        """
        objects = self.manifests("config-files")
        names = [f"etcd-{n}" for n in range(replicas)]
        by_kind = {o["kind"]: o for o in objects}
        by_kind["ConfigMap"]["data"] = {f"{n}.yaml": self.etcd_file(n, names, tls) for n in names}
        by_kind["StatefulSet"]["spec"]["replicas"] = replicas
        pod = by_kind["StatefulSet"]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        if not self.kube.lab:
            container["image"] = PUBLIC_IMAGE
        container.update(changes)
        if tls:
            pod["volumes"].append({"name": "tls", "secret": {"secretName": "etcd-tls"}})
            container["volumeMounts"].append({"name": "tls", "mountPath": "/etc/etcd-tls"})
        self.apply(objects)

    def host(self, name: str) -> str:
        return f"{name}.etcd.{self.name}.svc.cluster.local"

    def etcd_file(self, name: str, names: list[str], tls: bool = False) -> str:
        scheme = "https" if tls else "http"
        settings: dict[str, Any] = {
            "name": name,
            "data-dir": "/var/lib/etcd/data",
            "listen-peer-urls": "http://0.0.0.0:2380",
            "listen-client-urls": f"{scheme}://0.0.0.0:2379",
            "advertise-client-urls": f"{scheme}://{self.host(name)}:2379",
            "initial-advertise-peer-urls": f"http://{self.host(name)}:2380",
            "initial-cluster": ",".join(f"{n}=http://{self.host(n)}:2380" for n in names),
            "initial-cluster-state": "new",
            "initial-cluster-token": self.name,
            "heartbeat-interval": 100,
            "election-timeout": 1000,
        }
        if tls:
            settings["client-transport-security"] = {
                "cert-file": "/etc/etcd-tls/server.pem",
                "key-file": "/etc/etcd-tls/server-key.pem",
                "trusted-ca-file": "/etc/etcd-tls/ca.pem",
                "client-cert-auth": True,
            }
        return yaml.safe_dump(settings)

    def pods(self) -> dict[str, dict[str, Any]]:
        return {p["metadata"]["name"]: p for p in self.get("pods")["items"]}

    def ready(self) -> list[str]:
        """The names of the pods that are ready."""
        return [
            name
            for name, pod in self.pods().items()
            if "deletionTimestamp" not in pod["metadata"]
            and any(
                c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", [])
            )
        ]

    def wait_ready(self, count: int, timeout: float = 180) -> None:
        wait_until(lambda: len(self.ready()) == count, f"{count} pods ready", timeout, 0.5)

    def wait_quota(self, name: str) -> None:
        """Until its use is counted: before that whatever is asked for is refused in other words."""

        def counted() -> bool:
            return "used" in (self.get("quota", name).get("status") or {})

        wait_until(counted, f"quota {name} is counted", 30, 0.2)

    def end_container(self, pod: str, *before: str) -> None:
        """End what runs in a pod by its own shell; how that ends itself may be lost with it.

        Args:
            before: commands that are run first.
        """
        with contextlib.suppress(RuntimeError):
            self.run("exec", pod, "--", "sh", "-c", " && ".join((*before, "kill 1")))

    def members(self, pod: str = "etcd-0") -> list[dict[str, Any]]:
        """The member list, as etcdctl in a pod gives it."""
        found: list[dict[str, Any]] = json.loads(self.etcdctl("member", "list", "-w", "json", pod=pod))[
            "members"
        ]
        return found

    def etcdctl(self, *words: str, pod: str = "etcd-0") -> str:
        """What etcdctl in a pod prints; it waits for elections, and for a machine that is busy."""
        patient = ("--dial-timeout=20s", "--command-timeout=40s")
        return self.run("exec", pod, "--", "etcdctl", *patient, *words)


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 30, pause: float = 0.1) -> None:
    """Look again and again until it holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(pause)


def _lab(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.labs.kube", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        cwd=CHECKOUT,
    )


@pytest.fixture(scope="session")
def kube(request: pytest.FixtureRequest) -> Iterator[Kube]:
    """The cluster that tests run on; the lab is started for them, and stopped if it did not run."""
    if not shutil.which("kubectl"):
        missing("kubectl", "apt-get install kubernetes-client")
    context = request.config.getoption("--kube-context")
    if context:
        yield Kube("", context, lab=False)
        return
    lab = settings.from_environment()
    how = "as root on Debian 12: python3 -m tests.labs.kube build; or give --kube-context"
    if os.geteuid() != 0:
        missing("root for the Kubernetes lab", how)
    if not (lab.bin_dir / "kubelet").exists():
        missing(f"the Kubernetes lab in {lab.cache_dir}", how)
    with lab_up() as running:
        yield running


@contextlib.contextmanager
def lab_up() -> Iterator[Kube]:
    """The lab, which is built and runs meanwhile."""
    lab = settings.from_environment()
    with _running(lab.state_dir):
        yield Kube(str(lab.kubeconfig), "kube-lab", lab=True)


@contextlib.contextmanager
def _running(state: Path) -> Iterator[None]:
    """The lab runs; whoever is the last of several processes stops it, unless it ran before the first."""
    state.mkdir(parents=True, exist_ok=True)
    ours = state / "started-by-tests"
    with (state.parent / f"{state.name}.users").open("w") as users:
        with _alone(state):
            if _lab("status").returncode:
                ours.touch()
                if (done := _lab("up")).returncode:
                    raise RuntimeError(f"the lab did not come up: {done.stdout}{done.stderr}")
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with _alone(state), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if ours.exists():
                    ours.unlink()
                    _lab("down")


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Nobody else starts or stops the lab meanwhile."""
    with (state.parent / f"{state.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def namespace(kube: Kube, name: str = "") -> Iterator[Place]:
    """A namespace that is deleted afterwards; its pods are killed, nobody waits for them."""
    name = name or f"etcdtui-{secrets.token_hex(3)}"
    kube.run("create", "namespace", name)
    try:
        yield Place(kube, name)
    finally:
        kube.run("-n", name, "delete", "statefulset", "--all", "--wait=false")
        kube.run("-n", name, "delete", "pods", "--all", "--grace-period=0", "--force", "--wait=false")
        kube.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def place(kube: Kube) -> Iterator[Place]:
    """A namespace of one test."""
    with namespace(kube) as made:
        yield made
