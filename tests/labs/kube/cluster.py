"""Starts, stops and describes the cluster: etcd, the control plane, containerd, the DNS and the kubelet."""

import calendar
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.labs.kube import configs, host, images, pki
from tests.labs.kube.api import Api
from tests.labs.kube.build import PROGRAMS, step
from tests.labs.kube.procs import Processes
from tests.labs.kube.settings import Settings

# in the order of their start; they are stopped in the opposite order
NAMES = [
    "mountns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "dns",
    "kubelet",
]
CHECKOUT = str(Path(__file__).resolve().parents[3])


def up(s: Settings) -> int:
    if not all((s.bin_dir / p).exists() for p in PROGRAMS):
        print("nothing is built in", s.cache_dir, "- run: python -m tests.labs.kube build", file=sys.stderr)
        return 1
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    procs = Processes(s.state_dir)
    if not procs.pid("mountns") and any(map(procs.pid, NAMES)):
        down(s)  # what ran in a namespace that has lost its holder cannot be joined again
    for d in ("run", "log", s.static_pods.name):
        (s.state_dir / d).mkdir(parents=True, exist_ok=True)
    host.make(s)
    pki.make(s)
    configs.write(s)
    python = {"PYTHONPATH": CHECKOUT}
    ready = s.state_dir / "run/mountns.ready"
    if not procs.pid("mountns"):
        ready.unlink(missing_ok=True)
        procs.start(
            "mountns",
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                sys.executable,
                "-m",
                "tests.labs.kube.mountns",
                *s.as_flags(),
            ],
            python,
        )
    procs.wait("mount namespace", ready.exists, 10, "mountns")
    inside = ["nsenter", "-m", "-t", procs.pid("mountns")]

    procs.start("etcd", _etcd(s))
    procs.start("containerd", [*inside, "containerd", "--config", s.state_dir / "etc/containerd.toml"])
    procs.wait("etcd", lambda: _http_ok(f"http://127.0.0.1:{s.etcd_port}/health"), 30, "etcd")
    procs.start("kube-apiserver", _apiserver(s))
    procs.wait("containerd", lambda: _ctr(s, "version").returncode == 0, 30, "containerd")
    images.import_all(s)
    step("containerd has the images")
    api = Api(s)
    procs.wait("API server", api.ready, 120, "kube-apiserver")
    step("the API server is ready")
    api.create(
        "/apis/storage.k8s.io/v1/storageclasses",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "provisioner": "kubernetes.io/host-path",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
        },
    )
    procs.start("kube-controller-manager", [*inside, *_controller_manager(s)])
    procs.start("kube-scheduler", _scheduler(s))
    procs.start("dns", [sys.executable, "-m", "tests.labs.kube.dns", *s.as_flags()], python)
    since = 0 if procs.pid("kubelet") else int(time.time())
    procs.start("kubelet", [*inside, *_kubelet(s)])
    procs.wait("Ready node", lambda: _node_ready(api, s, since), 120, "kubelet")
    procs.wait(
        "default service account",
        lambda: _exists(api, "/api/v1/namespaces/default/serviceaccounts/default"),
        60,
        "kube-controller-manager",
    )
    step(f"the node {s.node} is Ready")
    print(s.kubeconfig)
    return 0


def down(s: Settings, wipe: bool = False) -> int:
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    procs = Processes(s.state_dir)
    procs.stop("kubelet")
    bundles = list((s.state_dir / "run/containerd/io.containerd.runtime.v2.task/k8s.io").glob("*"))
    if bundles and not procs.pid("containerd") and procs.pid("mountns"):  # it has died; its shims have not
        procs.start(
            "containerd",
            [
                "nsenter",
                "-m",
                "-t",
                procs.pid("mountns"),
                "containerd",
                "--config",
                s.state_dir / "etc/containerd.toml",
            ],
        )
        procs.wait("containerd", lambda: _ctr(s, "version").returncode == 0, 30, "containerd")
    if procs.pid("containerd"):
        for task in _ctr(s, "-n", "k8s.io", "tasks", "ls", "-q").stdout.split():
            _ctr(s, "-n", "k8s.io", "tasks", "rm", "-f", task)
        for container in _ctr(s, "-n", "k8s.io", "containers", "ls", "-q").stdout.split():
            _ctr(s, "-n", "k8s.io", "containers", "rm", container)
    for name in reversed(NAMES):
        procs.stop(name)
    shutil.rmtree(s.state_dir / "cni/addresses", ignore_errors=True)
    host.remove(s)
    end = time.monotonic() + 10
    while (left := host.left(s)) and time.monotonic() < end:
        time.sleep(0.2)
    for line in left:
        print("left:", line)
    if wipe and not left:
        shutil.rmtree(s.state_dir, ignore_errors=True)
    return 1 if left else 0


