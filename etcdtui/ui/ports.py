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


class FieldInfo(Protocol):
    """One thing an action asks."""

    @property
    def required(self) -> bool:
        """Whether there is no plan without it."""
        ...


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

    @property
    def fields(self) -> Sequence[FieldInfo]:
        """What it asks first."""
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


class PromptInfo(Protocol):
    """One line of a form; `etcdtui.ops.fields.Prompt` is one."""

    @property
    def name(self) -> str:
        """Key of the value."""
        ...

    @property
    def label(self) -> str:
        """What is asked."""
        ...

    @property
    def kind(self) -> str:
        """A value of `etcdtui.ops.action.Kind`."""
        ...

    @property
    def help(self) -> str:
        """One sentence, may be empty."""
        ...

    @property
    def required(self) -> bool:
        """Whether there is no plan without it."""
        ...

    @property
    def proposal(self) -> str:
        """What stands there at first."""
        ...

    @property
    def choices(self) -> tuple[str, ...]:
        """The values to choose from; empty when any may be typed."""
        ...


class UnfinishedInfo(Protocol):
    """A change that was left unfinished; `etcdtui.ops.resume.Unfinished` is one."""

    @property
    def id(self) -> str:
        """The plan's ID."""
        ...

    @property
    def title(self) -> str:
        """What it was to do."""
        ...

    @property
    def begun(self) -> str:
        """When it began, RFC 3339 in UTC."""
        ...

    @property
    def why(self) -> str:
        """One sentence: where it stopped, and what ended it."""
        ...

    @property
    def progress(self) -> Sequence[tuple[str, str]]:
        """Title of each step and how far it came: ``pending``, ``begun``, ``done`` or ``failed``."""
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
    def rank(self) -> float:
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

    def prompts(
        self, action_id: str, row: EndpointRow | None = None, typed: Mapping[str, str] | None = ...
    ) -> Sequence[PromptInfo]:
        """What an action asks first; empty when it asks nothing. May block."""
        ...

    def verdicts(self, plan: Plan) -> Sequence[VerdictInfo]:
        """What the guards say now."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the cluster has answered, or has had the time to."""
        ...

    def unfinished(self) -> Sequence[UnfinishedInfo]:
        """What was left unfinished on this cluster; reads files."""
        ...

    def settle(self, left_id: str, how: str) -> Plan:
        """The plan that finishes (``finish``) or takes back (``undo``) one; raises when there is none."""
        ...

    def forget(self, left_id: str) -> None:
        """Leave one as it is."""
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
