"""Growing and shrinking a local cluster: places proposed, prepared, given up, on real etcd."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.errors import NodeError, SiteError
from etcdtui.model.cluster import RunState
from etcdtui.sites.base import Growable, NewNode
from etcdtui.sites.local.demo import attach_demo, open_demo
from etcdtui.sites.local.ports import port_of
from etcdtui.sites.local.site import LocalSite
from tests.sites.local.support import QUICK, demo, etcdctl, healthy, left_over, node, wait_healthy, wait_until
from tests.support.tools import etcd


def members(site: LocalSite) -> dict[str, str]:
    """Peer URL by name, as etcd lists them."""
    listed = json.loads(etcdctl(site, "member", "list", "-w", "json"))["members"]
    return {member["name"]: member["peerURLs"][0] for member in listed if member.get("name")}


def identity(site: LocalSite, name: str) -> str:
    """ID of a member as etcdctl takes it; one asked just after a join may not know the name yet."""
    wait_until(lambda: name in members(site), f"{name} is listed")
    listed = json.loads(etcdctl(site, "member", "list", "-w", "json"))["members"]
    return next(f"{member['ID']:x}" for member in listed if member["peerURLs"] == [members(site)[name]])


def taken(site: LocalSite, *change: str) -> bool:
    """Whether etcd took a change of its members; it refuses for 5 s after any break of a connection."""
    try:
        etcdctl(site, "member", *change)
    except subprocess.CalledProcessError as error:
        if "server stopped" in error.stderr:
            # The member that was asked removed itself, and was gone before it could say so.
            return True
        assert "unhealthy cluster" in error.stderr, error.stderr
        return False
    return True


def join(site: LocalSite, place: NewNode) -> None:
    """What a plan does: member first, then its node."""
    before = members(site)
    wait_until(lambda: taken(site, "add", place.name, f"--peer-urls={place.peer_url}"), "member added")
    site.prepare_node(place, {**before, place.name: place.peer_url})
    site.start_node(place.name)
    wait_until(lambda: healthy(place.client_url), f"{place.name} healthy")


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_a_cluster_grows_by_a_node_and_gives_it_up_again(tmp_path: Path, version: str) -> None:
    with demo(tmp_path, 1, version=version) as site:
        assert isinstance(site, Growable)
        wait_healthy(site)
        etcdctl(site, "put", "colour", "blue")
        (place,) = site.propose_nodes(1)
        assert place.name == "n2"
        assert site.describe_prepare(place).startswith(f"add n2 to {tmp_path}/cluster.json")
        join(site, place)
        assert site.started_here == ("n1", "n2")
        assert node(site, "n2").etcd_version.startswith(version)
        assert len(site.seeds()) == 2

        with pytest.raises(NodeError, match=r"n2: pid \d+ runs, it cannot be given up"):
            site.retire_node("n2")
        with pytest.raises(NodeError, match=r"n2: pid \d+ runs, it cannot be moved aside"):
            site.set_aside("n2")
        gone = identity(site, "n2")
        wait_until(lambda: taken(site, "remove", gone), "member removed")
        site.stop_node("n2", 10)
        said = site.retire_node("n2")
        place_of_data = Path(said.split(" are in ")[1])
        assert place_of_data.parent == tmp_path / "aside"
        assert (place_of_data / "n2" / "member").is_dir()
        assert (place_of_data / "n2.log").read_text()
        assert site.node_names() == ("n1",)
        assert site.retire_node("n2") == "n2: is not listed any more"
        assert not (tmp_path / "n2").exists()
        assert etcdctl(site, "get", "colour", "--print-value-only").strip() == "blue"
        (again,) = site.propose_nodes(1)
        assert again.name == "n2"
        join(site, again)
    assert left_over(tmp_path) == []


def test_a_lost_node_joins_anew_with_its_data_aside(tmp_path: Path) -> None:
    with demo(tmp_path) as site:
        wait_healthy(site)
        spec = site.nodes()[2]
        place = NewNode("n3", spec.peer_urls[0], spec.client_urls[0])
        lost = identity(site, "n3")
        site.kill_node("n3")
        wait_until(lambda: taken(site, "remove", lost), "member removed")
        with pytest.raises(NodeError, match=r"n3: .* holds the data of a member"):
            site.prepare_node(place, {**members(site), "n3": place.peer_url})
        assert site.describe_set_aside("n3") == f"mv {tmp_path}/n3 {tmp_path}/aside/n3-<time>"
        assert site.set_aside("n3").startswith(f"n3: its data is in {tmp_path}/aside/n3-")
        assert site.set_aside("n3") == "n3: has no data directory"
        join(site, place)
        assert set(members(site)) == {"n1", "n2", "n3"}
        # Done again, as after a crash of the console: it is recognised.
        assert "prepared before and runs" in site.prepare_node(
            place, {"n1": members(site)["n1"], "n2": members(site)["n2"], "n3": place.peer_url}
        )


NOT_TOLD = "2026-11-26 13:48:40.593530 C | etcdmain: incompatible with current running cluster"


def test_a_node_whose_busy_peers_did_not_tell_their_version_is_started_again(tmp_path: Path) -> None:
    """Its first etcd here is none: it ends as 3.4 and 3.5 do then, as late, and leaves what they leave."""
    root, once = tmp_path / "c", tmp_path / "once"
    program = tmp_path / "bin" / "etcd"
    program.parent.mkdir()
    program.write_text(
        f'''#!/bin/sh
case "$*" in *"--name n2"*)
    [ -e {once} ] || {{ touch {once}; mkdir -p {root}/n2/member/snap; sleep 0.7; echo "{NOT_TOLD}"; exit 1; }}
esac
exec {etcd("3.5")} "$@"
'''
    )
    program.chmod(0o700)
    site = open_demo(root, nodes=1, binary=program, options=QUICK)
    try:
        wait_healthy(site)
        (place,) = site.propose_nodes(1)
        join(site, place)
        assert once.exists()
        assert NOT_TOLD in (root / "n2.log").read_text()
    finally:
        site.shutdown(everything=True)
    assert left_over(root) == []


def test_proposals_share_no_port_and_no_listed_name(tmp_path: Path) -> None:
    site = open_demo(tmp_path, nodes=3, launch=False)
    first, second = site.propose_nodes(2), site.propose_nodes(2)
    assert [place.name for place in first] == ["n4", "n5"]
    urls = [url for place in (*first, *second) for url in (place.peer_url, place.client_url)]
    mine = [url for n in site.nodes() for url in (*n.peer_urls, *n.client_urls)]
    assert len({port_of(url) for url in urls + mine}) == 14
    site.prepare_node(first[0], {"n4": first[0].peer_url})
    assert [place.name for place in site.propose_nodes(2)] == ["n5", "n6"]
    (tmp_path / "n5").mkdir()
    assert [place.name for place in site.propose_nodes(2)] == ["n6", "n7"]


def test_what_was_prepared_is_written_down_for_every_console(tmp_path: Path) -> None:
    site = open_demo(tmp_path, nodes=1, launch=False)
    other = attach_demo(tmp_path)
    (place,) = site.propose_nodes(1)
    site.prepare_node(place, {"n1": "http://127.0.0.1:1,http://127.0.0.2:1", "n2": place.peer_url})
    command = other.describe_start("n2") if other.nodes()[1] else ""
    assert "--initial-cluster-state existing" in command
    assert f"n1=http://127.0.0.1:1,n1=http://127.0.0.2:1,n2={place.peer_url}" in command
    with pytest.raises(NodeError, match=r"n1: is the last node of demo"):
        site.retire_node("n2")
        site.retire_node("n1")


def test_a_launch_leaves_alone_what_is_prepared_and_not_joined(tmp_path: Path) -> None:
    """Its member may not be there: etcd would end, and the whole launch with it."""
    site = open_demo(tmp_path, nodes=1, options=QUICK, binary=etcd("3.5"), launch=False)
    (place,) = site.propose_nodes(1)
    site.prepare_node(place, {"n1": site.nodes()[0].peer_urls[0], "n2": place.peer_url})
    with demo(tmp_path, None) as again:
        assert [n.run_state for n in again.nodes()] == [RunState.RUNNING, RunState.STOPPED]
        assert again.started_here == ("n1",)


def test_older_files_stay_readable_and_newer_ones_stay_small(tmp_path: Path) -> None:
    site = open_demo(tmp_path, nodes=1, launch=False)
    raw = json.loads((tmp_path / "cluster.json").read_text())
    assert set(raw["nodes"][0]) == {
        "name", "client_url", "peer_url", "data_dir", "log_file", "initial_cluster", "initial_state",
    }  # fmt: skip
    assert replace(site._cluster.spec).nodes[0].etcd_path == ""


def test_a_directory_that_cannot_be_moved_is_named(tmp_path: Path) -> None:
    site = open_demo(tmp_path, nodes=2, launch=False)
    (tmp_path / "n2").mkdir()
    (tmp_path / "aside").write_text("in the way")
    with pytest.raises(SiteError, match=r"aside: .*cannot be moved|cannot be moved to"):
        site.set_aside("n2")
    assert (tmp_path / "n2").is_dir()
