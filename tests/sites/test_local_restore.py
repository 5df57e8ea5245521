"""Local nodes restored from a snapshot file and started as a new cluster, on real etcd."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from etcdtui.errors import EtcdError, NodeError, SiteError
from etcdtui.etcd.api import EtcdReader
from etcdtui.sites.base import Restorable, Upgradable
from etcdtui.sites.local.binaries import Binary, probe
from etcdtui.sites.local.demo import open_demo
from etcdtui.sites.local.site import LocalSite
from tests.sites.local.support import demo, etcdctl, node, wait_healthy, wait_until
from tests.support.tools import etcd


def snapshot_of(site: LocalSite, path: Path) -> str:
    api = site.dial(site.seeds()[0])
    try:
        # A linearizable read: this member has applied what was written by way of another.
        assert api.get(b"colour", 5) is not None
        path.write_bytes(b"".join(api.snapshot(10)))
    finally:
        api.close()
    return str(path)


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_three_nodes_are_restored_into_a_new_cluster(tmp_path: Path, version: str) -> None:
    with demo(tmp_path / "c", 3, version=version) as site:
        assert isinstance(site, Restorable)
        assert isinstance(site, Upgradable)
        wait_healthy(site)
        etcdctl(site, "put", "colour", "blue")
        file = snapshot_of(site, tmp_path / "saved.db")
        etcdctl(site, "put", "colour", "red")
        members = {n.name: n.peer_urls[0] for n in site.nodes()}
        with pytest.raises(NodeError, match=r"n1: pid \d+ runs, nothing can be restored there"):
            site.restore_node("n1", file, members, "anew-1")
        for name in members:
            site.stop_node(name, 10)
        with pytest.raises(NodeError, match=r"n1: .* holds the data of a member \(move it aside first"):
            site.restore_node("n1", file, members, "anew-1")
        for name in members:
            site.set_aside(name)
            tool = "etcdctl" if version == "3.4" else "etcdutl"
            assert f"/{tool} snapshot restore {file} --name {name}" in site.describe_restore(name, file)
            assert f"with {tool} {version}" in site.restore_node(name, file, members, "anew-1", bump=1000)
            assert site.restore_node(name, file, members, "anew-1") == f"{name}: was restored before"
        assert "--initial-cluster-token anew-1" in site.describe_start("n1")
        for name in members:
            site.start_node(name)
        wait_healthy(site)
        assert etcdctl(site, "get", "colour", "--print-value-only").strip() == "blue"
        assert len(list((tmp_path / "c" / "aside").iterdir())) == 3
        assert not list((tmp_path / "c").glob(".restore-*"))


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_one_node_becomes_a_new_cluster_with_the_old_data(tmp_path: Path, version: str) -> None:
    with demo(tmp_path, 3, version=version) as site:
        wait_healthy(site)
        etcdctl(site, "put", "colour", "blue")
        # etcd drops what its WAL does not say is committed, and that is only flushed with the next entry:
        # the very last acknowledged write may go.
        for number in range(3):
            etcdctl(site, "put", "later", str(number))
        _read_from(site, "n1")
        for name in ("n3", "n2", "n1"):
            site.kill_node(name)
        assert shlex.split(site.describe_force_new("n1"))[-1] == "--force-new-cluster"
        assert site.start_force_new("n1").startswith("n1: started as a new cluster (etcd ")
        assert site.start_force_new("n1") == "n1: runs already"
        url = node(site, "n1").client_urls[0]
        api = site.dial(url)
        try:
            _until_alone(api)
            found = api.get(b"colour", 5)
            assert found is not None
            assert found.value == b"blue"
        finally:
            api.close()
        site.stop_node("n1", 10)
        assert "--force-new-cluster" not in site.describe_start("n1")
        site.set_aside("n2")
        with pytest.raises(NodeError, match=r"n2: .*/n2 holds no member"):
            site.start_force_new("n2")


def _read_from(site: LocalSite, name: str) -> None:
    """A linearizable read there: the member has applied every write from before."""
    api = site.dial(node(site, name).client_urls[0])
    try:
        assert api.get(b"colour", 5) is not None
    finally:
        api.close()


def _until_alone(api: EtcdReader) -> None:
    def alone() -> bool:
        try:
            return len(api.member_list(2)) == 1 and api.get(b"colour", 2) is not None
        except EtcdError:
            return False

    wait_until(alone, "a cluster of one")


def test_a_damaged_snapshot_leaves_no_data_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "bad.db"
    file.write_bytes(b"no snapshot at all" * 100)
    with demo(tmp_path / "c", 1, launch=False) as site:
        with pytest.raises(NodeError, match=r"n1: etcdutl: .*"):
            site.restore_node("n1", str(file), {"n1": node(site, "n1").peer_urls[0]}, "anew-1")
        assert not (tmp_path / "c" / "n1").exists()
        with pytest.raises(NodeError, match=r"n1: etcdutl: .*no such file"):
            site.restore_node(
                "n1", str(tmp_path / "none.db"), {"n1": node(site, "n1").peer_urls[0]}, "anew-1"
            )
        assert not list((tmp_path / "c").glob(".restore-*"))


def test_a_release_without_its_tool_is_named(tmp_path: Path) -> None:
    alone = tmp_path / "etcd"
    alone.symlink_to(etcd("3.5"))
    open_demo(tmp_path / "c", nodes=1, launch=False)
    site = LocalSite(tmp_path / "c", binary=Binary(str(alone), probe(alone)))
    with pytest.raises(SiteError, match=r"etcdutl: there is no etcdutl beside etcd 3\.5"):
        site.restore_node("n1", "x.db", {"n1": "http://127.0.0.1:1"}, "t")


def test_the_releases_of_this_machine_are_listed_oldest_first(tmp_path: Path) -> None:
    old, new = etcd("3.4"), etcd("3.5")
    open_demo(tmp_path, nodes=1, launch=False)
    site = LocalSite(tmp_path, binary=Binary(str(old), probe(old)), offered=(str(tmp_path / "gone"),))
    found = [release.version for release in site.releases()]
    assert found.index(probe(old)) < found.index(probe(new))
    assert site.node_release("n1") == probe(old)
    with pytest.raises(SiteError, match=r"no etcd 9\.9\.9 on this machine \(put it on PATH; found: "):
        site.switch_release("n1", "9.9.9")
    site.switch_release("n1", probe(new))
    assert json.loads((tmp_path / "cluster.json").read_text())["nodes"][0]["etcd_path"]
    assert site.nodes()[0].etcd_version == probe(new)
    assert site.switch_release("n1", probe(old)).startswith("n1: starts with etcd 3.4")


def test_a_restart_beside_running_nodes_is_no_upgrade(tmp_path: Path) -> None:
    """A newer etcd is on this machine; a console that is opened later must not start it by the way."""
    etcd("3.5")
    with demo(tmp_path, 3, version="3.4") as site:
        wait_healthy(site)
        other = LocalSite(tmp_path)
        assert other.node_release("n3").startswith("3.4")
        other.stop_node("n3", 10)
        other.start_node("n3")
        assert node(other, "n3").etcd_version.startswith("3.4")
