"""Which etcd is meant: candidates are named and chosen in the console; static pods are among them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.model.cluster import State
from tests.cli.command import Cli
from tests.labs.kube import settings
from tests.sites.kube.support import on_a_terminal, read_until
from tests.support.kube import Kube, Place, wait_until
from tests.support.pki import make_pki

pytestmark = [pytest.mark.kube, pytest.mark.timeout(240)]

CLIENT, PEER = 22379, 22380
CERTS = "/etc/kubernetes/pki/etcd"


def static_etcd(host: str, pki: Path, image: str) -> dict[str, object]:
    """A static pod as kubeadm writes it, on other ports: the lab's host is that of the tests.

    It is ready once its etcd is healthy; kubeadm's own probes tell that later.
    """
    own = f"https://{host}"
    flags = {
        "name": "kubelab",
        "data-dir": "/var/lib/etcd",
        "advertise-client-urls": f"{own}:{CLIENT}",
        "listen-client-urls": f"https://127.0.0.1:{CLIENT},{own}:{CLIENT}",
        "listen-peer-urls": f"http://127.0.0.1:{PEER}",
        "initial-advertise-peer-urls": f"http://127.0.0.1:{PEER}",
        "initial-cluster": f"kubelab=http://127.0.0.1:{PEER}",
        "client-cert-auth": "true",
        "cert-file": f"{CERTS}/server.crt",
        "key-file": f"{CERTS}/server.key",
        "trusted-ca-file": f"{CERTS}/ca.crt",
    }
    files = {"cacert": "ca.crt", "cert": "server.crt", "key": "server.key"}
    way_in = [f"--{flag}={CERTS}/{file}" for flag, file in files.items()]
    healthy = ["etcdctl", f"--endpoints=https://127.0.0.1:{CLIENT}", *way_in, "endpoint", "health"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "etcd",
            "namespace": "kube-system",
            "labels": {"component": "etcd", "tier": "control-plane"},
        },
        "spec": {
            "hostNetwork": True,
            "terminationGracePeriodSeconds": 2,
            "containers": [
                {
                    "name": "etcd",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["etcd", *(f"--{name}={value}" for name, value in flags.items())],
                    "readinessProbe": {
                        "exec": {"command": healthy},
                        "periodSeconds": 1,
                        "timeoutSeconds": 10,
                    },
                    "volumeMounts": [
                        {"name": "certs", "mountPath": CERTS},
                        {"name": "data", "mountPath": "/var/lib/etcd"},
                    ],
                }
            ],
            "volumes": [
                {"name": "certs", "hostPath": {"path": str(pki)}},
                {"name": "data", "emptyDir": {}},
            ],
        },
    }


@pytest.fixture(scope="module")
def static_pod(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a static pod that runs etcd; another cluster has kubeadm's, or none."""
    if not kube.lab:
        found = json.loads(kube.run("-n", "kube-system", "get", "pods", "-l", "component=etcd", "-o", "json"))
        if not found["items"]:
            pytest.skip("this cluster has no static pod of kubeadm's")
        yield found["items"][0]["metadata"]["name"]
        return
    lab = settings.from_environment()
    made = make_pki(tmp_path_factory.mktemp("pki"), dns=("kubelab",), ips=(lab.node_ip, "127.0.0.1"))
    pki = made.ca.parent
    for name, source in (
        ("server.crt", made.server_cert),
        ("server.key", made.server_key),
        ("ca.crt", made.ca),
    ):
        (pki / name).write_bytes(source.read_bytes())
    file = lab.static_pods / "etcd.yaml"
    # The kubelet looks at once, and should not find the half of it.
    part = file.with_name(".etcd.yaml")
    part.write_text(json.dumps(static_etcd(lab.node_ip, pki, "localhost/etcd:v3.5.1")))
    part.rename(file)
    name = f"etcd-{lab.node}"

    def ready() -> bool:
        pods = json.loads(kube.run("-n", "kube-system", "get", "pods", "-o", "json"))["items"]
        states = [p["status"].get("containerStatuses") or [{}] for p in pods if p["metadata"]["name"] == name]
        return any(s[0].get("ready") for s in states)

    try:
        wait_until(ready, "the static pod runs and is healthy", 120, 0.3)
        yield name
    finally:
        file.unlink()


def test_static_pods_are_seen_and_maintained_and_what_cannot_be_done_is_said(
    kube: Kube, static_pod: str, tmp_path: Path
) -> None:
    cli = Cli(tmp_path, {"KUBECONFIG": kube.kubeconfig} if kube.kubeconfig else {})
    name = ("--context", kube.context, "--static-pods")
    (row,) = cli.json("status", *name, "-o", "json", "--timeout", "10s")
    # kubeadm calls the member as its host, the pod `etcd-` and that.
    assert static_pod.endswith(row["name"]) and row["state"] == str(State.LEADER)
    health = cli("health", *name)
    assert health.returncode == 0 and "can neither start, stop nor restart them" in health.stdout
    done = cli("defrag-member", row["name"], *name, "--yes", "--override", kube.context)
    assert done.returncode == 0, done.stderr
    refused = cli("restart", row["name"], *name, "--yes")
    assert refused.returncode == 2 and "kube" in refused.stderr
    adopted = cli("adopt", "plane", *name)
    assert adopted.returncode == 0 and "static_pods: true" in adopted.stdout, adopted.stderr
    (again,) = cli.json("status", "plane", "-o", "json", "--timeout", "10s")
    assert again["name"] == row["name"]


def test_the_console_lets_choose_and_opens_what_was_chosen(place: Place, tmp_path: Path) -> None:
    objects = [o for o in place.manifests("config-files") if o["kind"] == "StatefulSet"]
    for name in ("one", "two"):
        objects[0]["metadata"]["name"] = name
        objects[0]["spec"]["replicas"] = 0
        place.apply(objects)
    cli = Cli(tmp_path, {"KUBECONFIG": place.kube.kubeconfig} if place.kube.kubeconfig else {})
    with on_a_terminal(cli, "launch", "--context", place.kube.context, "-n", place.name) as master:
        read_until(master, b"which one is it?")
        os.write(master, b"j\r")
        read_until(master, f"StatefulSet {place.name}/two: 0 wanted".encode())
