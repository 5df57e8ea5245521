"""What the main screen shows, at three sizes and in bad times."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcdtui.model.cluster import State
from etcdtui.model.health import Severity
from etcdtui.ui.widgets.grid import Grid
from tests.ui.pilot import SIZES, console, feed, screen_text, shows, until
from tests.ui.scripted import (
    IDS,
    REFUSED,
    SCENES,
    Ep,
    ScriptedSession,
    before_first,
    healthy,
    newer,
    not_permitted,
    quorum_lost,
    snapshot,
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [3, 5])
async def test_everything_important_is_in_sight(size: tuple[int, int], count: int) -> None:
    session = ScriptedSession(healthy(count))
    async with console(session, size) as (app, pilot):
        session.note(Severity.OK, "watching demo")
        text = await shows(app, pilot, "watching demo")
        assert "demo  cdf818194e3a8c32 · etcd 3.5.1 · ★ n1 leads, term 4" in text
        assert f"{count} of {count} voters healthy · quorum {count // 2 + 1}" in text
        assert f"{(count - 1) // 2} more may fail" in text
        for i in range(count):
            assert f"{IDS[i]:x}" in text
        for title in ("state", "name", "ID", "version", "db size", "term", "index"):
            assert title in text
        assert "losing n1 is safe after an election" in text
        assert "? help" in text and "q quit" in text and "c health" in text
        assert all(len(line) <= size[0] for line in text.splitlines())


@pytest.mark.parametrize("scene", sorted(SCENES))
@pytest.mark.parametrize("size", SIZES)
async def test_no_scene_breaks_the_screen(scene: str, size: tuple[int, int]) -> None:
    async with console(ScriptedSession(SCENES[scene]()), size) as (app, _):
        assert "demo" in screen_text(app)


async def test_all_sixteen_columns_at_200() -> None:
    async with console(ScriptedSession(newer()), (200, 50)) as (app, _):
        keys = [s.key for s in app.main.query_one("#endpoints", Grid).slots]
        assert len(keys) == 20
        text = screen_text(app)
        assert "downgrade" in text and "percentage" in text


async def test_w_shows_all_columns_in_a_narrow_terminal() -> None:
    async with console(ScriptedSession(healthy())) as (app, pilot):
        grid = app.main.query_one("#endpoints", Grid)
        few = len(grid.slots)
        await pilot.press("w")
        assert len(grid.slots) == 14 > few
        assert grid.max_scroll_x > 0
        await pilot.press("l")
        await pilot.pause()
        assert grid.scroll_x > 0
        assert "★ leader" in screen_text(app)
        await pilot.press("w")
        assert len(grid.slots) == few


async def test_a_dead_leader_is_loud_and_its_old_values_are_gone() -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (app, pilot):
        await feed(pilot, session, SCENES["leader_killed"]())
        text = screen_text(app)
        row = next(line for line in text.splitlines() if "✖ down" in line and "n1" in line)
        assert "3.5.1" not in row and "1842" not in row
        assert REFUSED in text
        assert "NONE MORE MAY FAIL" in text
        assert "★ n2 leads, term 5" in text


async def test_no_quorum_is_said_in_words() -> None:
    async with console(ScriptedSession(quorum_lost())) as (app, _):
        text = screen_text(app)
        assert "NO QUORUM" in text and "NO LEADER" in text and "writes are refused" in text
        assert "✖ ✖ ○" in text


async def test_an_alarm_stands_in_the_header() -> None:
    async with console(ScriptedSession(SCENES["nospace"]())) as (app, _):
        assert "ALARM NOSPACE n1" in screen_text(app).splitlines()[1]


async def test_not_permitted_is_not_down() -> None:
    async with console(ScriptedSession(not_permitted())) as (app, _):
        text = screen_text(app)
        assert "⊘ not permitted" in text and "down" not in text
        assert "voters not known" in text


async def test_before_the_first_answer() -> None:
    session = ScriptedSession(before_first())
    async with console(session) as (app, pilot):
        text = screen_text(app)
        assert "waiting for the first answer" in text and "? unknown" in text
        await feed(pilot, session, healthy())
        assert "3 of 3 voters healthy" in screen_text(app)


async def test_read_only_and_pause_and_refresh_are_badges() -> None:
    session = ScriptedSession(healthy(paused=True, refresh=5.0), read_only=True)
    async with console(session) as (app, pilot):
        first = screen_text(app).splitlines()[0]
        assert "READ-ONLY" in first and "PAUSED" in first
        await feed(pilot, session, healthy(refresh=5.0))
        first = screen_text(app).splitlines()[0]
        assert "READ-ONLY" in first and "PAUSED" not in first and "5s" in first
        await pilot.press("x")
        await shows(app, pilot, "this console is read-only")
        assert session.prepared == []


async def test_markup_and_escapes_in_names_are_harmless() -> None:
    evil = "[red]x[/]\x1b[31m"
    session = ScriptedSession(healthy())
    async with console(session, (120, 36)) as (app, pilot):
        first = Ep(evil, State.LEADER, errors=("[/bold]\x1b]0;owned\x07",))
        await feed(pilot, session, snapshot([first, Ep("n2"), Ep("n3")]))
        session.note(Severity.CRITICAL, f"{evil} down")
        text = await shows(app, pilot, "[red]x[/]�[31m down")
        assert "★ [red]x[/]�[31m leads" in text
        assert "\x1b" not in text
        await pilot.press("enter")
        await shows(app, pilot, "cluster ID", "[red]x[/]�[31m")


async def test_the_cursor_stays_on_its_member_whatever_the_rows_do() -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (app, pilot):
        await pilot.press("j")
        assert app.main.selected is not None and app.main.selected.member_id == IDS[1]
        first, second, third = healthy().rows
        for rows in ((third, second, first), (first, third, second), (second, third), (third, first, second)):
            await feed(pilot, session, replace(healthy(), rows=rows))
            assert app.main.selected.member_id == IDS[1]
            assert "losing n2" in screen_text(app)
        five = healthy(5)
        await feed(pilot, session, replace(five, rows=five.rows[::-1]))
        assert app.main.selected.member_id == IDS[1]
        await feed(pilot, session, replace(healthy(), rows=(first, third)))
        assert app.main.selected is not None


async def test_the_cursor_follows_a_row_that_gets_an_id() -> None:
    session = ScriptedSession(before_first())
    async with console(session) as (app, pilot):
        await pilot.press("j", "j")
        ready = healthy()
        await feed(pilot, session, replace(ready, rows=(ready.rows[2], ready.rows[0], ready.rows[1])))
        assert app.main.selected is not None and app.main.selected.member_id == IDS[2]


async def test_panes_take_turns_where_there_is_no_room() -> None:
    async with console(ScriptedSession(healthy(5))) as (app, pilot):
        assert "peer addrs" not in screen_text(app)
        await pilot.press("2")
        assert "peer addrs" in await shows(app, pilot, "peer addrs")
        await pilot.press("j")
        assert app.main.selected is not None and app.main.selected.member_id == IDS[1]
        await pilot.press("3")
        await shows(app, pilot, "nothing has happened yet")
        await pilot.press("tab")
        await until(pilot, lambda: app.main.pane == "endpoints")


async def test_resizing_brings_columns_back() -> None:
    async with console(ScriptedSession(healthy())) as (app, pilot):
        assert "raft applied" not in screen_text(app).splitlines()[2]
        await pilot.resize_terminal(200, 50)
        await shows(app, pilot, "raft applied", "errors", "RTT", "node")
        await pilot.resize_terminal(60, 16)
        await pilot.pause()
        assert "3 of 3 voters healthy" in screen_text(app)


async def test_the_timeline_keeps_its_place_when_scrolled() -> None:
    session = ScriptedSession(healthy(5))
    async with console(session) as (app, pilot):
        for n in range(40):
            session.note(Severity.OK, f"event number {n}")
        await shows(app, pilot, "event number 39")

        def events() -> list[str]:
            return [line[:40].rstrip() for line in screen_text(app).splitlines() if "event number" in line]

        await pilot.press("3", "ctrl+d", "ctrl+d")
        await until(pilot, lambda: len(events()) == 9 and "event number 39" not in " ".join(events()))
        before = events()
        session.note(Severity.OK, "event number 40")
        await pilot.pause(0.05)
        assert events() == before
        await pilot.press("g")
        await shows(app, pilot, "event number 40")


async def test_the_mouse_selects_rows_and_presses_keys_of_the_footer() -> None:
    async with console(ScriptedSession(healthy())) as (app, pilot):
        await pilot.click("#endpoints", offset=(5, 3))
        assert app.main.selected is not None and app.main.selected.member_id == IDS[1]
        await pilot.click("#footer", offset=(3, 0))
        await shows(app, pilot, "health check", "HEALTHY")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.click("#endpoints", offset=(5, 3))
        await shows(app, pilot, "raft applied index", "y copy")


async def test_no_colour_leaves_glyphs_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(ScriptedSession(quorum_lost())) as (app, _):
        assert app.no_color
        text = screen_text(app)
        assert "✖ down" in text and "NO QUORUM" in text
