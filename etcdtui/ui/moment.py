"""A moment as it is typed, by the clock of the log it is looked for in."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from etcdtui.errors import UsageError
from etcdtui.model.text import clean

EXAMPLES = "14:05, 14:05:30, 2026-11-25 14:05, or -30m from its last line"
_CLOCK = re.compile(r"(?:(\d{4}-\d\d-\d\d)[ T]?)?(?:(\d\d?):(\d\d)(?::(\d\d))?)?")
_AGO = re.compile(r"-(\d{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = "%Y-%m-%d %H:%M:%S"


def parse_moment(text: str, newest: str) -> str:
    """``YYYY-MM-DD HH:MM:SS`` of what was typed.

    A clock time alone is the last one that is not after the newest line.

    Args:
        newest: when the newest line was written, in that form; empty takes this machine's clock.

    Raises:
        UsageError: it is no moment.
    """
    typed = text.strip()
    last = datetime.strptime(newest, _FORM) if newest else datetime.now()
    if ago := _AGO.fullmatch(typed):
        return (last - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])).strftime(_FORM)
    found = _CLOCK.fullmatch(typed)
    try:
        if found is None or not typed:
            raise ValueError
        day, hour, minute, second = found.groups()
        clock = f"{int(hour or 0):02}:{minute or '00'}:{second or '00'}"
        moment = datetime.strptime(f"{day or last.date()} {clock}", _FORM)
    except ValueError:
        raise UsageError(f"{clean(text, 30)!r} is no time", EXAMPLES) from None
    if not day and moment > last:
        moment -= timedelta(days=1)
    return moment.strftime(_FORM)
