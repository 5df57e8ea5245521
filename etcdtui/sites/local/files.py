"""Small JSON files replaced as a whole and re-read only when changed, and their directory's lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.files import replace_file

LOCK_FILE = ".lock"


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = False) -> None:
    """Replace `path` in one step: a reader, or a crash, sees the old file or the new one.

    Args:
        durable: also survive a loss of power (fsync).

    Raises:
        SiteError: it cannot be written; the message names the file.
    """
    try:
        replace_file(path, json.dumps(value, indent=2) + "\n", durable=durable)
    except OSError as error:
        raise SiteError(f"{path}: cannot be written: {error.strerror}") from None


class JsonFile:
    """A JSON object on disk that others may replace at any time; parsed again only when it changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int, int] | None, dict[str, Any] | None] = (None, None)

    def read(self) -> dict[str, Any] | None:
        """Its content, None when it does not exist.

        Raises:
            SiteError: it cannot be read or holds no JSON object.
        """
        signature, value = self._seen
        try:
            info = self.path.stat()
            now = (info.st_mtime_ns, info.st_ino, info.st_size)
            if now != signature:
                value = json.loads(self.path.read_bytes())
                if not isinstance(value, dict):
                    raise SiteError(f"{self.path}: a JSON object is expected", "move the file aside")
                self._seen = (now, value)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise SiteError(f"{self.path}: not valid JSON: {error}", "move the file aside") from None
        except OSError as error:
            raise SiteError(f"{self.path}: cannot be read: {error.strerror}") from None
        return value


@contextlib.contextmanager
def locked(directory: Path, timeout: float) -> Iterator[None]:
    """Hold the directory's lock; it excludes other processes and other threads of this one.

    The kernel drops it with the process that holds it, so a killed console leaves no stale lock.

    Raises:
        SiteError: somebody held it for all of `timeout` seconds, or the directory cannot be written.
    """
    try:
        descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SiteError(f"{directory}: cannot be written: {error.strerror}") from None
    try:
        _acquire(descriptor, directory, time.monotonic() + timeout)
        yield
    finally:
        # Closing the only descriptor of this open file description releases the lock.
        os.close(descriptor)


def _acquire(descriptor: int, directory: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise SiteError(
                    f"{directory}: another etcdtui is starting or stopping this cluster right now",
                    "try again in a moment",
                ) from None
        time.sleep(0.01)
