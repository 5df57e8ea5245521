"""A terminal that hangs up while much is still to be drawn."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, signal, sys
from textual.app import App
from textual.widgets import Static
from etcdtui.ui.terminal import steady

class Drawing(App):
    drawn = left = 0
    def get_driver_class(self):
        usual = super().get_driver_class()
        return steady(usual) if sys.argv[1] == "steady" else usual
    def compose(self):
        yield Static("0")
    def on_mount(self):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.asked))
        self.set_interval(0.01, self.draw)
    def asked(self):
        self.left = self.left or self.drawn + 100
    def draw(self):
        self.drawn += 1
        self.query_one(Static).update(str(self.drawn))
        if self.left and self.drawn > self.left:
            self.exit(7)

sys.exit(Drawing().run())
"""
"""It goes on drawing after it was asked to end, as a console does that waits for what it has started."""


@pytest.mark.parametrize("driver", ["steady", "Textual's own"])
def test_a_terminal_that_hangs_up_holds_nobody(driver: str) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-c", PROGRAM, driver.split("'")[0]],
        stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(slave)
    try:
        told = b""
        while b"50" not in told:
            assert select.select([master], [], [], 20)[0], told
            told += os.read(master, 65536)
        os.close(master)
        if driver == "steady":
            assert process.wait(40) == 7
        else:
            # What this is for: once Textual ends by itself here, the driver may go.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(3)
    finally:
        process.kill()
        process.wait(10)
