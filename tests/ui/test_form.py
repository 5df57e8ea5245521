"""What an action asks before its review: the form, its proposals, and the way back to it."""

from __future__ import annotations

import pytest

from etcdtui.errors import UsageError
from etcdtui.ui.modals.form import Form
from etcdtui.ui.modals.review import Review
from tests.ui.pilot import SIZES, console, screen_text, shows, until
from tests.ui.scripted import ScriptedSession, healthy


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_required_is_asked_first(size: tuple[int, int]) -> None:
    session = ScriptedSession(healthy())
    async with console(session, size) as (app, pilot):
        await pilot.press("S")
        text = await shows(app, pilot, "Scale", "Voters", "how many there shall be", "Pause", "5s", "learner")
        assert "n1" in text and session.prepared == []
        await pilot.press("backspace", "3", "tab", "tab", "right", "enter")
        await until(pilot, lambda: isinstance(app.screen, Review))
        assert session.options == [{"voters": "3", "pause": "5s", "how": "voter"}]
        await pilot.press("y")
        await shows(app, pilot, "DONE")


async def test_a_wrong_value_is_told_and_can_be_mended() -> None:
    session = ScriptedSession(healthy(), refuse=UsageError("Voters: expected a whole number, got 'x[/]'"))
    async with console(session) as (app, pilot):
        await pilot.press("S")
        await shows(app, pilot, "Voters")
        await pilot.press("backspace", "x", "enter")
        text = await shows(app, pilot, "expected a whole number, got 'x[/]'")
        assert isinstance(app.screen, Form) and "learner" in text
        session.refuse = None
        await pilot.press("backspace", "7", "enter")
        await until(pilot, lambda: isinstance(app.screen, Review))
        assert session.options[-1]["voters"] == "7"


async def test_what_is_optional_waits_behind_a_key() -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (app, pilot):
        await pilot.press("O")
        await shows(app, pilot, "o options", "y run")
        assert session.options == [{}]
        await pilot.press("o")
        await shows(app, pilot, "Pause", "between two nodes")
        await pilot.press("backspace", "backspace", "9", "s", "enter")
        await until(pilot, lambda: isinstance(app.screen, Review))
        assert session.options[-1] == {"pause": "9s"}


async def test_leaving_the_form_leaves_everything() -> None:
    session = ScriptedSession(healthy())
    async with console(session) as (app, pilot):
        await pilot.press("S")
        await shows(app, pilot, "Voters")
        await pilot.press("escape", "x")
        await shows(app, pilot, "Stop n1?")
        assert [action for action, _ in session.prepared] == ["stop-node"]
        assert "Voters" not in screen_text(app)
