"""Words and figures for people: untrusted text made harmless, sizes and durations as etcdctl prints them."""

from __future__ import annotations

import math
import unicodedata

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def clean(text: str, limit: int = 0) -> str:
    """Text from outside with nothing in it that a terminal would obey.

    Control, format, surrogate and private-use characters (escape sequences, bidirectional
    overrides, newlines) become U+FFFD or a space. Markup is not touched: callers draw the result
    as plain text.

    Args:
        limit: longest result in characters, an ellipsis included; 0 for no limit.
    """
    out = "".join(
        " " if ch in "\n\r\t" else "�" if unicodedata.category(ch) in ("Cc", "Cf", "Cs", "Co", "Cn") else ch
        for ch in text
    )
    return out if not limit or len(out) <= limit else out[: max(0, limit - 1)] + "…"


def si_bytes(size: int | None) -> str:
    """A size in SI units, exactly as etcdctl prints it (``20 kB``, ``1.1 GB``); a dash for None."""
    if size is None:
        return "-"
    if size < 10:
        return f"{size} B"
    exponent = min(int(math.log(size) / math.log(1000)), len(_UNITS) - 1)
    value = math.floor(size / 1000**exponent * 10 + 0.5) / 10
    return f"{value:.1f} {_UNITS[exponent]}" if value < 10 else f"{value:.0f} {_UNITS[exponent]}"


_RTT_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, *(n / 2 for n in range(2, 41)))


def coarse_rtt(seconds: float | None) -> str:
    """A round-trip time as the coarse step it falls into: ``≤5ms``, ``≤0.5s``."""
    if seconds is None:
        return "-"
    step = rtt_step(None, seconds)
    return f"≤{step * 1000:g}ms" if step < 0.5 else f"≤{step:g}s"


def rtt_step(shown: float | None, seconds: float) -> float:
    """The step a round-trip time falls into, in seconds.

    Given the step that is shown, it stays there until the time is a quarter beyond the step or a
    quarter below the next lower one, so that a quiet network shows a resting figure.
    """
    if shown is not None:
        below = max((s for s in _RTT_STEPS if s < shown), default=0.0)
        if below * 0.75 < seconds <= shown * 1.25:
            return shown
    return next((s for s in _RTT_STEPS if seconds <= s), _RTT_STEPS[-1])


def duration(seconds: float) -> str:
    """A span of time in one or two units: ``4s``, ``3m10s``, ``2h05m``, ``3d04h``."""
    total = max(0, int(seconds))
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m{total % 60:02d}s"
    if total < 86400:
        return f"{total // 3600}h{total % 3600 // 60:02d}m"
    return f"{total // 86400}d{total % 86400 // 3600:02d}h"


def plural(count: int, noun: str) -> str:
    """``1 voter``, ``2 voters``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
