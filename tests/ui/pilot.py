"""Running the console under Textual's pilot and reading its screen as text."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from etcdtui.ui.app import EtcdtuiApp
from tests.ui.scripted import ScriptedSession

SIZES = [(80, 24), (120, 36), (200, 50)]


def screen_text(app: EtcdtuiApp) -> str:
    """What the terminal shows, line by line, panels above the main screen included."""
    width, height = app.size
    strips = app.screen._compositor.render_strips(app.size)
    lines = ["".join(segment.text for segment in strip).ljust(width) for strip in strips]
    return "\n".join(line.rstrip() for line in lines[:height])


@asynccontextmanager
async def console(
    session: ScriptedSession, size: tuple[int, int] = (80, 24), **kwargs: Any
) -> AsyncIterator[tuple[EtcdtuiApp, Pilot[int]]]:
    """A running console that has drawn its first frame and subscribed to the session."""
    app = EtcdtuiApp(session, **kwargs)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, session.started.is_set)
        yield app, pilot


async def until(pilot: Pilot[int], condition: Callable[[], object], timeout: float = 20) -> None:
    """Let the console work until something is true."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {timeout}s:\n{screen_text(pilot.app)}")  # type: ignore[arg-type]
        await pilot.pause(0.01)
    await pilot.pause()


async def shows(app: EtcdtuiApp, pilot: Pilot[int], *words: str) -> str:
    """Until the screen shows all of these words; its text."""
    await until(pilot, lambda: all(word in screen_text(app) for word in words))
    return screen_text(app)


async def focused(app: EtcdtuiApp, pilot: Pilot[int], id: str) -> None:
    """Until the widget of that ID has the focus: a panel is drawn before it is given away."""
    await until(pilot, lambda: app.focused is not None and app.focused.id == id)


async def feed(pilot: Pilot[int], session: ScriptedSession, snapshot: Any) -> None:
    """Feed a snapshot and wait until it is drawn."""
    session.feed(snapshot)
    app = pilot.app
    assert isinstance(app, EtcdtuiApp)
    await until(pilot, lambda: app.main.snapshot is snapshot)
