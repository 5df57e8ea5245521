"""Reaching etcd in a real Kubernetes: what is shown is what kubectl says, by sockets for us alone."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import yaml

from etcdtui.errors import EtcdError, EtcdtuiError, SiteError
from etcdtui.model.cluster import State
from etcdtui.model.logline import stamp_of
from etcdtui.sites.kube.site import KubeSite
from tests.cli.command import Cli
from tests.sites.kube.support import as_somebody, console_on, documented_rules, site_on, token_of, where
from tests.support.kube import Place, wait_until
from tests.support.proxy import PASSWORD, USER, proxied

MANY = 5000
"""Lines that hold the whole log of a pod of these tests."""
FAR = 600.0
"""Seconds between two looks, longer than any test waits."""

pytestmark = [pytest.mark.kube, pytest.mark.timeout(240)]


def test_pods_members_and_claims_are_what_kubectl_says(three: Place, tmp_path: Path) -> None:
    with console_on(three, tmp_path) as console:
        shot = console.ready(3)
        assert {m.id for m in shot.members} == {m["ID"] for m in three.members()}
        assert [r.name for r in shot.rows] == ["etcd-0", "etcd-1", "etcd-2"]
        assert [r.state for r in shot.rows].count(State.LEADER) == 1
        pods = three.pods()
        for row in shot.rows:
            assert row.node is not None and row.node.run.startswith(pods[row.name]["metadata"]["uid"])
            facts = dict(row.node.facts)
            assert facts["claim"] == f"data-{row.name} 1Gi"
            assert facts["Kubernetes node"] == pods[row.name]["spec"]["nodeName"]
        # Controllers write that down some time after the pods are ready.
        note = f"{three.name}/etcd 3/3 ready, PDB allows 1"
        console.until(lambda s: s.site_note == note)
        report = console.session.check_health()
        assert [f.message for f in report.findings if f.check == "drift"] == [
            "replicas, pods, claims and members agree"
        ]


def test_forwards_end_on_sockets_that_others_cannot_reach_and_leave_nothing(three: Place) -> None:
    with site_on(three) as site:
        url = site.seeds()[0]
        endpoint = site.dial(url)
        assert endpoint.status(5).version.startswith("3.")
        place = Path(endpoint.target.address.removeprefix("unix:"))
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        endpoint.close()
    assert not place.parent.exists()


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_everything_goes_through_the_proxy_that_the_kubeconfig_names(
    three: Place, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with kubectl, it counts for a proxy of the environment alone.
    monkeypatch.setenv("NO_PROXY", "*")
    file = tmp_path / "kubeconfig"
    config = json.loads(three.kube.run("config", "view", "--minify", "--flatten", "-o", "json"))
    with proxied(kind) as proxy:
        for login in (f"{quote(USER, '')}:{quote(PASSWORD, '')}@", "jane:wrong@"):
            config["clusters"][0]["cluster"]["proxy-url"] = f"{kind}://{login}127.0.0.1:{proxy.port}"
            file.write_text(yaml.safe_dump(config))
            if "wrong" in login:
                with pytest.raises(SiteError) as refused, site_on(three, kubeconfig=file):
                    pass
                assert "\n" not in str(refused.value) and "wrong" not in str(refused.value)
                continue
            with site_on(three, kubeconfig=file) as site:
                endpoint = site.dial(site.seeds()[0])
                assert endpoint.status(5).version.startswith("3.")
                endpoint.close()
            server = urlsplit(config["clusters"][0]["cluster"]["server"]).netloc
            # Requests, the watch and a port-forward to each pod.
            assert set(proxy.asked) == {server} and len(proxy.asked) >= 4 and not proxy.refused
        assert proxy.refused


IN_A_POD = """
mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io
cp -r "$1" /run/secrets/kubernetes.io/serviceaccount && shift && exec "$@"
"""


def test_in_a_pod_its_service_account_counts(three: Place, tmp_path: Path) -> None:
    """Not in a container, but where one has its account, and with the variables that it has."""
    if os.geteuid() != 0:
        pytest.skip("mounts the account's files where a pod has them: as root")
    three.run("create", "serviceaccount", "console")
    three.run(
        "create", "rolebinding", "console", "--clusterrole=admin", f"--serviceaccount={three.name}:console"
    )
    config = json.loads(three.kube.run("config", "view", "--minify", "--flatten", "-o", "json"))
    cluster = config["clusters"][0]["cluster"]
    account, server = tmp_path / "account", urlsplit(cluster["server"])
    account.mkdir()
    (account / "token").write_text(token_of(three, "console"))
    (account / "namespace").write_text(three.name)
    (account / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    cli = Cli(tmp_path / "home")
    cli.config("profiles:\n  here:\n    kind: kube\n")
    service = {
        "KUBECONFIG": "",
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": server.hostname or "",
        "KUBERNETES_SERVICE_PORT": str(server.port or 443),
    }
    command = [sys.executable, "-m", "etcdtui", "status", "here", "-o", "json", "--timeout", "10s"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", IN_A_POD, "sh", str(account), *command],
        capture_output=True,
        text=True,
        timeout=120,
        env=cli.environ(**service),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in json.loads(done.stdout)] == ["etcd-0", "etcd-1", "etcd-2"]


def test_url_that_names_no_pod_is_refused_in_words(three: Place) -> None:
    with site_on(three) as site, pytest.raises(SiteError, match="names no pod of StatefulSet etcd"):
        site.dial("http://localhost:2379")


def test_a_pods_death_shows_at_once_and_the_next_one_answers_by_itself(three: Place, tmp_path: Path) -> None:
    with console_on(three, tmp_path) as console:
        before = {r.name: r.node.run for r in console.ready(3).rows if r.node}
        uid = three.pods()["etcd-2"]["metadata"]["uid"]

        def gone() -> bool:
            pod = three.pods().get("etcd-2")
            return pod is None or bool(pod["metadata"]["uid"] != uid)

        def renewed() -> bool:
            row = console.session.snapshot().find("etcd-2")
            return row is not None and row.node is not None and row.node.run != before["etcd-2"]

        def seen() -> bool:
            row = console.session.snapshot().find("etcd-2")
            return row is None or not row.reading.answered or renewed()

        # Whatever is seen now is told by the watch or by a connection: the next look is far off.
        console.session.refresh = FAR
        three.run("delete", "pod", "etcd-2", "--grace-period=0", "--force", "--wait=false")
        wait_until(gone, "kubectl sees it go", 20, 0.02)
        wait_until(seen, "the console sees it go", 20, 0.01)
        console.session.refresh = 0.5
        three.wait_ready(3)
        console.from_now()
        console.ready(3)
        assert renewed()
        wait_until(lambda: any("etcd-2: Started" in t for t in console.told()), "Kubernetes' own events", 60)


def test_the_set_is_found_when_it_is_the_only_one(three: Place) -> None:
    with site_on(three) as site:
        assert site.link().name == "etcd"
    text = _refused(three, statefulset="db")
    assert text == f"there is no StatefulSet 'db' in namespace {three.name} (there is etcd)"


def test_several_candidates_are_listed_in_one_line(place: Place) -> None:
    objects = [o for o in place.manifests("config-files") if o["kind"] == "StatefulSet"]
    for name in ("one", "two"):
        objects[0]["metadata"]["name"] = name
        objects[0]["spec"]["replicas"] = 0
        place.apply(objects)
    text = _refused(place)
    words = "StatefulSet, 0 of 0 ready, etcd"
    assert text.startswith(f"several run etcd: {place.name}/one ({words}")
    assert f"; {place.name}/two ({words}" in text
    assert (
        f"choose one, such as -n {place.name} --statefulset one or -n {place.name} --statefulset two" in text
    )


def _refused(place: Place, **more: str) -> str:
    site = KubeSite("test", where(place, **more))
    try:
        with pytest.raises(EtcdtuiError) as refused:
            site.connect()
        return str(refused.value)
    finally:
        site.close()


def test_log_tail_follow_and_the_run_before(three: Place) -> None:
    with site_on(three) as site:
        assert any("etcd-version" in line for line in site.log_tail("etcd-0", MANY))
        (etcd,) = three.pods()["etcd-0"]["status"]["containerStatuses"]
        assert bool(site.log_previous("etcd-0", 10)) == bool(etcd["restartCount"])
        stamps = [stamp_of(line) for line in site.log_tail("etcd-0", MANY)]
        assert stamp_of(site.log_from("etcd-0", stamps[0], 3)[0]) == stamps[0]
        assert len(site.log_from("etcd-0", stamps[0], 3)) == 3
        assert site.log_from("etcd-0", "2999-01-01 00:00:00", 3) == ()
        got: list[str] = []
        follower = threading.Thread(
            target=lambda: got.extend(site.log_follow("etcd-0", lambda: bool(got))), daemon=True
        )
        follower.start()
        endpoint = site.dial(site.seeds()[0])
        # A compaction is logged; the follower is given some, for it may begin later than the first.
        for _ in range(150):
            with contextlib.suppress(EtcdError):
                endpoint.compact(endpoint.put(b"k", b"v", 5), 5)
            follower.join(0.2)
            if not follower.is_alive():
                break
        assert not follower.is_alive() and got
        endpoint.close()


# -- rights ------------------------------------------------------------------------------------


def test_missing_rights_are_named_and_the_rest_goes_on(three: Place, tmp_path: Path) -> None:
    rules: list[dict[str, object]] = [
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
    ]
    file = as_somebody(three, tmp_path / "kubeconfig", rules)
    with console_on(three, tmp_path, kubeconfig=file) as console:
        shot = console.ready(3)
        assert "may not list persistentvolumeclaims" in shot.site_note
        with pytest.raises(EtcdtuiError, match=r"not permitted: .*cannot delete resource"):
            site = console.session.site
            assert isinstance(site, KubeSite)
            site.restart_node("etcd-1")
        # A plan that would lack a right in its middle is not begun.
        for action, row, lacking in (
            ("scale", "", r"may not patch statefulsets .*; may not patch configmaps .*a file each"),
            ("restart-node", "etcd-1", "may not delete pods .*restart and kill nodes"),
            ("stop-node", "etcd-2", "may not patch statefulsets"),
        ):
            with pytest.raises(EtcdtuiError, match=lacking):
                console.prepare(action, row, **({} if row else {"voters": 5}))
    cli = Cli(tmp_path / "home", {"KUBECONFIG": str(file)})
    done = cli("doctor", "--context", three.kube.context, "-n", three.name)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"ok: rights: may list pods in namespace {three.name}" in lines
    wanted = f"may not watch pods in namespace {three.name}: needed to see a pod's death at once"
    assert f"warning: rights: {wanted}" in lines
    # Without any at all they are still named one by one.
    as_somebody(three, file, [])
    bare = cli("doctor", "--context", three.kube.context, "-n", three.name)
    assert bare.returncode == 1, bare.stderr
    for needed in ("get statefulsets", "list pods", "create pods/portforward"):
        assert f"critical: rights: may not {needed} in namespace {three.name}" in bare.stdout


def test_without_port_forward_the_reason_is_the_right_that_is_missing(three: Place, tmp_path: Path) -> None:
    rules: list[dict[str, object]] = [
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
    ]
    file = as_somebody(three, tmp_path / "kubeconfig", rules)
    cli = Cli(tmp_path / "home", {"KUBECONFIG": str(file)})
    name = ("--context", three.kube.context, "-n", three.name, "--statefulset", "etcd")
    done = cli("status", *name, "--timeout", "10s")
    assert done.returncode == 1
    assert "not permitted" in done.stdout and "pods/portforward" in done.stdout
    assert "? unknown" in done.stdout and "down" not in done.stdout
    doctor = cli("doctor", *name)
    assert doctor.returncode == 1
    assert "critical: rights: may not create pods/portforward" in doctor.stdout


def test_where_only_exec_is_permitted_the_pods_own_etcdctl_is_asked(three: Place, tmp_path: Path) -> None:
    rules: list[dict[str, object]] = [
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    ]
    file = as_somebody(three, tmp_path / "kubeconfig", rules)
    cli = Cli(tmp_path / "home", {"KUBECONFIG": str(file)})
    name = ("--context", three.kube.context, "-n", three.name, "--statefulset", "etcd")
    rows = cli.json("status", *name, "-o", "json", "--timeout", "10s")
    assert {row["id"] for row in rows} == {f"{m['ID']:x}" for m in three.members()}
    for follower in (row["name"] for row in rows if row["state"] == "follower"):
        done = cli("move-leader", follower, *name, "--yes", "--timeout", "10s")
        # Unless it was elected since.
        if "leads already" not in done.stderr:
            break
    assert done.returncode == 0 and f"{follower} leads in term" in done.stdout, done.stderr
    doctor = cli("doctor", *name)
    assert doctor.returncode == 0
    assert f"ok: rights: may create pods/exec in namespace {three.name}" in doctor.stdout


def test_the_documented_roles_are_enough_and_no_more_is_needed(three: Place, tmp_path: Path) -> None:
    reading, acting = documented_rules()
    cli = Cli(tmp_path / "home")
    name = ("--context", three.kube.context, "-n", three.name)
    for rules, words in ((reading, ("doctor", "--read-only")), ([*reading, *acting], ("doctor",))):
        cli.env["KUBECONFIG"] = str(as_somebody(three, tmp_path / "kubeconfig", rules))
        done = cli(*words, *name)
        assert done.returncode == 0 and "may not" not in done.stdout, done.stdout + done.stderr
    with console_on(three, tmp_path, kubeconfig=tmp_path / "kubeconfig") as console:
        console.ready(3)
        console.do("restart-node", "etcd-1")
