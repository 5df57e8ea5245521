"""One open cluster: its poller, timeline, health checks and actions, in one thread-safe object."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from etcdtui.errors import Unreachable, UsageError
from etcdtui.model.cluster import ClusterSnapshot, EndpointRow
from etcdtui.model.events import Event, between, opening
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean

if TYPE_CHECKING:
    from etcdtui.config import ChangeLock
    from etcdtui.etcd.api import EtcdReader, EtcdWriter
    from etcdtui.model.health import HealthReport
    from etcdtui.ops.action import Action
    from etcdtui.ops.audit import AuditLog
    from etcdtui.ops.fields import Prompt
    from etcdtui.ops.guards import Verdict
    from etcdtui.ops.plan import Plan, Result
    from etcdtui.ops.resume import Unfinished
    from etcdtui.ops.runner import Progress
    from etcdtui.ops.store import PlanStore
    from etcdtui.runtime.changes import Changes
    from etcdtui.runtime.poller import Poller
    from etcdtui.sites.base import Logged, Site

TIMELINE = 2000
"""Events kept."""
PATIENCE = 3.0
"""Seconds before a cluster that does not answer at all is said to be down: it may be starting."""


class Session:
    """One cluster that is being watched and acted on; `etcdtui.ops.context.Context` for running plans.

    Args:
        site: where the members run; the session closes it.
        profile: the profile's name, for the audit log.
        read_only: whether the changing calls are left out.
        refresh: seconds between readings.
        timeout: deadline of every reading in seconds.
        audit: where steps are written down; the user's audit log by default.
        change_lock: keeps other consoles from changing the cluster while a plan runs; None for none.
        store: where plans are kept while they run; the user's state directory by default.
    """

    def __init__(
        self,
        site: Site,
        *,
        profile: str,
        read_only: bool = False,
        refresh: float = 1.0,
        timeout: float = 1.5,
        audit: AuditLog | None = None,
        change_lock: ChangeLock | None = None,
        store: PlanStore | None = None,
    ) -> None:
        self._site = _read_only(site) if read_only else site
        self._profile = profile
        self.read_only = read_only
        self.far = hasattr(site, "connect")
        """Whether a way must be made to the cluster (`etcdtui.sites.base.Connectable`)."""
        self._audit = audit
        self._change_lock = change_lock
        self._store = store
        self._reading: Poller | None = None
        self._changes: Changes | None = None
        self._pace = (refresh, timeout)
        self._latest = ClusterSnapshot(name=site.name, refresh=refresh)
        self._published = self._latest
        self._opened = False
        self._told_left = False
        self._began = time.monotonic()
        self._events: deque[Event] = deque(maxlen=TIMELINE)
        self._watchers: list[Callable[[ClusterSnapshot], None]] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._lock = threading.RLock()

    @property
    def _poller(self) -> Poller:
        # Made on first use, so that the console's first frame does not wait for its imports.
        with self._lock:
            if self._reading is None:
                from etcdtui.runtime.poller import Poller

                refresh, timeout = self._pace
                self._reading = Poller(self._site, self._arrived, refresh=refresh, timeout=timeout)
            return self._reading

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin reading; returns at once."""
        self._began = time.monotonic()
        self._poller.start()

    def close(self) -> None:
        """Stop reading and close the connections and the site."""
        if self._reading is not None:
            self._reading.close()
        self._site.close()

    # -- the picture -----------------------------------------------------------------------

    @property
    def site(self) -> Site:
        """Where the members run; without its changing calls in a read-only session."""
        return self._site

    @property
    def logs(self) -> Logged | None:
        """The site, if it reads the logs of its nodes."""
        from etcdtui.sites.base import Logged

        return self._site if isinstance(self._site, Logged) else None

    @property
    def audit(self) -> AuditLog:
        """Where every step is written down."""
        if self._audit is None:
            from etcdtui import paths
            from etcdtui.ops.audit import AuditLog

            self._audit = AuditLog(paths.audit_file())
        return self._audit

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return self._profile

    def snapshot(self) -> ClusterSnapshot:
        """The latest snapshot; an empty one before the first."""
        return self._latest

    def fresh(self, timeout: float) -> ClusterSnapshot:
        """A snapshot whose every reading began after this call; see `Poller.fresh`.

        It is the latest one from then on, for whoever plans with it.
        """
        snapshot = self._poller.fresh(timeout)
        self._keep(snapshot)
        return snapshot

    def _keep(self, snapshot: ClusterSnapshot) -> None:
        with self._lock:
            if snapshot.seq > self._latest.seq:
                self._latest = snapshot

    def poke(self) -> None:
        """Read now; does not wait."""
        self._poller.poke()

    @property
    def refresh(self) -> float:
        """Seconds between readings."""
        return self._poller.refresh

    @refresh.setter
    def refresh(self, seconds: float) -> None:
        self._poller.refresh = seconds
        self._poller.changed()

    @property
    def paused(self) -> bool:
        """Whether reading rests; actions and health checks still read afresh."""
        return self._poller.paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._poller.paused = value
        self._poller.changed()

    def subscribe(self, callback: Callable[[ClusterSnapshot], None]) -> Callable[[], None]:
        """Be told of every snapshot, in another thread; the result ends it."""
        return self._join(self._watchers, callback)

    def subscribe_events(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Be told of every event, in another thread; the result ends it."""
        return self._join(self._listeners, callback)

    def _join(self, group: list[Any], callback: Callable[[Any], None]) -> Callable[[], None]:
        with self._lock:
            group.append(callback)

        def leave() -> None:
            with self._lock:
                if callback in group:
                    group.remove(callback)

        return leave

    def events(self) -> tuple[Event, ...]:
        """The timeline, oldest first."""
        with self._lock:
            return tuple(self._events)

    def note(self, severity: Severity, text: str, kind: str = "action") -> None:
        """Put a line of the operator's doing into the timeline."""
        self._tell([Event(time.time(), kind, severity, clean(text))])

    def _arrived(self, snapshot: ClusterSnapshot) -> None:
        old, self._published = self._published, snapshot
        self._keep(snapshot)
        self._tell_news()
        if self._opened:
            self._tell(list(between(old, snapshot)))
        elif (snapshot.answers or self._waited_long()) and (first := opening(snapshot)):
            self._opened = True
            self._tell([first])
        if not self._told_left and (self._opened or self._waited_long()):
            self._told_left = True
            self._tell_unfinished()
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher(snapshot)

    def _tell_news(self) -> None:
        from etcdtui.sites.base import Telling

        if isinstance(self._site, Telling) and (news := self._site.news()):
            self._tell(list(news))

    def _tell_unfinished(self) -> None:
        if self.read_only:
            return
        for left in self.changes.unfinished():
            text = f"left unfinished: {left.title}: {left.why}; it can be finished or undone"
            self.note(Severity.WARNING, text)

    @property
    def ready(self) -> bool:
        """Whether the cluster has answered, or has had the time: there may be none yet, or none any more."""
        return bool(self._latest.answers) or self._waited_long()

    def _waited_long(self) -> bool:
        return time.monotonic() - self._began >= PATIENCE

    def _tell(self, events: list[Event]) -> None:
        with self._lock:
            self._events.extend(events)
            listeners = list(self._listeners)
        for event in events:
            for listener in listeners:
                listener(event)

    # -- endpoints -------------------------------------------------------------------------

    def reader(self, url: str) -> EtcdReader:
        """The reading calls of an endpoint, by its URL."""
        return self._poller.api(url)

    def writer(self, member_id: int) -> EtcdWriter:
        """The API of a member. Raises Unreachable when it has no endpoint, UsageError when read-only."""
        if self.read_only:
            raise UsageError("this console is read-only", "launch it without --read-only")
        row = self._latest.row_of_member(member_id)
        if row is None or not row.endpoint:
            raise Unreachable(f"member {member_id:x} has no endpoint to talk to")
        return cast("EtcdWriter", self._poller.api(row.endpoint))

    def check_health(self) -> HealthReport:
        """etcdctl's ``endpoint health`` of every endpoint, and findings about the whole.

        Blocks for up to seven seconds, etcdctl's dial and command timeouts.
        """
        from etcdtui.runtime import health
        from etcdtui.sites.base import Inspected

        snapshot = self.fresh(self._poller.timeout * 2)
        report = health.check(snapshot, self.reader, wall_time=time.time())
        if not isinstance(self._site, Inspected):
            return report
        return replace(report, findings=(*report.findings, *self._site.findings(snapshot)))

    # -- actions ---------------------------------------------------------------------------

    @property
    def changes(self) -> Changes:
        """What can be done to the cluster."""
        with self._lock:
            if self._changes is None:
                # Watching comes first: a launch does not wait for the machinery of changes.
                from etcdtui.runtime.changes import Changes

                self._changes = Changes(self, self._change_lock, self._store)
            return self._changes

    def actions(self) -> tuple[Action, ...]:
        """See `Changes.actions`."""
        return self.changes.actions()

    def prepare(
        self, action_id: str, row: EndpointRow | None = None, options: Mapping[str, Any] | None = None
    ) -> Plan:
        """See `Changes.prepare`."""
        return self.changes.prepare(action_id, row, options)

    def prompts(
        self, action_id: str, row: EndpointRow | None = None, typed: Mapping[str, str] | None = None
    ) -> tuple[Prompt, ...]:
        """See `Changes.prompts`."""
        return self.changes.prompts(action_id, row, typed)

    def verdicts(self, plan: Plan) -> tuple[Verdict, ...]:
        """See `Changes.verdicts`."""
        return self.changes.verdicts(plan)

    def unfinished(self) -> tuple[Unfinished, ...]:
        """The plans that were left on this cluster, oldest first; none in a read-only session."""
        return () if self.read_only else self.changes.unfinished()

    def settle(self, left_id: str, how: str) -> Plan:
        """See `Changes.settle`."""
        return self.changes.settle(left_id, how)

    def forget(self, left_id: str) -> None:
        """See `Changes.put_away`."""
        self.changes.put_away(left_id)

    def execute(
        self,
        plan: Plan,
        *,
        override: str | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        """See `Changes.execute`."""
        return self.changes.execute(plan, override=override, progress=progress, cancel=cancel)


def _read_only(site: Site) -> Site:
    from etcdtui.runtime.readonly import ReadOnlySite

    return cast("Site", ReadOnlySite(site))
