import pytest

from etcdtui.model.text import clean, coarse_rtt, duration, plural, rtt_step, si_bytes


@pytest.mark.parametrize(
    ("size", "shown"),
    # What go-humanize's Bytes gives, etcdctl's function.
    [
        (0, "0 B"),
        (9, "9 B"),
        (10, "10 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (20480, "20 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (82854982, "83 MB"),
        (2147483648, "2.1 GB"),
        (None, "-"),
    ],
)
def test_sizes_are_etcdctls(size: int | None, shown: str) -> None:
    assert si_bytes(size) == shown


def test_clean_leaves_nothing_a_terminal_would_obey() -> None:
    hostile = "[red]x[/]\x1b[31m\x07\u202eevil\r\n\x9b2J"
    harmless = clean(hostile)
    assert all(ord(c) >= 32 and not 0x7F <= ord(c) < 0xA0 for c in harmless)
    assert "\u202e" not in harmless
    assert harmless.startswith("[red]x[/]")


def test_clean_limits_its_length() -> None:
    assert clean("abcdef", 4) == "abc…"
    assert clean("abcd", 4) == "abcd"


def test_figures_for_people() -> None:
    assert [coarse_rtt(x) for x in (None, 0.001, 0.0049, 0.03, 0.3, 0.7, 99)] == [
        "-",
        "≤5ms",
        "≤5ms",
        "≤50ms",
        "≤0.5s",
        "≤1s",
        "≤20s",
    ]
    assert [duration(x) for x in (4.9, 190, 7500, 273600)] == ["4s", "3m10s", "2h05m", "3d04h"]
    assert (plural(1, "voter"), plural(2, "voter")) == ("1 voter", "2 voters")


def test_a_shown_round_trip_time_rests_and_still_follows() -> None:
    assert rtt_step(None, 0.0049) == 0.005
    assert rtt_step(0.005, 0.006) == 0.005
    assert rtt_step(0.005, 0.0063) == 0.01
    assert rtt_step(0.01, 0.0049) == 0.01
    assert rtt_step(0.01, 0.0037) == 0.005
    assert rtt_step(0.1, 0.001) == 0.005
    assert rtt_step(None, 99) == 20
