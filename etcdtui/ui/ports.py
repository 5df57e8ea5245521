"""What the console needs of a session and of its actions: Protocols, so that the ui imports no site."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.events import Event
from etcdtui.model.health import HealthReport, Severity

if TYPE_CHECKING:
    from etcdtui.ops.plan import Plan, Result
    from etcdtui.ui.logfeed import LogSource


class ActionInfo(Protocol):
    """One verb of the registry."""

    @property
    def id(self) -> str:
        """Stable id, such as ``stop``."""
        ...

    @property
    def title(self) -> str:
        """What it does, in words."""
        ...

    @property
    def key(self) -> str:
        """Its default key, empty for the palette alone."""
        ...

    @property
    def help(self) -> str:
        """One sentence."""
        ...

    @property
    def scope(self) -> str:
        """``row`` or ``member`` or ``node`` when it needs a target, else ``cluster``."""
        ...

    @property
    def mutating(self) -> bool:
        """Whether it changes anything."""
        ...


class VerdictInfo(Protocol):
    """What one guard says of a plan."""

    @property
    def warning(self) -> bool:
        """Whether it lets the plan pass and yet should be read before."""
        ...

    @property
    def ok(self) -> bool:
        """Whether it lets the plan pass."""
        ...

    @property
    def reason(self) -> str:
        """Why, or why not, in words."""
        ...

    @property
    def overridable(self) -> bool:
        """Whether typing the cluster's name lets a refused plan pass."""
        ...


class ColumnInfo(Protocol):
    """What fitting needs to know of a column; `etcdtui.model.columns.Column` has it."""

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def title(self) -> str:
        """Its title, possibly of several words."""
        ...

    @property
    def width(self) -> int:
        """The usual width of its values in terminal cells."""
        ...

    @property
    def rank(self) -> int:
        """0 is always shown; higher ranks give way first."""
        ...

    @property
    def right(self) -> bool:
        """Whether values are aligned to the right."""
        ...


class AuditReader(Protocol):
    """The audit log, for reading."""

    def read(self) -> Iterator[dict[str, Any]]:
        """The records, oldest first."""
        ...


class SessionPort(Protocol):
    """One open cluster; see `etcdtui.runtime.session.Session`."""

    refresh: float
    paused: bool

    @property
    def profile(self) -> str:
        """Name of the profile."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed."""
        ...

    @property
    def audit(self) -> AuditReader:
        """The audit log."""
        ...

    @property
    def logs(self) -> LogSource | None:
        """What reads the logs of nodes, None where nothing does."""
        ...

    def start(self) -> None:
        """Begin reading."""
        ...

    def subscribe(self, callback: Callable[[ClusterSnapshot], None]) -> Callable[[], None]:
        """Call back with every snapshot, from other threads; returns how to stop."""
        ...

    def subscribe_events(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call back with every event, from other threads; returns how to stop."""
        ...

    def snapshot(self) -> ClusterSnapshot:
        """The latest snapshot."""
        ...

    def events(self) -> tuple[Event, ...]:
        """All events so far, oldest first."""
        ...

    def note(self, severity: Severity, text: str, kind: str = ...) -> None:
        """Put a line into the timeline."""
        ...

    def poke(self) -> None:
        """Read now."""
        ...

    def check_health(self) -> HealthReport:
        """Run the health checks; blocks for seconds."""
        ...

    def actions(self) -> Sequence[ActionInfo]:
        """What this site offers."""
        ...

    def prepare(
        self, action_id: str, row: EndpointRow | None = None, options: Mapping[str, Any] | None = ...
    ) -> Plan:
        """The plan of an action; raises when it cannot be made."""
        ...

    def verdicts(self, plan: Plan) -> Sequence[VerdictInfo]:
        """What the guards say now."""
        ...

    def execute(
        self,
        plan: Plan,
        *,
        override: str | None = None,
        progress: Callable[[Any], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        """Carry a plan out; blocks."""
        ...
