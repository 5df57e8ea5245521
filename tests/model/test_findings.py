"""Findings from snapshots made by hand: each check passing, and each way it can fail."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from etcdtui.model.cluster import (
    Alarm,
    ClusterSnapshot,
    EndpointStatus,
    Member,
    Node,
    Reading,
    RunState,
    State,
)
from etcdtui.model.findings import findings
from etcdtui.model.health import Finding, Severity
from etcdtui.model.tie import tie
from etcdtui.model.versions import parse_version

MIB = 1024 * 1024


def status(n: int, **changes: Any) -> EndpointStatus:
    base = EndpointStatus(
        cluster_id=7, member_id=n, revision=9, raft_term=3, version="3.5.12", db_size=20_480, leader=1,
        raft_index=100, raft_applied_index=100, db_size_in_use=16_384,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def snapshot(
    size: int = 3, changes: dict[int, dict[str, Any]] | None = None, down: tuple[int, ...] = (), **kw: Any
) -> ClusterSnapshot:
    """`size` voters n1.. of which n1 leads; changes to the status of some, by number."""
    members = [Member(n, f"n{n}", (f"http://h{n}:2380",), (f"http://h{n}:2379",)) for n in range(1, size + 1)]
    members += kw.pop("also", [])
    readings = {}
    for n in range(1, size + 1):
        answer = status(n, **(changes or {}).get(n, {}))
        reading = Reading(State.DOWN, answer, "refused") if n in down else Reading(None, answer, "")
        readings[f"http://h{n}:2379"] = reading
    kw.setdefault("alarms", ())
    return ClusterSnapshot(
        "test", tie(members, (), readings), tuple(members), kw.pop("members_known", True), **kw
    )


def of(snap: ClusterSnapshot, name: str) -> list[Finding]:
    return [f for f in findings(snap) if f.check == name]


def one(snap: ClusterSnapshot, name: str) -> tuple[Severity, str]:
    found = of(snap, name)
    assert len(found) == 1, found
    return found[0].severity, found[0].message


def test_a_healthy_cluster_has_an_ok_line_for_every_check() -> None:
    found = findings(snapshot())
    assert {f.severity for f in found} == {Severity.OK}
    assert [f.check for f in found] == [
        "leader agreement", "quorum", "members", "cluster ID", "number of voters", "learners", "alarms",
        "errors", "version skew", "index lag", "database size",
    ]  # fmt: skip
    assert one(snapshot(), "leader agreement")[1] == "3 answering voters: the leader is n1 in term 3"


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({n: {"leader": 0} for n in (1, 2, 3)}, Severity.CRITICAL, "no voter knows one"),
        ({3: {"leader": 0}}, Severity.CRITICAL, "these voters know no leader: n3"),
        ({2: {"leader": 2}}, Severity.CRITICAL, "2 members say that they lead: n1, n2"),
        ({3: {"leader": 2}}, Severity.CRITICAL, "n3 says n2"),
        ({3: {"raft_term": 4}}, Severity.WARNING, "differ in the raft term: 3, 4"),
    ],
)
def test_leader_agreement(changes: dict[int, dict[str, Any]], severity: Severity, words: str) -> None:
    found = one(snapshot(changes=changes), "leader agreement")
    assert found[0] is severity
    assert words in found[1]


def test_nobody_answers() -> None:
    found = findings(snapshot(down=(1, 2, 3)))
    assert "no voter answers" in one(snapshot(down=(1, 2, 3)), "leader agreement")[1]
    assert not [f for f in found if f.severity is Severity.OK and f.check in ("index lag", "database size")]


@pytest.mark.parametrize(
    ("size", "down", "severity"),
    [
        (3, (), Severity.OK),
        (3, (3,), Severity.WARNING),
        (3, (2, 3), Severity.CRITICAL),
        (5, (5,), Severity.OK),
        (1, (), Severity.WARNING),
    ],
)
def test_quorum_budget(size: int, down: tuple[int, ...], severity: Severity) -> None:
    assert one(snapshot(size, down=down), "quorum")[0] is severity


def test_without_a_member_list_the_quorum_is_a_guess() -> None:
    assert one(snapshot(members_known=False), "quorum")[0] is Severity.WARNING


def test_an_even_number_of_voters() -> None:
    assert one(snapshot(4), "number of voters") == (
        Severity.WARNING,
        "4 is even: it tolerates no more failures than 3 would",
    )


def test_members_that_are_down_or_never_started() -> None:
    found = of(snapshot(down=(2,), also=[Member(255, "", ("http://h9:2380",))]), "members")
    assert [f.severity for f in found] == [Severity.WARNING] * 2
    assert "n2 is down: refused" in {f.message for f in found}
    assert any(
        "member ff (http://h9:2380) was added and never started: it counts for quorum all the same; start "
        "its node, or remove the member" in f.message
        for f in found
    )


def test_a_learner_waits() -> None:
    learner = Member(9, "n9", ("http://h9:2380",), (), is_learner=True)
    assert one(snapshot(also=[learner]), "learners") == (
        Severity.WARNING,
        "n9 is a learner and waits to be promoted: start its node, or remove it",
    )


@pytest.mark.parametrize(("index", "words"), [(50, "it catches up yet"), (99, "it is in sync: promote it")])
def test_a_learner_that_answers(index: int, words: str) -> None:
    base = snapshot(changes={3: {"is_learner": True, "raft_index": index}})
    members = tuple(dataclasses.replace(m, is_learner=m.id == 3) for m in base.members)
    readings = {row.endpoint: row.reading for row in base.rows}
    found = one(dataclasses.replace(base, members=members, rows=tie(members, (), readings)), "learners")
    assert words in found[1]


def test_a_node_without_a_member() -> None:
    base = snapshot()
    nodes = [Node(f"n{n}", RunState.RUNNING, peer_urls=(f"http://h{n}:2380",)) for n in (1, 2, 3)]
    readings = {row.endpoint: row.reading for row in base.rows}

    def with_nodes(*listed: Node) -> ClusterSnapshot:
        return dataclasses.replace(base, nodes=listed, rows=tie(base.members, listed, readings))

    assert one(with_nodes(*nodes), "nodes") == (Severity.OK, "a member runs on each of 3 nodes")
    severity, text = one(with_nodes(*nodes, Node("n4", RunState.STOPPED)), "nodes")
    assert severity is Severity.WARNING
    assert text.startswith("n4 is stopped and no member of this cluster runs on it: remove it")


def test_alarms() -> None:
    assert one(snapshot(alarms=(Alarm(2, "NOSPACE"),)), "alarms") == (Severity.CRITICAL, "NOSPACE on n2")
    raised = of(snapshot(alarms=(Alarm(1, "CORRUPT"), Alarm(2, "NOSPACE"))), "alarms")
    assert [finding.remedy for finding in raised] == ["disarm-alarm", "free-space"]
    found = one(snapshot(alarms=None, alarms_error="not permitted"), "alarms")
    assert found == (Severity.WARNING, "the alarms could not be read: not permitted")


def test_a_foreign_endpoint() -> None:
    assert one(snapshot(changes={3: {"cluster_id": 8}}), "cluster ID") == (
        Severity.CRITICAL,
        "these endpoints belong to another cluster: n3",
    )


@pytest.mark.parametrize(
    ("others", "severity"),
    [
        ("3.5.13", Severity.WARNING),
        ("3.6.1", Severity.WARNING),
        ("3.7.0", Severity.CRITICAL),
        ("4.5.12", Severity.CRITICAL),
    ],
)
def test_version_skew(others: str, severity: Severity) -> None:
    found = one(snapshot(changes={3: {"version": others}}), "version skew")
    assert found[0] is severity
    assert f"{others} (n3)" in found[1]


@pytest.mark.parametrize(
    ("version", "faulty"), [("3.5.0", True), ("3.5.2", True), ("3.5.3", False), ("3.4.9", False)]
)
def test_versions_that_corrupt_data(version: str, faulty: bool) -> None:
    found = of(snapshot(changes={n: {"version": version} for n in (1, 2, 3)}), "known faults")
    assert bool(found) is faulty
    if faulty:
        assert "upgrade to 3.5.3 or newer" in found[0].message


@pytest.mark.parametrize(
    ("change", "severity", "words"),
    [
        ({"raft_applied_index": 100 - 50}, Severity.OK, "up to date"),
        ({"raft_index": 5000, "raft_applied_index": 3999}, Severity.WARNING, "1001 agreed entries"),
        ({"raft_index": 5000, "raft_applied_index": None}, Severity.OK, "up to date"),
        ({"raft_index": 5100, "raft_applied_index": 0}, Severity.CRITICAL, "5100 agreed entries"),
        ({"raft_index": 6000, "raft_applied_index": 6000}, Severity.WARNING, "entries behind"),
    ],
)
def test_index_lag(change: dict[str, Any], severity: Severity, words: str) -> None:
    found = of(snapshot(changes={2: change}), "index lag")
    assert found[0].severity is severity
    assert words in found[0].message


@pytest.mark.parametrize(
    ("percent", "quota", "severity"),
    [
        (79, 100, Severity.OK),
        (81, 100, Severity.WARNING),
        (96, 100, Severity.CRITICAL),
        (96, None, Severity.OK),
        (96, 0, Severity.OK),
    ],
)
def test_quota(percent: int, quota: int | None, severity: Severity) -> None:
    change = {"db_size": percent * MIB, "db_size_in_use": percent * MIB}
    change["db_size_quota"] = quota * MIB if quota is not None else None  # type: ignore[assignment]
    assert of(snapshot(changes={2: change}), "database size")[0].severity is severity


@pytest.mark.parametrize(
    ("used", "size", "worth_it"), [(101, 203, True), (101, 201, False), (99, 900, False), (None, 900, False)]
)
def test_fragmentation(used: int | None, size: int, worth_it: bool) -> None:
    change = {"db_size": size * MIB, "db_size_in_use": None if used is None else used * MIB}
    found = of(snapshot(changes={2: change}), "fragmentation")
    assert [(f.severity, f.remedy) for f in found] == ([(Severity.WARNING, "defrag")] if worth_it else [])


def test_errors_that_members_report_are_cleaned() -> None:
    severity, message = one(snapshot(changes={2: {"errors": ("\x1b[2Jno leader",)}}), "errors")
    assert severity is Severity.WARNING
    assert message == "n2 reports: \ufffd[2Jno leader"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3.5.1", (3, 5, 1)), ("3.6.0-rc.1", (3, 6, 0)), ("v3.4", (3, 4, 0)), ("", None), ("unknown", None)],
)
def test_parse_version(text: str, expected: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == expected
