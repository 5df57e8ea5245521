"""A console's output whose terminal is gone holds nobody up."""

from __future__ import annotations

import os

import pytest
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver

from etcdtui.ui.output import Outlasting, outlasting


@pytest.mark.timeout(20)
def test_writing_to_a_terminal_that_was_closed_goes_on_and_ends() -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as file:
        kept = Outlasting(file)
        writer = WriterThread(kept)  # type: ignore[arg-type]
        writer.start()
        writer.write("here")
        assert os.read(master, 10) == b"here" and kept.fileno() == slave
        os.close(master)
        # Far more than its queue holds.
        for _ in range(200):
            writer.write("x" * 100)
        assert writer.is_alive()
        writer.stop()
        assert not writer.is_alive()


def test_the_driver_of_a_terminal_has_it_and_others_are_left_alone() -> None:
    assert issubclass(outlasting(LinuxDriver), LinuxDriver) and outlasting(LinuxDriver) is not LinuxDriver
    assert outlasting(outlasting(LinuxDriver)) is not LinuxDriver
