"""The log of a node on the screen: what is shown of it, and that a torrent leaves the console quick."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from textual.events import Key

from etcdtui.errors import UsageError
from etcdtui.model.logline import stamp_of
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.logfeed import GAP, RING, TAIL, LogFeed
from etcdtui.ui.moment import parse_moment
from etcdtui.ui.screens.log import LogScreen
from etcdtui.ui.widgets.logview import LogView
from tests.ui.pilot import console, screen_text, shows, until
from tests.ui.scripted import ScriptedSession, healthy

JSON = '{"level":"warn","ts":"2026-01-01T10:00:00.123Z","caller":"x.go:1","msg":"slow","took":"1s"}'


class Source:
    """A log that has some lines and gets those the test gives it."""

    def __init__(self, lines: tuple[str, ...] = ()) -> None:
        self.lines = lines
        self.more: list[str] = []
        self.stopped = threading.Event()
        self.rate = 0

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        return self.lines[-lines:]

    def log_from(self, node: str, moment: str, lines: int) -> tuple[str, ...]:
        return tuple(line for line in self.lines if stamp_of(line) >= moment)[:lines]

    def log_follow(self, node: str, stop: Callable[[], bool], lines: int = 0) -> Iterator[str]:
        yield from self.lines[-lines:]
        given, began = 0, time.monotonic()
        while not stop():
            if self.rate:
                due = int((time.monotonic() - began) * self.rate)
                while given < due:
                    given += 1
                    yield f"line {given} of many {'x' * 150}"
            while self.more:
                yield self.more.pop(0)
            time.sleep(0.01)
        self.stopped.set()


def session(source: Source | None) -> ScriptedSession:
    out = ScriptedSession(healthy())
    out.logs = source
    return out


async def test_a_log_is_followed_filtered_and_searched() -> None:
    source = Source((JSON, "plain [red]text[/] \x1b[2J", "2024-01-01 00:00:00.000000 E | etcdmain: bad"))
    async with console(session(source), (100, 30)) as (app, pilot):
        await pilot.press("v")
        text = await shows(
            app,
            pilot,
            "3 lines",
            "10:00:00.123 ▲ slow  took=1s",
            "[red]text[/]",
            "✖ etcdmain: bad",
            "following",
        )
        assert "\x1b" not in text
        source.more.append("a new one")
        await shows(app, pilot, "a new one", "4 lines")
        await pilot.press("f", *"etcdmain", "enter")
        text = await shows(app, pilot, "1 of 4 lines")
        assert "a new one" not in text
        await pilot.press("f", *(["backspace"] * 8), "enter")
        await pilot.press("slash", *"slow", "enter")
        await shows(app, pilot, "standing still", "4 lines")
        await pilot.press("escape")
        await until(pilot, source.stopped.is_set)
        assert not isinstance(app.screen, LogScreen)


async def test_a_log_is_read_from_a_time_on() -> None:
    lines = tuple(JSON.replace("10:00", f"{h:02}:{m:02}") for h in (9, 10) for m in range(60))
    source = Source(lines)
    async with console(session(source), (80, 24)) as (app, pilot):
        await pilot.press("v")
        await shows(app, pilot, "120 lines")
        await pilot.press("t", *"9:58", "enter")
        text = await shows(app, pilot, "62 lines · from 2026-01-01 09:58:00 · standing still")
        assert "09:58:00.123 ▲ slow" in text
        assert "10:59:00" not in text
        source.more.append("a new one")
        await shows(app, pilot, "63 lines")
        await pilot.press("t", *(["backspace"] * 30), *"-1m", "enter")
        await shows(app, pilot, "2 lines · from 2026-01-01 10:58:00")
        await pilot.press("t", *(["backspace"] * 30), *"25:00", "enter")
        await shows(app, pilot, "'25:00' is no time", "2 lines")
        await pilot.press("t", *(["backspace"] * 30), "enter")
        await shows(app, pilot, "120 lines · following")


def test_a_typed_time_is_the_last_one_before_the_newest_line() -> None:
    newest = "2026-03-01 00:10:00"
    assert parse_moment("00:05", newest) == "2026-03-01 00:05:00"
    assert parse_moment("23:50:10", newest) == "2026-02-28 23:50:10"
    assert parse_moment("2026-02-27", newest) == "2026-02-27 00:00:00"
    assert parse_moment("2026-02-27T7:30", newest) == "2026-02-27 07:30:00"
    assert parse_moment("-2h", newest) == "2026-02-28 22:10:00"
    for wrong in ("", "later", "12:61", "2026-02-30", "-2w"):
        with pytest.raises(UsageError, match="is no time"):
            parse_moment(wrong, newest)


async def seconds_to_handle(app: EtcdtuiApp, view: LogView, key: str) -> float:
    """How long a key that is typed now waits until the view has dealt with it."""
    began, done = time.monotonic(), asyncio.Event()
    app.post_message(Key(key, key))
    app.call_later(view.call_later, done.set)
    await done.wait()
    return time.monotonic() - began


async def test_ten_thousand_lines_a_second_leave_the_console_quick() -> None:
    source = Source()
    source.rate = 10_000
    async with console(session(source), (120, 36)) as (app, pilot):
        await pilot.press("v")
        await until(
            pilot, lambda: app.screen.query(LogView) and app.screen.query_one(LogView).counts[1] > 5_000
        )
        view = app.screen.query_one(LogView)
        waits: list[float] = []
        while view.counts[1] < RING or len(waits) < 50:
            waits.append(await seconds_to_handle(app, view, "j"))
            await asyncio.sleep(0.02)
        # The machine may stand still for a moment: that is not the log's doing.
        assert sorted(waits)[len(waits) * 9 // 10] < 0.5, waits
        assert view.counts[1] <= RING + 2_000
        view.follow(True)
        await shows(app, pilot, "of many")
        await pilot.press("q")
        await until(pilot, source.stopped.is_set)


async def test_a_site_without_logs_says_so() -> None:
    async with console(session(None)) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: any("not within reach" in n.message for n in app._notifications))
        assert screen_text(app)


async def test_the_log_is_of_the_selected_row() -> None:
    source = Source()
    out = session(source)
    rows = tuple(replace(row, node=None) for row in out.first.rows)
    out.first = replace(out.first, rows=rows)
    out._latest = out.first
    async with console(out) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: any("no node" in n.message for n in app._notifications))


class Grown(Source):
    """A log that grows between the reading of its end and following."""

    come: tuple[str, ...] = ()

    def log_tail(self, node: str, lines: int) -> tuple[str, ...]:
        end = super().log_tail(node, lines)
        self.lines += self.come
        return end


def test_what_came_between_the_end_and_following_is_shown_once_or_said_to_be_missing() -> None:
    old = [f"line {n}" for n in range(TAIL)]

    def fed(more: int) -> list[str]:
        source = Grown(tuple(old))
        source.come = tuple(f"line {n}" for n in range(TAIL, TAIL + more))
        feed, got = LogFeed(source, "n1"), []
        last = f"line {TAIL + more - 1}"
        deadline = time.monotonic() + 20
        while last not in got:
            got += feed.take()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        feed.close()
        return got

    assert fed(7) == [f"line {n}" for n in range(TAIL + 7)]
    torn = fed(TAIL + 7)
    assert torn == [*old, GAP, *(f"line {n}" for n in range(TAIL + 7, 2 * TAIL + 7))]


class Container(Source):
    """A log that also has the run before."""

    def log_previous(self, node: str, lines: int) -> tuple[str, ...]:
        return ("panic: no space left on device",)


async def test_the_run_before_is_a_key_away() -> None:
    one = session(Container(("this run",)))
    async with console(one) as (app, pilot):
        await pilot.press("v")
        await shows(app, pilot, "this run", "p the run before")
        await pilot.press("p")
        text = await shows(app, pilot, "the run before", "no space left on device", "this run has ended")
        assert "p this run" in text
        await pilot.press("p")
        await shows(app, pilot, "following", "p the run before")
