"""``render``: files for hosts, printed, with what could be better."""

from __future__ import annotations

from tests.cli.command import Cli
from tests.test_config_bootstrap import SSH


def test_render_prints_files_and_says_what_could_be_better(cli: Cli) -> None:
    cli.config(SSH % "members: [{host: b}, {host: c}], account: kv")
    done = cli("render", "p")
    assert done.returncode == 0
    assert "# /etc/etcd/b.yaml (mode 0640, root:kv)" in done.stdout
    assert 'initial-cluster-state: "new"' in done.stdout
    assert "2 voters: that fails with either of the two" in done.stderr
    assert 'initial-cluster-state: "existing"' in cli("render", "p", "--founded").stdout
    cli.config("profiles: {p: {kind: kube, bootstrap: {}}}")
    service = cli("render", "p", "--only", "service/etcd-client")
    assert service.returncode == 0 and service.stdout.count("kind: ") == 1 and "etcd-client" in service.stdout
    assert "there is poddisruptionbudget/etcd, service/etcd" in cli("render", "p", "--only", "x/y").stderr
    cli.config("profiles: {p: {kind: kube}}")
    done = cli("render", "p")
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not say what its cluster is to be" in done.stderr
