"""Hosts for bring-ups: names of this machine behind real sshds, with nothing on them."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sites.ssh.stage import ADDRESSES, VERSION, Stage
from tests.support.sshd import keygen, sshds
from tests.support.tools import etcd as etcd_binary


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tarball as etcd's releases are, made of a real etcd."""
    path = tmp_path_factory.mktemp("release") / f"etcd-v{VERSION}-linux-amd64.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(etcd_binary("3.5"), f"etcd-v{VERSION}-linux-amd64/etcd")
    return path


@pytest.fixture
def stage(tmp_path: Path, release: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    key = keygen(tmp_path / "key")
    listening = "\n".join(f"ListenAddress {address}" for address in ADDRESSES)
    with sshds(tmp_path, 3, listening, tmp_path) as servers:
        for server in servers:
            server.authorize(key)
        (tmp_path / "known_hosts").write_text("".join(s.known_hosts_line for s in servers))
        made = Stage(tmp_path, release, [s.port for s in servers], key)
        made.servers = servers
        try:
            yield made
        finally:
            made.end()
