"""The result of a health check: etcdctl's verdict for each endpoint, and findings about the whole."""

from __future__ import annotations

from dataclasses import dataclass

from etcdtui.model.columns import Json
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean

__all__ = ["EndpointHealth", "Finding", "HealthReport", "Severity"]


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """``etcdctl endpoint health`` of one endpoint."""

    endpoint: str
    name: str
    health: bool | None
    """None for a learner: it cannot be asked for a linearizable read, and that is no fault."""
    took: float | None = None
    """Seconds the linearizable read took."""
    error: str = ""
    note: str = ""
    """What an operator should know though it is no error, such as ``learner``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about the cluster as a whole."""

    check: str
    """``leader agreement``, ``alarms``, ``version skew``, ``index lag``, ``quorum``, ..."""
    severity: Severity
    message: str
    remedy: str = ""
    """ID of the action that is the way out, such as ``free-space``; empty where there is none."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What one run of the health checks found."""

    endpoints: tuple[EndpointHealth, ...]
    findings: tuple[Finding, ...]
    wall_time: float
    """Unix seconds when it ran."""

    @property
    def healthy(self) -> bool:
        """Whether no endpoint is unhealthy and no finding is critical."""
        return (
            all(e.health is not False for e in self.endpoints)
            and bool(self.endpoints)
            and all(f.severity is not Severity.CRITICAL for f in self.findings)
        )

    def objects(self) -> list[dict[str, Json]]:
        """The endpoints as JSON, etcdctl's keys (endpoint, health, took, error) and the name."""
        return [
            {
                "endpoint": e.endpoint,
                "name": e.name,
                "health": e.health,
                "took": e.took,
                "error": clean(e.error) or None,
                "note": e.note or None,
            }
            for e in self.endpoints
        ]
