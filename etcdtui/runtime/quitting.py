"""SIGTERM and SIGHUP ask the console to quit in good order, once; later ones do not disturb the clean-up.

The command line installs the handlers (`asked_by_signal`); the console says how it is asked
(`on_request`), because only its event loop can put the terminal back. Where nothing is registered,
the signal raises `Quit` in the main thread, and ``finally`` does the rest.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Quit(SystemExit):
    """A signal asked to end; its code is 128 plus the signal's number, as shells count."""


class _Request:
    """What the handlers share; signals are the process's, so there is one of it."""

    received: int = 0
    closing: bool = False
    callback: Callable[[], None] | None = None


def on_request(callback: Callable[[], None]) -> Callable[[], None]:
    """Say how to ask the console to quit; the result takes that back.

    The callback runs in the main thread, between two bytecodes of whatever runs there: it must do
    no more than hand the request over, as ``loop.call_soon_threadsafe(app.exit)`` does.
    """
    _Request.callback = callback

    def forget() -> None:
        if _Request.callback is callback:
            _Request.callback = None

    if _Request.received and not _Request.closing:
        callback()
    return forget


def received() -> int:
    """The signal that asked to quit; 0 when none did."""
    return _Request.received


def closing() -> None:
    """From here on the clean-up runs: signals, the keyboard's too, no longer interrupt it."""
    _Request.closing = True
    for number in (*SIGNALS, signal.SIGINT):
        # Ignored by a function, not SIG_IGN: a child process would inherit that.
        signal.signal(number, _ignore)


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame


def _handle(number: int, frame: FrameType | None) -> None:
    del frame
    if _Request.received or _Request.closing:
        return
    _Request.received = number
    if _Request.callback is None:
        raise Quit(128 + number)
    # The loop may be gone already; then the console is on its way out anyhow.
    with contextlib.suppress(RuntimeError):
        _Request.callback()


@contextlib.contextmanager
def asked_by_signal() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP inside; main thread only. The old handlers come back afterwards."""
    _Request.received, _Request.closing, _Request.callback = 0, False, None
    numbers = (*SIGNALS, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    # nohup has SIGHUP ignored, and that wish is kept.
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, _handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
