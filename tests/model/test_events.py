from dataclasses import replace

from etcdtui.model.cluster import Alarm, Reading, RunState, State
from etcdtui.model.events import between, opening
from etcdtui.model.health import Severity
from etcdtui.model.quorum import loss_sentence
from tests.model.build import down, member, node, snapshot, up


def texts(old: object, new: object) -> list[str]:
    return [e.text for e in between(old, new)]  # type: ignore[arg-type]


def test_nothing_happened() -> None:
    old = snapshot([up(1), up(2), up(3)])
    assert between(old, snapshot([up(1), up(2), up(3)], seq=2)) == ()


def test_leader_dies_and_another_takes_over() -> None:
    healthy = snapshot([up(1), up(2), up(3)])
    dead = snapshot([down(1), up(2), up(3)])
    elected = snapshot([down(1), up(2, 2, raft_term=3), up(3, 2, raft_term=3)])
    first = between(healthy, dead)
    assert (first[0].kind, first[0].severity) == ("down", Severity.CRITICAL)
    assert first[0].text == "n1 down: connection refused"
    assert "n2 leads in term 3 (before: n1 in term 2)" in texts(dead, elected)


def test_quorum_lost_and_back() -> None:
    two = snapshot([up(1), up(2), down(3)])
    one = snapshot([up(1, 0), down(2), down(3)])
    assert "quorum lost: 0 of 3 voters healthy" in texts(two, one)
    assert any(t.startswith("quorum is back: 2 of 3") for t in texts(one, two))
    assert any(t.startswith("no leader: n1 was leading in term 2") for t in texts(two, one))


def test_a_lost_way_is_told_once_and_takes_no_quorum() -> None:
    well = snapshot([up(1), up(2), up(3)])
    gone = [replace(down(n, "API server: no answer in time"), outcome=State.UNKNOWN) for n in (1, 2, 3)]
    blind = snapshot(gone)
    assert texts(well, blind) == [
        "n1, n2, n3 unknown: API server: no answer in time",
        "who leads cannot be told from here: n1 was leading in term 2",
        "quorum not known: 0 of 3 voters healthy, quorum 2: 3 cannot be judged from here",
    ]
    assert {e.severity for e in between(well, blind)} == {Severity.WARNING}
    assert loss_sentence(blind, blind.rows[0]) == "how n1 is cannot be judged from here"
    assert any(t.startswith("quorum is seen again: 3 of 3") for t in texts(blind, well))
    dead = snapshot([down(1), down(2), gone[2]])
    assert "quorum lost: 0 of 3 voters healthy" in texts(blind, dead)


def test_an_endpoint_that_was_never_read_does_not_come_back() -> None:
    unread = snapshot([Reading(), Reading(), Reading()])
    assert not [e for e in between(unread, snapshot([up(1), up(2), up(3)])) if e.kind == "up"]


def test_back_after_a_while() -> None:
    old = snapshot([up(1), up(2), down(3, at=100)])
    new = snapshot([up(1), up(2), up(3, at=155)])
    assert "n3 answers again after 1m05s: follower" in texts(old, new)


def test_member_changes() -> None:
    readings = [up(1), up(2), up(3)]
    three = snapshot(readings)
    learner = member(4, name="", is_learner=True, client_urls=())
    joined = snapshot(readings, [*three.members, learner])
    started = snapshot(readings, [*three.members, replace(learner, name="n4")])
    voter = snapshot(readings, [*three.members, replace(learner, name="n4", is_learner=False)])
    assert texts(three, joined) == ["member 4 (4) added as learner"]
    assert texts(joined, started) == ["member n4 has started"]
    assert texts(started, voter) == ["member n4 promoted to voter"]
    assert texts(voter, three) == ["member n4 (4) removed"]


def test_alarms_and_nodes() -> None:
    quiet = snapshot([up(1), up(2), up(3)], nodes=[node(1)])
    loud = snapshot([up(1), up(2), up(3)], nodes=[node(1, RunState.FROZEN)], alarms=[Alarm(2, "NOSPACE")])
    assert texts(quiet, loud) == ["node n1 is frozen", "alarm NOSPACE on n2"]
    assert texts(loud, quiet) == ["node n1 is running", "alarm NOSPACE on n2 disarmed"]


def test_alarms_that_cannot_be_read_are_not_disarmed() -> None:
    loud = snapshot([up(1)], alarms=[Alarm(1, "NOSPACE")])
    assert texts(loud, replace(loud, alarms=None)) == []


def test_opening_waits_for_the_first_readings() -> None:
    assert opening(snapshot([up(1), Reading(), up(3)])) is None
    event = opening(snapshot([up(1), down(2), up(3)]))
    assert event is not None
    assert event.severity is Severity.WARNING
    assert event.text.startswith("opened: n1 leads in term 2; 2 of 3 voters healthy")
    assert event.text.endswith("not answering: n2")


def test_names_are_harmless() -> None:
    members = [member(1, name="\x1b[31mred"), member(2), member(3)]
    old, new = snapshot([up(1), up(2), up(3)], members), snapshot([down(1), up(2), up(3)], members)
    assert "\x1b" not in texts(old, new)[0]
