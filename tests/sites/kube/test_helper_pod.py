"""Where pods keep their data, the pod beside their claims, and its scripts in a real shell; no Kubernetes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcdtui.errors import NotOffered
from etcdtui.sites.kube import restores, shelves
from etcdtui.sites.kube.dataplace import DataPlace, place_of
from etcdtui.sites.kube.helper_pod import OF_SET, claim_of, helper_pod, is_up, trouble
from etcdtui.sites.kube.picture import covers
from etcdtui.sites.kube.sets import read_set
from tests.support.kube import MANIFESTS

FILE = "name: etcd-1\ndata-dir: /var/lib/etcd/data\n"


def the_set(folder: str) -> dict[str, Any]:
    texts = "\n---\n".join(file.read_text() for file in sorted((MANIFESTS / folder).glob("*.yaml")))
    found = next(o for o in yaml.safe_load_all(texts) if o and o["kind"] == "StatefulSet")
    found["metadata"] |= {"namespace": "shop", "uid": "u-1"}
    return dict(found)


def place(data: dict[str, Any], text: str = FILE) -> DataPlace:
    return place_of(data, read_set(data), {"etcd-1.yaml": text}, "etcd-1")


def container(data: dict[str, Any]) -> dict[str, Any]:
    return dict(data["spec"]["template"]["spec"]["containers"][0])


def test_the_data_directory_is_found_in_scripts_and_files() -> None:
    scripted = place(the_set("self-managed"))
    assert (scripted.data_dir, scripted.mount) == ("/var/run/etcd/default.etcd", "/var/run/etcd")
    assert scripted.beside("shelf-x") == "/var/run/etcd/default.etcd.shelf-x"
    assert place(the_set("config-files")).data_dir == "/var/lib/etcd/data"
    whole = place(the_set("config-files"), FILE.replace("etcd/data", "etcd"))
    assert whole.beside("shelf-x") == "/var/lib/etcd/shelf-x"
    data = the_set("config-files")
    mount = data["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]
    mount["subPathExpr"] = "$(POD_NAME)/x"
    assert place(data).mounts == ({"name": "data", "mountPath": "/var/lib/etcd", "subPath": "etcd-1/x"},)


def test_data_that_cannot_be_restored_is_told() -> None:
    data = the_set("config-files")
    for text, why in (
        ("name: etcd-1\n", "names its data directory by its whole path"),
        (FILE + "wal-dir: /wal\n", "its log lies apart"),
        (FILE.replace("/var/lib/etcd/data", "/etc/etcd/data"), "on volume config, not on a claim"),
        (FILE.replace("/var/lib/etcd/data", "/elsewhere"), "on no volume, not on a claim"),
    ):
        with pytest.raises(NotOffered, match=f"etcd-1: .*{why}"):
            place(data, text)


def test_nothing_of_etcds_takes_the_helper_for_its_own() -> None:
    data = the_set("config-files")
    pod = helper_pod(data, "etcd-1", place(data), "busybox:1")
    labels = pod["metadata"]["labels"]
    assert labels[OF_SET] == "etcd" and not covers({"spec": {"selector": data["spec"]["selector"]}}, labels)
    assert read_set(data).ordinal(pod["metadata"]["name"]) is None
    assert "controller" not in pod["metadata"]["ownerReferences"][0]
    etcd, tools = pod["spec"]["containers"]
    assert etcd["image"] == container(data)["image"] and tools["image"] == "busybox:1"
    assert etcd["command"][0] == "etcd" and "--listen-client-urls=http://127.0.0.1:12379" in etcd["command"]
    assert {m["name"] for m in tools["volumeMounts"]} == {"data", "etcdtui"}
    (claim, _scratch) = pod["spec"]["volumes"]
    assert claim == {"name": "data", "persistentVolumeClaim": {"claimName": "data-etcd-1"}}
    (alone,) = helper_pod(data, "etcd-1", place(data), "")["spec"]["containers"]
    assert alone["command"][0] == "sh"
    assert claim_of(data, "data", "etcd-1")["metadata"]["labels"] == {"app": "etcd"}


def test_a_helper_that_cannot_come_up_says_why() -> None:
    data = the_set("config-files")
    pod = helper_pod(data, "etcd-1", place(data), "")

    def seen(state: dict[str, Any]) -> dict[str, Any]:
        status = {"phase": "Pending", "containerStatuses": [{"name": "etcd", "state": state}]}
        return {**pod, "status": status}

    assert is_up(seen({"running": {}})) and trouble(seen({"running": {}})) == ""
    assert trouble(seen({"waiting": {"reason": "ContainerCreating"}})) == ""
    assert trouble(seen({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}})) == (
        "etcd: ImagePullBackOff: no such image"
    )
    said = 'exec: "sh": executable file not found in $PATH'
    assert said in trouble(seen({"terminated": {"reason": "StartError", "message": said}}))


# -- the scripts -------------------------------------------------------------------------------


def sh(script: str, *words: str | Path) -> tuple[int, str]:
    argv = ["sh", "-c", script, "sh", *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout


def a_member(data: Path, text: str) -> None:
    (data / "member").mkdir(parents=True)
    (data / "member" / "db").write_text(text)


def held(data: Path) -> str:
    return (data / "member" / "db").read_text()


@pytest.mark.parametrize("fence", ["fence", ""])
def test_data_goes_to_its_shelf_and_back_once_however_often_it_is_told(tmp_path: Path, fence: str) -> None:
    data, shelf = tmp_path / "data", tmp_path / "data.shelf-x"
    a_member(data, "old")
    assert sh(shelves._ON_SHELF, shelf)[0] == shelves.NOTHING
    for _ in range(2):
        assert sh(shelves._TO_SHELF, data, shelf)[0] == 0
        (shelf / shelves.NOTE).write_text("before\n")
        assert sh(shelves._ASIDE, data, shelf, fence) == (0, "")
        assert held(shelf) == "old"
        assert (data / "member").is_file() == bool(fence)
    for _ in range(2):
        assert sh(shelves._ON_SHELF, shelf) == (0, "before\n")
        assert sh(shelves._BACK, data, shelf)[0] == 0
        assert held(data) == "old" and not (shelf / "member").exists()
    sh(shelves._CLEAR, shelf)
    assert not shelf.exists()


def test_other_data_is_never_written_over(tmp_path: Path) -> None:
    data, shelf, part = tmp_path / "data", tmp_path / "shelf", tmp_path / "part"
    a_member(data, "new")
    a_member(shelf, "old")
    a_member(part, "restored")
    assert sh(shelves._TO_SHELF, data, shelf)[0] == shelves.OTHER
    assert sh(shelves._BACK, data, shelf)[0] == shelves.OTHER
    assert sh(restores._INSTALL, data, part, "token")[0] == shelves.OTHER
    assert (held(data), held(shelf)) == ("new", "old")


@pytest.mark.parametrize("before", ["absent", "empty", "fenced"])
def test_restored_data_is_moved_in_and_known_again_by_its_token(tmp_path: Path, before: str) -> None:
    data, part = tmp_path / "data", tmp_path / "data.part"
    if before != "absent":
        data.mkdir()
    if before == "fenced":
        (data / "member").touch()
    a_member(part, "half")
    assert sh(restores._LOOK, data, part) == (0, "") and not part.exists()
    a_member(part, "restored")
    assert sh(restores._INSTALL, data, part, "token-1")[0] == 0
    assert held(data) == "restored" and not part.exists()
    assert sh(restores._LOOK, data, part) == (shelves.OTHER, "token-1")
