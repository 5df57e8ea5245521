"""The terminal's output, which is not waited for once the terminal is gone."""

from __future__ import annotations

import contextlib
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.driver import Driver


class Outlasting:
    """A file to whose end nobody has to listen: what cannot be written is dropped.

    Textual's writing thread ends with the first write that fails, as those to a terminal that was closed
    do, and then the console waits for good for room in that thread's queue instead of quitting.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, or drop; how much was given."""
        with contextlib.suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop."""
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def outlasting(driver: type[Driver]) -> type[Driver]:
    """The driver of a real terminal with such an output; any other one as it is."""
    if driver.__name__ != "LinuxDriver":
        return driver

    class SteadyDriver(driver):  # type: ignore[valid-type, misc]
        """Textual's driver, whose writing thread outlasts the terminal."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            own: Any = self
            own._file = Outlasting(own._file)

    return SteadyDriver
