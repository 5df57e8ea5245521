"""Restores and recoveries planned where one call stops all nodes and none can be started alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from etcdtui.errors import NotOffered
from etcdtui.model.cluster import RunState
from etcdtui.ops import snapshots, verify
from etcdtui.ops.action import Request
from etcdtui.ops.actions import recover_quorum
from etcdtui.ops.plan import Check, Plan
from tests.ops.worlds import PlanningSite, simple


class TogetherSite(PlanningSite):
    """Collective, Restorable, Shelving, Rehearsing and Salvaging on paper."""

    def __init__(self, lacks: str = "") -> None:
        self.lacks = lacks

    def describe_stop_all(self) -> str:
        return "replicas 0"

    def stop_all(self) -> str:
        raise AssertionError("planning must not act")

    def describe_start_all(self) -> str:
        return "replicas 3"

    def start_all(self) -> str:
        raise AssertionError("planning must not act")

    def describe_restore(self, node: str, snapshot: str) -> str:
        return f"restore {node}"

    def restore_node(
        self, node: str, snapshot: str, initial_cluster: Mapping[str, str], token: str, *, bump: int = 0
    ) -> str:
        raise AssertionError("planning must not act")

    def describe_shelve(self, node: str, shelf: str) -> str:
        return f"shelve {node}"

    def shelve(self, node: str, shelf: str) -> str:
        raise AssertionError("planning must not act")

    def describe_unshelve(self, node: str, shelf: str) -> str:
        return f"unshelve {node}"

    def unshelve(self, node: str, shelf: str) -> str:
        raise AssertionError("planning must not act")

    def describe_rehearsal(self) -> str:
        if self.lacks:
            raise NotOffered(self.lacks)
        return "try"

    def rehearse(self) -> str:
        raise AssertionError("planning must not act")

    def describe_salvage(self, node: str) -> str:
        return f"cat {node}"

    def salvage(self, node: str) -> tuple[int, Iterator[bytes]]:
        raise AssertionError("planning must not act")


def planned(down: tuple[int, ...], **options: str) -> Plan:
    request = Request(simple(3, down=down), TogetherSite(), options=options, plan_id="p1")
    made = recover_quorum.plan(request)
    assert Plan.from_json(made.to_json()) == made
    return made


def test_what_the_survivor_holds_is_saved_and_becomes_a_new_cluster_of_all(tmp_path: Path) -> None:
    made = planned((2, 3), directory=str(tmp_path))
    verbs = [step.verb for step in made.steps]
    assert verbs == [
        "snapshot.save", "restore.rehearse", "nodes.stop", *["data.shelve"] * 3, *["node.restore"] * 3,
        "nodes.start", "wait", "hash.compare", "write.prove",
    ]  # fmt: skip
    assert made.steps[0].guards == made.steps[2].guards == (Check("quorum-gone", {}),)
    saved = made.steps[0].args["path"]
    assert {step.args["snapshot"] for step in made.steps if step.verb == "node.restore"} == {saved}
    # Nothing in it is final: everything that was stopped or moved has its way back.
    assert not any(step.final for step in made.steps)
    stop = made.steps[2]
    assert stop.undo is not None and stop.undo.verify == Check("nodes-run", {"nodes": ["n1"]})
    assert made.founds is not None and made.member_ids == ()


def test_where_none_answers_the_database_of_the_named_node_is_read_once_all_are_stopped(
    tmp_path: Path,
) -> None:
    made = planned((1, 2, 3), node="n2", directory=str(tmp_path))
    verbs = [step.verb for step in made.steps]
    assert verbs[:4] == ["restore.rehearse", "nodes.stop", "data.salvage", "data.shelve"]
    salvage = made.steps[2].args
    assert salvage["node"] == "n2" and Path(salvage["path"]).parent == tmp_path
    assert {s.args["snapshot"] for s in made.steps if s.verb == "node.restore"} == {salvage["path"]}
    assert "how far it is, is not known" in made.consequences[0]


def test_what_the_site_lacks_is_told_before_anything_is_planned() -> None:
    with pytest.raises(NotOffered, match="no shell"):
        recover_quorum.plan(Request(simple(3, down=(2, 3)), TogetherSite(lacks="no shell"), plan_id="p1"))


def test_a_node_that_its_manager_would_start_again_does_not_count_as_stopped() -> None:
    stopped = simple(3, down=(1, 2, 3))
    gone = Check("nodes-stopped", {})
    assert verify.look(gone, stopped).done
    failed = replace(
        stopped, nodes=(replace(stopped.nodes[0], run_state=RunState.FAILED), *stopped.nodes[1:])
    )
    assert not verify.look(gone, failed).done
    assert not verify.look(gone, simple(3, down=(2, 3))).done
    assert verify.look(Check("nodes-run", {"nodes": ["n1"]}), simple(3, down=(2, 3))).done
    assert not verify.look(Check("nodes-run", {"nodes": ["n1", "n2"]}), simple(3, down=(2, 3))).done


def test_a_database_with_its_sha256_is_a_snapshot(tmp_path: Path) -> None:
    page = bytearray(4096)
    page[16:20] = bytes.fromhex("edda0ced")
    file = tmp_path / "one.db"
    digest = snapshots.write(file, snapshots.sealed([bytes(page[:1000]), bytes(page[1000:])]), 4096, print)
    assert snapshots.check(file) == (4096 + snapshots.TRAILER, digest)
    assert digest == sha256(page).hexdigest()
