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
        terminal.settle()
        return terminal

    yield opener
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("scene", ["healthy", "leader_killed"])
def test_nothing_is_written_while_nothing_changes(open_terminal: Opener, scene: str) -> None:
    terminal = open_terminal(scene)
    assert terminal.order("same 15") == b""


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
def test_a_changed_cell_costs_at_most_200_bytes(open_terminal: Opener, size: tuple[int, int]) -> None:
    terminal = open_terminal(size=size)
    written = terminal.order("bump 1")
    assert b"1843" in written
    assert len(written) <= 200, written


def test_a_hidden_panel_of_keys_does_not_blink(open_terminal: Opener) -> None:
    terminal = open_terminal()
    terminal.keys("?")
    terminal.settle()
    assert terminal.order("same 5") == b""


def test_quit_and_signals_end_it_quickly_and_put_the_terminal_back(open_terminal: Opener) -> None:
    terminal = open_terminal()
    terminal.keys("q")
    assert terminal.wait() == 0
    assert b"\x1b[?1049l" in terminal.output
    terminal = open_terminal()
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 0
    assert b"\x1b[?1049l" in terminal.output


def test_it_ends_when_the_terminal_vanishes(open_terminal: Opener) -> None:
    terminal = open_terminal()
    terminal.hang_up()
    terminal.wait(5)
