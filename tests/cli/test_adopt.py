"""A cluster that runs already becomes a profile; real etcd by its endpoints, hosts and pods in the labs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Cli, one_line
from tests.support.etcd import running


@pytest.mark.timeout(120)
def test_by_endpoints_and_never_over_another(cli: Cli, tmp_path: Path) -> None:
    file = cli.config("# mine\nprofiles:\n  old: {kind: endpoints, endpoints: ['127.0.0.1:1']}  # keep\n")
    before = file.read_text()
    with running(tmp_path / "kv") as cluster:
        seed = cluster.urls[0]
        shown = cli("adopt", "new", "--endpoints", seed, "--dry-run")
        assert shown.returncode == 0 and file.read_text() == before, shown.stderr
        done = cli("adopt", "new", "--endpoints", seed)
        assert done.returncode == 0 and done.stdout == shown.stdout, done.stderr
        assert file.read_text().startswith(before) and "3 members, etcd 3.5.1" in done.stderr
        assert len(cli.json("members", "new", "-o", "json")) == 3
        again = cli("adopt", "new", "--endpoints", seed)
        assert again.returncode == 2 and "there is a profile new already" in one_line(again)
        assert cli("adopt", "old", "--endpoints", seed, "--replace").returncode == 0
        assert "# mine" in file.read_text() and cli("status", "old").returncode == 0
    gone = cli("adopt", "late", "--endpoints", seed)
    assert gone.returncode == 2 and "nothing was adopted: no member list" in one_line(gone)
