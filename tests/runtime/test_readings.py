"""Readings one after the other."""

from etcdtui.model.cluster import Reading
from etcdtui.model.text import coarse_rtt
from etcdtui.runtime.readings import alarms_in, answered, before_3_4
from tests.model.build import down, status, up


def shown(samples: list[float], start: Reading | None = None) -> tuple[list[str], Reading]:
    reading = start or Reading()
    out = []
    for sample in samples:
        reading = answered(reading, status(1), 0.0, sample)
        out.append(coarse_rtt(reading.shown_rtt))
    return out, reading


def test_the_connection_is_not_counted_and_spikes_do_not_show() -> None:
    seen, reading = shown([0.3, 0.003, 0.004, 0.015, 0.002, 0.012, 0.003])
    assert seen[0] == "≤0.5s"
    assert set(seen[1:]) == {"≤5ms"}
    seen, reading = shown([0.08] * 30, reading)
    assert seen[-1] == "≤100ms"
    seen, _ = shown([0.003] * 40, reading)
    assert seen[-1] == "≤5ms"


def test_alarms_are_read_from_the_errors_in_decimal() -> None:
    loud = up(1, errors=("memberID:10276657743932975437 alarm:NOSPACE ", "etcdserver: no leader"))
    alarms = alarms_in([loud, up(2, errors=("memberID:10276657743932975437  alarm:NOSPACE",)), down(3)])
    assert alarms is not None
    assert [(f"{a.member_id:x}", a.kind) for a in alarms] == [("8e9e05c52164694d", "NOSPACE")]
    assert alarms_in([up(1)]) == ()
    assert alarms_in([down(1)]) is None


def test_old_servers_need_the_alarm_list() -> None:
    assert before_3_4([up(1, raft_applied_index=None)])
    assert not before_3_4([up(1), down(2)])
