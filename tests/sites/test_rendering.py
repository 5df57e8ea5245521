"""What is rendered is what real etcds take: the files of hosts, the flags, certificates made for them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from etcdtui.config import KubeProfile, load
from etcdtui.errors import SiteError
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, KubeBootstrap, MemberPlan, Tls
from etcdtui.sites.kube.access import namespace_of
from etcdtui.sites.kube.manifests import Manifests, probes
from etcdtui.sites.pki import Names
from etcdtui.sites.pki_store import PkiStore
from etcdtui.sites.rendering import render
from etcdtui.sites.standing import see_unchanged
from tests.support.etcd import free_ports
from tests.support.kube import wait_until
from tests.support.tools import etcd as etcd_binary

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.yaml"


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize(
    ("version", "tls", "flags"), [("3.5", Tls.MADE, False), ("3.4", Tls.NONE, True), ("3.5", Tls.AUTO, True)]
)
def test_etcd_takes_what_is_rendered(
    tmp_path: Path, version: str, tls: Tls, flags: bool, running: list[subprocess.Popen[bytes]]
) -> None:
    ports = free_ports(6)
    members = tuple(
        MemberPlan("here", f"m{n}", "127.0.0.1", ports[2 * n], ports[2 * n + 1]) for n in range(3)
    )
    plan = HostsBootstrap(
        members=members,
        tls=tls,
        data_dir=f"{tmp_path}/data-{{name}}",
        config_dir=f"{tmp_path}/etc",
        settings={"heartbeat-interval": 100, "quota-backend-bytes": 100_000_000},
    )
    store = PkiStore(tmp_path / "pki", "lab")
    for member in members:
        if tls is Tls.MADE:
            _certificates(store, plan, member)
        found = settings.host_settings(plan, member, "lab", founded=False)
        file = tmp_path / f"{member.name}.yaml"
        file.write_text(settings.as_yaml(found))
        words = settings.as_flags(found) if flags else (f"--config-file={file}",)
        with (tmp_path / f"{member.name}.log").open("wb") as log:
            argv = [str(etcd_binary(version)), *words]
            running.append(subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
    ca, cert, key = store.bundle
    words = (f"--cacert={ca}", f"--cert={cert}", f"--key={key}") if tls is Tls.MADE else ()
    if tls is Tls.MADE:
        store.client()
    if tls is Tls.AUTO:
        # What etcd made for itself is its own CA, as the console reads it from the hosts.
        made = [Path(settings.data_dir(plan, m)) / "fixtures/client/cert.pem" for m in members]
        wait_until(lambda: all(map(_written, made)), "certificates of etcd's own", 20)
        (tmp_path / "made.pem").write_bytes(b"".join(file.read_bytes() for file in made))
        words = (f"--cacert={tmp_path / 'made.pem'}",)
    urls = ",".join(settings.client_url(plan, member) for member in members)
    _await_healthy(version, [f"--endpoints={urls}", *words])


def _written(file: Path) -> bool:
    """Whether a certificate is there as a whole."""
    return file.exists() and file.read_bytes().endswith(b"-----END CERTIFICATE-----\n")


def _certificates(store: PkiStore, plan: HostsBootstrap, member: MemberPlan) -> None:
    folder = Path(settings.tls_dir(plan, member))
    folder.mkdir(parents=True)
    for kind in ("server", "peer"):
        pair = store.pair(
            f"{member.name}-{kind}", Names(member.name, ("127.0.0.1", "localhost"), server=True)
        )
        (folder / f"{kind}.pem").write_bytes(pair.cert)
        (folder / f"{kind}-key.pem").write_bytes(pair.key)
        (folder / f"{kind}-ca.pem").write_bytes(store.ca().cert)


def _await_healthy(version: str, words: list[str]) -> None:
    deadline = time.monotonic() + 40
    ctl = str(etcd_binary(version, "etcdctl"))
    while True:
        done = subprocess.run(
            [ctl, *words, "endpoint", "health", "-w", "json", "--dial-timeout=1s"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={"ETCDCTL_API": "3"},
        )
        if done.returncode == 0:
            assert [each["health"] for each in json.loads(done.stdout)] == [True] * 3
            return
        assert time.monotonic() < deadline, done.stdout + done.stderr
        time.sleep(0.3)


def test_manifests_hang_together() -> None:
    objects = {o["kind"]: o for o in yaml.safe_load_all(render(load(EXAMPLE).profiles["kube"]))}
    pods, spec = objects["StatefulSet"]["spec"]["template"], objects["StatefulSet"]["spec"]
    labels = pods["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    assert objects["PodDisruptionBudget"]["spec"] == {"minAvailable": 2, "selector": {"matchLabels": labels}}
    assert sorted(objects["ConfigMap"]["data"]) == ["etcd-0.yaml", "etcd-1.yaml", "etcd-2.yaml"]
    file = yaml.safe_load(objects["ConfigMap"]["data"]["etcd-1.yaml"])
    assert (
        file["initial-advertise-peer-urls"]
        == f"https://etcd-1.{spec['serviceName']}.etcd.svc.cluster.local:2380"
    )
    container = pods["spec"]["containers"][0]
    mounts = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}
    volumes = {v["name"] for v in pods["spec"]["volumes"]} | {"data"}
    assert set(mounts.values()) == volumes
    for transport in ("client-transport-security", "peer-transport-security"):
        assert str(Path(file[transport]["cert-file"]).parent) in mounts
    assert str(Path(file["data-dir"]).parent) in mounts
    assert container["command"] == ["etcd", "--config-file=/etc/etcd/$(POD_NAME).yaml"]


def test_pods_that_stand_are_set_up_in_no_other_way() -> None:
    three = KubeBootstrap()

    def files(plan: KubeBootstrap, *, founded: bool) -> dict[str, str]:
        return dict(Manifests(plan, "etcd", "kv").config_map(founded=founded)["data"])

    there = files(three, founded=True)
    see_unchanged(there, there)
    see_unchanged(there, files(replace(three, settings={"heartbeat-interval": 200}), founded=True))
    see_unchanged({}, there)
    see_unchanged(files(three, founded=False), files(replace(three, tls=Tls.MADE), founded=True))
    see_unchanged(there, files(replace(three, members=1), founded=True))
    words = "etcd-0 was set up with advertise-client-urls http://.*another client-transport-security"
    with pytest.raises(SiteError, match=words):
        see_unchanged(there, files(replace(three, tls=Tls.MADE), founded=True))
    with pytest.raises(SiteError, match="the cluster stands without etcd-3, etcd-4: a bring-up adds nobody"):
        see_unchanged(there, files(replace(three, members=5), founded=True))


def test_the_namespace_is_the_one_that_the_bring_up_would_take(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_text("current-context: b\ncontexts: [{name: a, context: {namespace: of-a}}]\n")
    second.write_text("current-context: a\ncontexts: [{name: b, context: {namespace: of-b}}, {name: c}]\n")
    environ = {"KUBECONFIG": f"{first}:{tmp_path}/none:{second}"}
    found = [namespace_of(context, None, environ) for context in ("", "a", "c", "d")]
    assert found == ["of-b", "of-a", "", ""]
    profile = load(EXAMPLE).profiles["kube"]
    assert isinstance(profile, KubeProfile)
    plain = replace(profile, namespace="", context="a", kubeconfig=first)
    objects = list(yaml.safe_load_all(render(plain)))
    assert {each["metadata"]["namespace"] for each in objects} == {"of-a"}
    assert "etcd-1.etcd.of-a.svc.cluster.local" in str(objects)


@pytest.mark.parametrize(
    ("version", "alive"),
    [
        ((3, 4, 28), "tcpSocket"),
        ((3, 4, 29), "/livez"),
        ((3, 5, 10), "/health?exclude=NOSPACE&serializable=true"),
        ((3, 5, 11), "/livez"),
        ((3, 6, 0), "/livez"),
    ],
)
def test_no_probe_ends_a_pod_because_the_others_are_away(version: tuple[int, int, int], alive: str) -> None:
    probe = probes(version)["livenessProbe"]
    assert alive in ("tcpSocket" if "tcpSocket" in probe else probe["httpGet"]["path"])
