"""What the console writes to its terminal: nothing while nothing changes, little for one cell."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.ui.terminal import Terminal

Opener = Callable[..., Terminal]


@pytest.fixture
def open_terminal() -> Iterator[Opener]:
    opened: list[Terminal] = []

    def opener(scene: str = "healthy", size: tuple[int, int] = (80, 24)) -> Terminal:
        terminal = Terminal("tests.ui.child", scene, size=size)
        opened.append(terminal)
        terminal.pump(20, [b"quit"])
        terminal.order("begun")
        terminal.settle()
        return terminal

    yield opener
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize(
    ("scene", "size"), [("healthy", (80, 24)), ("leader_killed", (120, 36)), ("healthy", (200, 50))]
)
def test_no_change_no_bytes_and_one_cell_at_most_200(
    open_terminal: Opener, scene: str, size: tuple[int, int]
) -> None:
    terminal = open_terminal(scene, size)
    assert terminal.order("same 10") == b""
    if scene == "healthy":
        written = terminal.order("bump 1", shows=b"1843")
        assert b"1843" in written
        assert len(written) <= 200, written


def test_an_open_panel_rests_and_quitting_puts_the_terminal_back(open_terminal: Opener) -> None:
    terminal = open_terminal()
    terminal.drawn("?")
    assert terminal.order("same 5") == b""
    terminal.drawn("\x1b")
    terminal.keys("q")
    assert terminal.wait() == 0
    assert b"\x1b[?1049l" in terminal.output


def test_a_signal_ends_it_and_puts_the_terminal_back(open_terminal: Opener) -> None:
    terminal = open_terminal()
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 0
    assert b"\x1b[?1049l" in terminal.output


def test_it_ends_when_the_terminal_vanishes(open_terminal: Opener) -> None:
    terminal = open_terminal()
    terminal.hang_up()
    terminal.wait()
