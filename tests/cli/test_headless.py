"""status, members and health as real processes on a real cluster: output, JSON and exit codes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cli.command import Cli, one_line
from tests.support.etcd import EtcdCluster, running
from tests.support.pki import make_pki

COLUMNS = {
    "state", "name", "endpoint", "id", "version", "db_size", "is_leader", "is_learner", "raft_term",
    "raft_index", "raft_applied_index", "errors", "pid", "node", "run_state", "reason",
}  # fmt: skip


def test_a_healthy_demo(demo: Cli) -> None:
    done = demo("status", "demo", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = demo.json("status", "demo", "-o", "json")
    assert [r["node"] for r in rows] == ["n1", "n2", "n3"]
    assert all(set(r) >= COLUMNS for r in rows)
    assert sorted(r["state"] for r in rows) == ["follower", "follower", "leader"]
    for row in rows:
        os.kill(row["pid"], 0)

    table = demo("status", "demo")
    assert "| RAFT APPLIED INDEX |" in table.stdout
    assert "3 of 3 voters healthy, quorum 2: 1 more may fail" in table.stdout

    members = demo.json("members", "demo", "-o", "json")
    assert {m["id"] for m in members} == {r["id"] for r in rows}
    assert {m["status"] for m in members} == {"started"}
    assert "| PEER ADDRS " in demo("members", "demo").stdout

    health = demo.json("health", "demo", "-o", "json")
    assert [h["health"] for h in health] == [True] * 3
    report = demo.json("health", "demo", "-o", "report")
    assert report["healthy"] is True
    assert {f["check"] for f in report["findings"]} >= {"quorum"}
    assert demo("health", "demo").returncode == 0


def test_the_default_profile_and_local_name_the_demo(demo: Cli) -> None:
    assert demo("status", "--local", "--dir", str(demo.demo)).returncode == 0
    demo.config("default: demo\n")
    assert demo("status").returncode == 0


def test_one_down_then_no_quorum(demo: Cli) -> None:
    rows = demo.json("status", "demo", "-o", "json")
    os.kill(rows[0]["pid"], signal.SIGKILL)
    done = demo("status", "demo", "-o", "json")
    assert done.returncode == 1
    assert "n1 is down" in one_line(done)
    assert demo.json("status", "demo", "-o", "json")[0]["state"] == "down"
    os.kill(rows[1]["pid"], signal.SIGKILL)
    done = demo("status", "demo")
    assert done.returncode == 1
    assert "NO QUORUM" in one_line(done)
    assert demo("health", "demo", "-o", "json").returncode == 1


def test_endpoints_from_the_flag_and_from_etcdctls_variable(tmp_path: Path, cli: Cli) -> None:
    with running(tmp_path, 1) as cluster:
        url = cluster.urls[0]
        for done in (
            cli("status", "--endpoints", url.removeprefix("http://"), "-o", "json"),
            cli("status", "-o", "json", ETCDCTL_ENDPOINTS=url),
        ):
            assert done.returncode == 0, done.stderr
        done = cli("stop", "n1", "--endpoints", url, "--yes")
        assert done.returncode == 2
        assert "does not offer it" in one_line(done)


def test_a_silent_endpoint_is_told_within_the_timeout(tmp_path: Path, cli: Cli) -> None:
    with running(tmp_path, 1) as cluster:
        cluster.procs[0].freeze()
        try:
            done = cli("status", "--endpoints", cluster.urls[0], "--timeout", "300ms", "-o", "json")
        finally:
            cluster.procs[0].thaw()
    assert done.returncode == 1
    assert "is down" in one_line(done)


def test_tls_and_a_user(tmp_path: Path, cli: Cli) -> None:
    pki = make_pki(tmp_path / "pki")
    with running(tmp_path, 1, tls=pki) as cluster:
        # The certificate's common name is root, and etcd takes that for the user; a password wins over it.
        enable_auth(cluster)
        flags = ("--cacert", str(pki.ca), "--cert", str(pki.client_cert), "--key", str(pki.client_key))
        address = cluster.urls[0].removeprefix("https://")
        good = cli("status", "--endpoints", address, *flags, "--user", "root", ETCDCTL_PASSWORD="s3cret-pw")
        assert good.returncode == 0, good.stderr
        again = cli("status", "--endpoints", address, *flags, "--user", "root:s3cret-pw")
        assert again.returncode == 0, again.stderr
        (tmp_path / "pw").write_text("s3cret-pw\n")
        cli.config(
            f"profiles:\n  p:\n    kind: endpoints\n    endpoints: ['{address}']\n    user: root\n"
            f"    password_file: {tmp_path}/pw\n"
            f"    tls: {{ca: {pki.ca}, cert: {pki.client_cert}, key: {pki.client_key},\n"
            "          server_name: localhost}\n"
        )
        assert cli("health", "p").returncode == 0
        wrong = cli("status", "--endpoints", address, *flags, "--user", "root:wrong-pw")
        assert wrong.returncode == 1
        assert "-pw" not in wrong.stderr + wrong.stdout
        missing = cli("status", "--endpoints", address, *flags, "--user", "root")
        assert missing.returncode == 2
        assert "ETCDCTL_PASSWORD" in one_line(missing)
        plain = cli("status", "--endpoints", address, "--timeout", "500ms")
        assert plain.returncode == 1


def enable_auth(cluster: EtcdCluster) -> None:
    cluster.etcdctl("user", "add", "root:s3cret-pw")
    cluster.etcdctl("user", "grant-role", "root", "root")
    cluster.etcdctl("auth", "enable")


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (["status", "demo"], 1, "run etcdtui demo"),
        (["status", "prd"], 2, "there is no profile 'prd'; did you mean prod?"),
        (["status"], 2, "no cluster is named: give a profile (demo, kube, prod)"),
        (["status", "prod", "--endpoints", "a:1"], 2, "name two clusters"),
        (["status", "prod", "--user", "u"], 2, "--user goes with --endpoints only"),
        (["status", "--dir", "x"], 2, "--dir goes with --local only"),
        (["status", "--endpoints", "a"], 2, "expected host:port"),
        (["status", "--endpoints", "a:1", "--cert", "x"], 2, "give both --cert and --key"),
        (["status", "--endpoints", "a:1", "--cacert", "/nowhere/ca"], 2, "/nowhere/ca: cannot read"),
        (["status", "--endpoints", "a:1", "--timeout", "5ms"], 2, "expected a time of 100ms or more"),
        (["status", "kube"], 1, "there is no kubeconfig: /nowhere/config"),
        (["launch", "--ssh", "a,b", "-J", "ops@j"], 2, "needs a terminal"),
        (["launch", "-J", "ops@j"], 2, "-J goes with --ssh only"),
        (["status", "prod", "--helper-image", "x"], 2, "goes with --context or a profile of kind kube only"),
        (["demo"], 2, "the console needs a terminal"),
        (["demo", "--nodes", "10"], 2, "expected a whole number from 1 to 9, got '10'"),
        (["demo", "--stop"], 1, "run etcdtui demo"),
        (["stauts"], 2, "invalid choice"),
        (["config", "check", "/nowhere.yaml"], 2, "/nowhere.yaml: there is no such file"),
    ],
)
def test_one_line_and_the_exit_code(cli: Cli, args: list[str], code: int, word: str) -> None:
    cli.config(
        "profiles: {prod: {kind: endpoints, endpoints: ['a:1']}, "
        "kube: {kind: kube, kubeconfig: /nowhere/config}}"
    )
    done = cli(*args)
    assert word in one_line(done)
    assert done.returncode == code


def test_a_bad_variable_is_named(cli: Cli) -> None:
    assert "ETCDCTL_ENDPOINTS" in one_line(cli("status"))
    done = cli("status", ETCDCTL_ENDPOINTS="a:1", ETCDCTL_COMMAND_TIMEOUT="soon")
    assert (done.returncode, "ETCDCTL_COMMAND_TIMEOUT" in one_line(done)) == (2, True)


@pytest.mark.timeout(120)
def test_users_from_the_command_line(cli: Cli, tmp_path: Path) -> None:
    """Root's password comes from a file, and is asked of nobody where nobody is."""
    with running(tmp_path / "kv", 1) as cluster:
        end = ["--endpoints", cluster.urls[0]]
        alone = cli("auth-enable", *end, "--yes")
        assert alone.returncode == 2 and "Root's password: nobody is there to be asked" in one_line(alone)
        secret = tmp_path / "secret"
        secret.write_text("hidden of root\n")
        done = cli("auth-enable", *end, "--yes", "--password-file", str(secret))
        assert done.returncode == 0 and "root logged in" in done.stdout, done.stderr
        assert cli("status", *end, "--user", "root", ETCDCTL_PASSWORD="hidden of root").returncode == 0
        assert "hidden" not in done.stdout + done.stderr + cli.audit.read_text()
        off = cli("auth-disable", *end, "--yes", "--user", "root", ETCDCTL_PASSWORD="hidden of root")
        assert off.returncode == 0, off.stderr
        cluster.etcdctl("put", "a", "1")
