"""A StatefulSet that somebody made becomes a profile that opens, changes and renders nothing of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.command import Cli
from tests.sites.kube.support import PATIENT, on_a_terminal, read_until
from tests.support.kube import Place

pytestmark = [pytest.mark.kube, pytest.mark.timeout(240)]


def test_the_profile_opens_without_what_the_command_line_said(three: Place, tmp_path: Path) -> None:
    cli = Cli(tmp_path, timeout=PATIENT)
    file = cli.config("# mine\nprofiles:\n  old: {kind: endpoints, endpoints: ['127.0.0.1:1']}\n")
    env = {"KUBECONFIG": three.kube.kubeconfig} if three.kube.kubeconfig else {}
    where = ("--context", three.kube.context, "-n", three.name, "--timeout", "10s")
    shown = cli("adopt", "shop", *where, "--dry-run", **env)
    assert shown.returncode == 0 and "shop" not in file.read_text(), shown.stderr
    done = cli("adopt", "shop", *where, **env)
    assert done.returncode == 0 and done.stdout == shown.stdout, done.stderr
    assert "3 members, etcd 3.5" in done.stderr and "`etcdtui launch shop` opens it" in done.stderr
    told = yaml.safe_load(file.read_text())["profiles"]["shop"]
    assert (told["kind"], told["namespace"], told["statefulset"]) == ("kube", three.name, "etcd")
    assert file.read_text().startswith("# mine\n")
    # From here on without the variable: the profile says it all.
    rows = cli.json("status", "shop", "-o", "json", "--timeout", "10s")
    assert sorted(row["name"] for row in rows) == ["etcd-0", "etcd-1", "etcd-2"]
    with on_a_terminal(cli, "launch", "shop") as master:
        read_until(master, b"3 of 3 voters healthy")
    # What runs can be changed by it, and is nothing that it would bring up.
    uid = three.pods()["etcd-2"]["metadata"]["uid"]
    done = cli("restart", "etcd-2", "shop", "--yes")
    assert done.returncode == 0 and three.pods()["etcd-2"]["metadata"]["uid"] != uid, done.stderr
    refused = cli("render", "shop")
    assert refused.returncode == 2 and "does not say what its cluster is to be" in refused.stderr
    assert file.stat().st_mode & 0o777 == 0o600
