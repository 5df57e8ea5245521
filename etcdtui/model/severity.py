"""How bad something is."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding or an event is."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
