"""Snapshots restored and quorums recovered on the claims of real pods, cut off, undone and finished."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from etcdtui.errors import NotOffered
from etcdtui.model.cluster import RunState
from etcdtui.ops.plan import Outcome, Plan
from etcdtui.runtime.session import Session
from etcdtui.sites.kube.helpers import ENDED
from tests.sites.kube.support import Console, as_somebody, console_on, documented_rules, names
from tests.support.consoles import cut_off
from tests.support.kube import Place, wait_until

pytestmark = [pytest.mark.kube, pytest.mark.timeout(600), pytest.mark.usefixtures("in_the_lab")]

SHELL = "localhost/etcd:v3.5.1"
HELPER = "localhost/busybox:latest"


def saved(console: Console, where: Path) -> str:
    console.do("snapshot-save", directory=str(where))
    (file,) = where.glob("*.db")
    return str(file)


def carried_out(session: Session, plan: Plan) -> str:
    result = session.execute(plan, override="test")
    assert result.outcome is Outcome.DONE, result.message
    return result.message


def no_helper_is_left(place: Place) -> None:
    def gone() -> bool:
        return not place.get("pods", "-l", "etcdtui/helper")["items"]

    wait_until(gone, "the helper pods are gone", ENDED, 0.5)


def test_a_snapshot_is_restored_where_the_image_has_no_shell(place: Place, tmp_path: Path) -> None:
    """With the rights that the documentation gives for it, and no others."""
    place.config_files(3)
    place.wait_ready(3)
    reading, acting = documented_rules()
    rights = as_somebody(place, tmp_path / "kubeconfig", [*reading, *acting])
    with console_on(place, tmp_path, kubeconfig=rights) as console:
        console.ready(3)
        place.etcdctl("put", "colour", "blue")
        file = saved(console, tmp_path / "saved")
        place.etcdctl("put", "colour", "red")
        with pytest.raises(NotOffered, match=r"has no shell .*helper_image of the profile.*--helper-image"):
            console.prepare("restore", snapshot=file)
    old = {m["ID"] for m in place.members()}
    with console_on(place, tmp_path, helper_image=HELPER, kubeconfig=rights) as console:
        console.ready(3)
        plan = console.prepare("restore", snapshot=file)
        assert Plan.from_json(plan.to_json()) == plan
        refused = console.session.execute(plan)
        assert refused.outcome is Outcome.REFUSED and len(place.ready()) == 3
        assert "hold 1 key, as the snapshot" in carried_out(console.session, plan)
        assert console.session.changes.unfinished() == ()
        no_helper_is_left(place)
        assert place.etcdctl("get", "colour", "--print-value-only").strip() == "blue"
        assert {m["ID"] for m in place.members()}.isdisjoint(old) and names(place) == [
            f"etcd-{n}" for n in range(3)
        ]
        for name, text in place.get("configmap", "etcd-config")["data"].items():
            settings = yaml.safe_load(text)
            assert settings["initial-cluster-state"] == "existing", name
            assert settings["initial-cluster-token"] == f"restored-{plan.id}"
        # The files fit what lies on the claims: a pod that is made anew is the member it was.
        console.from_now()
        console.ready(3)
        console.do("restart-node", "etcd-2")


@pytest.mark.long
def test_pods_that_manage_themselves_are_restored_and_what_was_cut_off_goes_on(
    place: Place, tmp_path: Path
) -> None:
    """Steps: check, trial, stop, 3 x move aside, 3 x restore, start, wait, compare, count."""
    place.self_managed(3)
    place.wait_ready(3)
    with console_on(place, tmp_path) as console:
        old = console.ready(3).cluster_id
        place.etcdctl("put", "colour", "blue")
        file = saved(console, tmp_path / "saved")
        place.etcdctl("put", "colour", "red")
        cut_off(console.session, console.prepare("restore", snapshot=file), 7, "test")
    with console_on(place, tmp_path) as later:
        later.until(lambda shot: len(shot.nodes) == 3)
        (left,) = later.session.changes.unfinished()
        carried_out(later.session, later.session.changes.undo(left))
        later.from_now()
        assert later.ready(3).cluster_id == old
        assert place.etcdctl("get", "colour", "--print-value-only").strip() == "red"
        no_helper_is_left(place)
        plan = later.prepare("restore", snapshot=file)
        cut_off(later.session, plan, 8, "test")
    with console_on(place, tmp_path) as last:
        last.until(lambda shot: len(shot.nodes) == 3)
        (left,) = last.session.changes.unfinished()
        carried_out(last.session, last.session.changes.finish(left))
        assert last.session.fresh(5).cluster_id == plan.founds
        no_helper_is_left(place)
    for pod in ("etcd-0", "etcd-1", "etcd-2"):
        assert place.etcdctl("get", "colour", "--print-value-only", pod=pod).strip() == "blue"


@pytest.mark.long
def test_a_quorum_is_recovered_from_the_survivor_and_from_a_claim(place: Place, tmp_path: Path) -> None:
    place.config_files(3, image=SHELL)
    place.wait_ready(3)
    with console_on(place, tmp_path) as console:
        console.ready(3)
        for number in range(3):
            place.etcdctl("put", "colour", f"blue-{number}")
        whole = console.session.prepare("recover-quorum", None, {"node": "etcd-0"})
        assert "the cluster has its quorum" in console.session.execute(whole, override="test").message
        for pod in ("etcd-1", "etcd-2"):
            place.end_container(pod, "rm -rf /var/lib/etcd/data/member")

        def lost() -> bool:
            shot = console.session.fresh(5)
            failed = [n.name for n in shot.nodes if n.run_state is RunState.FAILED]
            return len(shot.answers) == 1 and failed == ["etcd-1", "etcd-2"]

        wait_until(lost, "two members are lost", 90, 0.5)
        wait_until(lambda: len(console.session.snapshot().answers) == 1, "it is shown")
        plan = console.session.prepare("recover-quorum", None, {"directory": str(tmp_path / "saved")})
        assert [step.verb for step in plan.steps] == [
            "snapshot.save", "restore.rehearse", "nodes.stop", *["data.shelve"] * 3, *["node.restore"] * 3,
            "nodes.start", "wait", "hash.compare", "write.prove",
        ]  # fmt: skip
        assert plan.consequences[0].startswith("EVERY WRITE that etcd-0 does not know to be agreed is lost")
        carried_out(console.session, plan)
        assert place.etcdctl("get", "colour", "--print-value-only", pod="etcd-2").strip() == "blue-2"

        # Nothing runs, and one volume is gone for good.
        carried_out(console.session, console.session.prepare("stop-all"))
        place.run("delete", "pvc", "data-etcd-0")
        wait_until(lambda: all(n.run_state is RunState.STOPPED for n in console.session.snapshot().nodes), "")
        options = {"node": "etcd-1", "directory": str(tmp_path / "salvaged")}
        plan = console.session.prepare("recover-quorum", None, options)
        assert "data.salvage" in [step.verb for step in plan.steps]
        carried_out(console.session, plan)
        (note,) = (tmp_path / "salvaged").glob("*.json")
        assert json.loads(note.read_text())["member"] == "etcd-1"
        assert place.etcdctl("get", "colour", "--print-value-only").strip() == "blue-2"
        assert names(place) == ["etcd-0", "etcd-1", "etcd-2"]
        no_helper_is_left(place)