def status(s: Settings) -> int:
    procs = Processes(s.state_dir)
    for name in NAMES:
        print(f"{name:24} {procs.pid(name) or 'not running'}")
    try:
        api = Api(s)
        ready = _node_ready(api, s, 0)
        pods = api.get("/api/v1/pods")["items"]
        print(
            f"node {s.node}: {'Ready' if ready else 'not Ready'}, {len(pods)} pods, kubeconfig {s.kubeconfig}"
        )
        return 0 if ready else 1
    except OSError as e:
        print("no API server:", e)
        return 1


def _ctr(s: Settings, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ctr", "-a", str(s.containerd_socket), *args], capture_output=True, text=True)


def _http_ok(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as r:
            return bool(json.load(r).get("health") == "true")
    except (OSError, ValueError):
        return False


def _exists(api: Api, path: str) -> bool:
    try:
        return bool(api.get(path))
    except OSError:
        return False


def _node_ready(api: Api, s: Settings, since: int) -> bool:
    """Whether the node says Ready, in a report made after the time since."""
    try:
        node = api.get(f"/api/v1/nodes/{s.node}")
    except OSError:
        return False
    for c in node["status"].get("conditions") or []:
        if c["type"] == "Ready":
            told = calendar.timegm(time.strptime(c["lastHeartbeatTime"], "%Y-%m-%dT%H:%M:%SZ"))
            return c["status"] == "True" and told >= since
    return False


def _etcd(s: Settings) -> list[Any]:
    client, peer = f"http://127.0.0.1:{s.etcd_port}", f"http://127.0.0.1:{s.etcd_peer_port}"
    return [
        "/usr/bin/etcd",
        "--name=lab",
        f"--data-dir={s.state_dir}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
        "--log-level=warn",
        "--logger=zap",
    ]


def _apiserver(s: Settings) -> list[Any]:
    p = s.pki_dir
    return [
        s.bin_dir / "kube-apiserver",
        "--bind-address=127.0.0.1",
        f"--secure-port={s.api_port}",
        "--insecure-port=0",
        f"--advertise-address={s.node_ip}",
        f"--etcd-servers=http://127.0.0.1:{s.etcd_port}",
        f"--service-cluster-ip-range={s.services}",
        "--allow-privileged=true",
        f"--cert-dir={p}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={p}/ca.crt",
        f"--tls-cert-file={p}/apiserver.crt",
        f"--tls-private-key-file={p}/apiserver.key",
        f"--kubelet-certificate-authority={p}/ca.crt",
        f"--kubelet-client-certificate={p}/apiserver-kubelet.crt",
        f"--kubelet-client-key={p}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={p}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={p}/front-proxy.crt",
        f"--proxy-client-key-file={p}/front-proxy.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={p}/service-accounts.pub",
        f"--service-account-signing-key-file={p}/service-accounts.key",
    ]


def _controller_manager(s: Settings) -> list[Any]:
    p = s.pki_dir
    k = f"{p}/controller-manager.kubeconfig"
    return [
        s.bin_dir / "kube-controller-manager",
        "--bind-address=127.0.0.1",
        f"--secure-port={s.controller_port}",
        "--port=0",
        f"--kubeconfig={k}",
        f"--authentication-kubeconfig={k}",
        f"--authorization-kubeconfig={k}",
        f"--cert-dir={p}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={p}/service-accounts.key",
        f"--root-ca-file={p}/ca.crt",
        f"--cluster-signing-cert-file={p}/ca.crt",
        f"--cluster-signing-key-file={p}/ca.key",
        f"--service-cluster-ip-range={s.services}",
        "--enable-hostpath-provisioner=true",
        "--leader-elect=false",
        f"--flex-volume-plugin-dir={s.state_dir}/kubelet-plugins",
    ]


def _scheduler(s: Settings) -> list[Any]:
    k = f"{s.pki_dir}/scheduler.kubeconfig"
    return [
        s.bin_dir / "kube-scheduler",
        "--bind-address=127.0.0.1",
        f"--secure-port={s.scheduler_port}",
        "--port=0",
        f"--kubeconfig={k}",
        f"--authentication-kubeconfig={k}",
        f"--authorization-kubeconfig={k}",
        f"--cert-dir={s.pki_dir}",
        "--leader-elect=false",
    ]


def _kubelet(s: Settings) -> list[Any]:
    return [
        s.bin_dir / "kubelet",
        f"--config={s.state_dir}/etc/kubelet.json",
        f"--kubeconfig={s.pki_dir}/kubelet-client.kubeconfig",
        f"--hostname-override={s.node}",
        f"--node-ip={s.node_ip}",
        "--container-runtime=remote",
        f"--container-runtime-endpoint=unix://{s.containerd_socket}",
        f"--volume-plugin-dir={s.state_dir}/kubelet-plugins",
    ]
