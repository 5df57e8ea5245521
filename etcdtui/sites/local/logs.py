"""A node's log file: rotating it, its last lines, following it, and the line that tells why etcd ended."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import BinaryIO

from etcdtui.model.logline import stamp_of
from etcdtui.model.text import clean

ROTATE_ABOVE = 16 * 1024 * 1024
"""Bytes; a log longer than this is set aside when its node starts."""
_BLOCK = 64 * 1024
_POLL = 0.2

_GRAVE = ("fatal", "panic", "dpanic")
# Above errors and warnings; a panic's own line repeats the fatal one before it in worse words.
_FATAL_RANK, _GO_RANK = 5, 4
# etcd 3.4's own format: ``2024-01-01 00:00:00.000000 C | etcdmain: listen tcp ...``.
_CAPNSLOG = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ ([A-Z]) \| (.*)$")
_GO = re.compile(r"^(panic: .*|fatal error: .*|flag provided but not defined: .*|invalid value .*)$")


def rotate(path: Path) -> None:
    """Set a large log aside as ``NAME.1``, replacing the one from before; raises OSError."""
    if path.exists() and path.stat().st_size > ROTATE_ABOVE:
        path.replace(path.with_name(path.name + ".1"))


def tail(path: Path, lines: int) -> tuple[str, ...]:
    """The last `lines` lines, oldest first, none when there is no log; untrusted text. Raises OSError."""
    if lines <= 0 or not path.exists():
        return ()
    with path.open("rb") as stream:
        stream.seek(_start_of_last(stream, lines))
        return tuple(line.decode("utf-8", "replace") for line in stream.read().splitlines()[-lines:])


def _start_of_last(stream: BinaryIO, lines: int) -> int:
    """Where the last lines begin."""
    end = position = stream.seek(0, os.SEEK_END)
    data = b""
    while lines > 0 and position > 0 and data.count(b"\n") <= lines:
        step = min(_BLOCK, position)
        position = stream.seek(position - step)
        data = stream.read(step) + data
    return end - (sum(map(len, data.splitlines(keepends=True)[-lines:])) if lines > 0 else 0)


def since(path: Path, moment: str, lines: int) -> tuple[str, ...]:
    """The first `lines` lines from a moment (``YYYY-MM-DD HH:MM:SS``) on, as the lines' own stamps say.

    A line without a stamp goes with the one before it. The log set aside by `rotate` comes first.
    Raises OSError.
    """
    found: list[str] = []
    for file in (path.with_name(path.name + ".1"), path):
        if not file.exists():
            continue
        with file.open("rb") as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if found or stamp_of(line) >= moment:
                    found.append(line)
                if len(found) >= lines:
                    return tuple(found)
    return tuple(found)


def follow(path: Path, stop: Callable[[], bool], lines: int = 0) -> Generator[str, None, None]:
    """The last lines, then whole ones as they are written, across a rotation, until `stop()`; untrusted."""
    stream: BinaryIO | None = path.open("rb") if path.exists() else None
    rest = b""
    try:
        if stream is not None:
            stream.seek(_start_of_last(stream, lines))
        while not stop():
            if stream is not None and (data := stream.read(_BLOCK)):
                *whole, rest = (rest + data).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in whole)
                continue
            if stream is None or _replaced(path, stream):
                if stream is not None:
                    stream.close()
                stream, rest = (path.open("rb") if path.exists() else None), b""
                if stream is not None:
                    continue
            time.sleep(_POLL)
    finally:
        if stream is not None:
            stream.close()


def why_ended(path: Path, since: int, *, fatal_only: bool = False) -> str:
    """The line that tells best why etcd ended, in words; empty when the log says nothing.

    Args:
        since: byte at which the log of that run begins.
        fatal_only: accept only a line that ends a process; without an exit code any other may be about
            something else, such as a peer that was away.
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            start = since if since <= size else 0
            # The reason of an early end stands at the start, that of a later one at the end.
            stream.seek(start)
            head = stream.read(_BLOCK)
            stream.seek(max(start + len(head), size - _BLOCK))
            data = head + stream.read()
    except OSError:
        return ""
    lines = data.decode("utf-8", "replace").splitlines()
    return clean(best_line(lines, fatal_only=fatal_only), 300)


def best_line(lines: Iterable[str], *, fatal_only: bool = False) -> str:
    """The line that tells most about an end, in words; empty when none does. Untrusted text.

    Args:
        fatal_only: accept only a line that ends a process.
    """
    best: tuple[int, str] = (_GO_RANK if fatal_only else 0, "")
    for line in lines:
        rank, words = _rank(line) if line.strip() else (0, "")
        if rank >= best[0] and words:
            best = (rank, words)
    return best[1]


def _rank(line: str) -> tuple[int, str]:
    """How much a line tells about an end, and what it says in words."""
    if line.startswith("{"):
        try:
            entry = json.loads(line)
        except ValueError:
            return 0, line
        level = str(entry.get("level", ""))
        words = ": ".join(str(entry[key]) for key in ("msg", "error") if entry.get(key))
        rank = _FATAL_RANK if level in _GRAVE else 3 if "error" in entry or level == "error" else 1
        return rank, words
    if match := _CAPNSLOG.match(line):
        return {"C": _FATAL_RANK, "E": 3}.get(match.group(1), 1), match.group(2)
    return (_GO_RANK, line) if _GO.match(line) else (0, "")


def _replaced(path: Path, stream: BinaryIO) -> bool:
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    open_file = os.fstat(stream.fileno())
    return (now.st_ino, now.st_dev) != (open_file.st_ino, open_file.st_dev) or now.st_size < stream.tell()
