"""A line of etcd's log for people: time, level, message and the rest; untrusted text in, any text out."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

# etcd 3.4's own format: ``2024-01-01 00:00:00.000000 C | etcdmain: listen tcp ...``.
_CAPNSLOG = re.compile(r"^(\d{4}-\d\d-\d\d [\d:.]+) ([A-Z]) \| (.*)$")
_STAMP = re.compile(r"(?:\"ts\":\"|^)(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)")
_CAPNS = {"C": "fatal", "E": "error", "W": "warn", "N": "info", "I": "info", "D": "debug", "T": "debug"}


class LogLine(NamedTuple):
    """One line, taken apart."""

    time: str
    level: str
    """``debug``, ``info``, ``warn``, ``error``, ``fatal``, ``panic``; empty when not known."""
    text: str


def read_line(raw: str) -> LogLine:
    """Take a line apart; one that is not etcd's is all text."""
    if raw.startswith("{"):
        try:
            entry = json.loads(raw)
        except ValueError:
            return LogLine("", "", raw)
        if isinstance(entry, dict) and "msg" in entry:
            rest = " ".join(
                f"{key}={value if isinstance(value, str) else json.dumps(value)}"
                for key, value in entry.items()
                if key not in ("ts", "level", "msg", "caller", "logger", "stacktrace")
            )
            text = f"{entry['msg']}  {rest}" if rest else str(entry["msg"])
            return LogLine(_clock(str(entry.get("ts", ""))), str(entry.get("level", "")), text)
    if match := _CAPNSLOG.match(raw):
        return LogLine(_clock(match[1]), _CAPNS.get(match[2], ""), match[3])
    return LogLine("", "", raw)


def stamp_of(raw: str) -> str:
    """When a line was written, as it says itself: ``YYYY-MM-DD HH:MM:SS``; empty when it does not."""
    found = _STAMP.search(raw)
    return f"{found[1]} {found[2]}" if found else ""


def _clock(stamp: str) -> str:
    """``HH:MM:SS.mmm`` of a time stamp."""
    found = re.search(r"\d\d:\d\d:\d\d(?:\.\d{1,3})?", stamp)
    return found[0] if found else ""
