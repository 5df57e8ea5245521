"""Reading etcd's version strings."""

from __future__ import annotations

import re

Version = tuple[int, int, int]
"""Major, minor, patch."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


def parse_version(text: str) -> Version | None:
    """``3.5.1`` or ``3.6.0-rc.1`` as numbers, a pre-release as its release; None for else."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None
