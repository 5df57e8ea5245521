from etcdtui.model import columns
from etcdtui.model.columns import member_cells, member_objects, not_in_use, status_columns, status_objects
from tests.model.build import down, node, snapshot, status, up

TEN = ["endpoint", "ID", "version", "db size", "is leader", "is learner", "raft term", "raft index"]
TEN += ["raft applied index", "errors"]
SIXTEEN = [
    "endpoint",
    "ID",
    "version",
    "storage version",
    "db size",
    "in use",
    "percentage not in use",
    "quota",
]
SIXTEEN += ["is leader", "is learner", "raft term", "raft index", "raft applied index", "errors"]
SIXTEEN += ["downgrade target version", "downgrade enabled"]
OURS = {"state", "name", "RTT", "age"}


def titles(shot: object) -> list[str]:
    return [c.title for c in status_columns(shot) if c.title not in OURS]  # type: ignore[arg-type]


def test_ten_columns_and_sixteen_from_3_6() -> None:
    assert titles(snapshot([up(1), up(2), up(3)])) == TEN
    assert titles(snapshot([up(1), up(2, version="3.6.0"), up(3)])) == SIXTEEN
    assert titles(snapshot([up(1, version="3.10.1")])) == SIXTEEN
    assert titles(snapshot([up(1, version="nonsense")])) == TEN


def test_dead_rows_keep_their_reason_and_show_no_old_figures() -> None:
    shot = snapshot([up(1), down(2, "connection refused: nothing listens"), up(3)])
    cells = {c.key: c.text(shot, shot.rows[1]) for c in status_columns(shot)}
    assert cells["state"] == "✖ down"
    assert cells["id"] == "2"
    assert cells["raft_index"] == "-"
    assert cells["errors"] == "connection refused: nothing listens"
    assert cells["age"] == "10s"


def test_a_fresh_reading_shows_no_age() -> None:
    shot = snapshot([up(1, at=99.0)])
    assert {c.key: c.text(shot, shot.rows[0]) for c in status_columns(shot)}["age"] == ""


def test_share_not_in_use_rounds_as_etcdctl() -> None:
    assert not_in_use(status(1, db_size=20480, db_size_in_use=16384)) == 20
    assert not_in_use(status(1, db_size=3, db_size_in_use=1)) == 67
    assert not_in_use(status(1, db_size=0, db_size_in_use=0)) is None
    assert not_in_use(status(1, db_size_in_use=None)) is None


def test_json_objects_carry_every_column_and_the_pid() -> None:
    shot = snapshot([up(1), up(2), down(3)], nodes=[node(1), node(2), node(3)])
    first, _, third = status_objects(shot)
    assert first["id"] == "1"
    assert first["is_leader"] is True
    assert first["raft_term"] == 2
    assert first["pid"] == 4001
    assert third["state"] == "down"
    assert third["raft_term"] is None
    assert third["reason"] == "connection refused"
    assert {c.key for c in columns.STATUS_COLUMNS} <= first.keys()


def test_member_list() -> None:
    shot = snapshot([up(1), up(2), up(3)], nodes=[node(1)])
    assert member_cells(shot, shot.members[0]) == (
        "1",
        "started",
        "n1",
        "http://127.0.0.1:30001",
        "http://127.0.0.1:20001",
        "false",
        "n1 (running)",
    )
    assert member_objects(shot)[1]["node"] is None
