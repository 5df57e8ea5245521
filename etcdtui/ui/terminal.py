"""A terminal that may vanish: nobody waits for it then, and the console is asked to quit.

Textual writes from a thread of its own, fed by a short queue. Where the terminal has hung up that thread dies
of the error, the queue fills and the event loop stands for ever, deaf to the signal that told it so.
"""

from __future__ import annotations

import errno
import os
import signal
from typing import IO, Any

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

GONE = frozenset({errno.EIO, errno.ENXIO, errno.EPIPE, errno.EBADF})
"""Errors of a write to a terminal that is not there any more."""


class Outlet:
    """A file that takes what Textual writes, and drops it once the terminal is gone."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.gone = False

    def fileno(self) -> int:
        """The file's number."""
        return self._file.fileno()

    def write(self, text: str) -> None:
        """Write to the terminal. Raises OSError for what is no hang-up."""
        if not self.gone:
            try:
                self._file.write(text)
            except OSError as error:
                self._lost(error)

    def flush(self) -> None:
        """Have everything written. Raises OSError for what is no hang-up."""
        if not self.gone:
            try:
                self._file.flush()
            except OSError as error:
                self._lost(error)

    def _lost(self, error: OSError) -> None:
        if error.errno not in GONE:
            raise error
        self.gone = True
        for number in (signal.SIGHUP, signal.SIGTERM):
            if callable(signal.getsignal(number)):
                os.kill(os.getpid(), number)
                return


class Terminal(LinuxDriver):
    """Textual's driver for a terminal, but for one that has hung up."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._file: Any = Outlet(self._file)

    def start_application_mode(self) -> None:
        """Begin, or go on after a stop; a hang-up continues a process too, with nothing to go on with."""
        if self._writer_thread is None or os.isatty(self.fileno):
            super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        """Hand to the thread that writes, while there is one."""
        if self._writer_thread is not None and self._writer_thread.is_alive():
            super().write(data)


def steady(usual: type[Driver]) -> type[Driver]:
    """The driver to take where Textual would take the given one."""
    return Terminal if usual is LinuxDriver else usual
