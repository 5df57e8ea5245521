"""Blocking work in daemon threads of the console's own, which never hold up quitting."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from etcdtui.errors import EtcdtuiError
from etcdtui.ui.messages import FromThread

if TYPE_CHECKING:
    from textual.app import App

T = TypeVar("T")


def post(app: App[Any], callback: Callable[[], object]) -> None:
    """Have `callback` run in the console's thread; forgotten when the console is closing."""
    # The event loop may be closed already: there is nobody left to tell.
    with contextlib.suppress(RuntimeError):
        app.post_message(FromThread(callback))


def run(
    app: App[Any],
    work: Callable[[], T],
    done: Callable[[T], object],
    failed: Callable[[EtcdtuiError], object],
    name: str = "etcdtui-work",
) -> threading.Thread:
    """Run `work` in a daemon thread, then `done` or `failed` in the console's thread.

    Textual's own thread workers share asyncio's executor and are waited for on exit, so they are
    not used. Errors outside `EtcdtuiError` are bugs and reach `threading.excepthook`.
    """

    def target() -> None:
        try:
            result = work()
        except EtcdtuiError as error:
            caught = error
            post(app, lambda: failed(caught))
        else:
            post(app, lambda: done(result))

    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread
