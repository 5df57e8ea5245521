"""What a killed console left is offered at the next launch, and goes through the ordinary review."""

from __future__ import annotations

from typing import Any

from etcdtui.ui.modals.review import Review
from etcdtui.ui.screens.main import MainScreen
from etcdtui.ui.screens.unfinished import UnfinishedScreen
from tests.ui.pilot import console, feed, shows, until
from tests.ui.scripted import FakeLeft, ScriptedSession, before_first, healthy

RESTART = FakeLeft("p1", "restart n2", "its console ended in step 2 of 3 (start [b]n2)")
SCALE = FakeLeft("p2", "scale to 5", "failed at step 4")


def left_session(*left: FakeLeft) -> ScriptedSession:
    return ScriptedSession(healthy(), left=left)


async def opened(app: Any, pilot: Any, session: ScriptedSession) -> str:
    await feed(pilot, session, healthy())
    return await shows(app, pilot, "left unfinished", "restart n2")


async def test_it_is_offered_once_and_finished_through_the_review() -> None:
    session = left_session(RESTART)
    async with console(session) as (app, pilot):
        text = await opened(app, pilot, session)
        assert "start [b]n2" in text and "✔ stop n2" in text and "▶ start n2" in text
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Review))
        assert "finish: stop n2" in await shows(app, pilot, "y run")
        assert session.executed == []
        await pilot.press("y")
        await shows(app, pilot, "DONE")
        await pilot.press("escape")
        await feed(pilot, session, healthy())
        assert isinstance(app.screen, MainScreen)


async def test_it_is_offered_where_nobody_answers_after_a_while() -> None:
    """A bring-up that stopped before its start has no member that could answer."""
    session = left_session(RESTART)
    async with console(session) as (app, pilot):
        await feed(pilot, session, before_first())
        assert isinstance(app.screen, MainScreen)
        session.waited = True
        session.feed(before_first())
        await shows(app, pilot, "left unfinished", "restart n2")


async def test_it_can_wait_be_chosen_undone_and_forgotten() -> None:
    session = left_session(RESTART, SCALE)
    async with console(session) as (app, pilot):
        await opened(app, pilot, session)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UnfinishedScreen))
        await pilot.press("j")
        await shows(app, pilot, "▸ scale to 5", "failed at step 4")
        await pilot.press("u")
        await shows(app, pilot, "undo: stop n2", "y run")
        await pilot.press("escape", "u")
        await shows(app, pilot, "▸ restart n2")
        await pilot.press("F")
        await until(pilot, lambda: session.left == (SCALE,))


async def test_nothing_left_is_said() -> None:
    session = left_session()
    async with console(session) as (app, pilot):
        await feed(pilot, session, healthy())
        await pilot.press("u")
        await shows(app, pilot, "nothing was left unfinished")
