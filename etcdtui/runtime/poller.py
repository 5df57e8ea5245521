"""The poller: one lane an endpoint, and a snapshot whenever there is something new to see.

Every tick wakes the endpoint lanes. The member list is read again only when a member has applied
something since (it changes by no other way), or after `SLOW` seconds. Alarms are taken from the
statuses: listing them is a raft proposal, which watching must not cause. A lost connection wakes
everything at once, and while no leader is known the ticks come every `HURRY` seconds, so that a
crash and the new leader show when they happen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from etcdtui.errors import EtcdtuiError, NotPermitted, SiteError
from etcdtui.etcd.api import EtcdReader
from etcdtui.model.cluster import ClusterSnapshot, EndpointStatus, Node, Reading
from etcdtui.model.past import Past, noted
from etcdtui.model.tie import tie
from etcdtui.runtime.lanes import Lane, spawn
from etcdtui.runtime.readings import (
    Known,
    alarms_in,
    answered,
    before_3_4,
    current_revision,
    lapsed,
    lost,
    unsettled,
    wanted_urls,
)
from etcdtui.sites.base import HasNodes, Inspected, Site, Watching

HURRY = 0.05
"""Seconds between readings while an election seems under way."""
HURRY_FOR = 10.0
"""Seconds it may last before the ordinary pace returns."""
SLOW = 10.0
"""Seconds after which the member list is read again though nothing was applied."""
GRACE = 0.1
"""Seconds a tick waits for its slower endpoints before the others are shown without them."""
_NEVER = float("-inf")
_T = TypeVar("_T")


class Poller:
    """Reads one cluster until closed.

    Args:
        site: where the members run; its `dial` and `nodes` are called from lanes.
        publish: receives every snapshot, in the poller's thread.
        refresh: seconds between ticks.
        timeout: deadline of every call in seconds.
    """

    def __init__(
        self,
        site: Site,
        publish: Callable[[ClusterSnapshot], None],
        *,
        refresh: float = 1.0,
        timeout: float = 1.5,
    ) -> None:
        self.site = site
        self.refresh = refresh
        self.timeout = timeout
        self.paused = False
        self._publish = publish
        self._cv = threading.Condition(threading.RLock())
        self._known = Known(readings={url: Reading() for url in site.seeds()})
        self._apis: dict[str, EtcdReader] = {}
        self._lanes: dict[str, Lane] = {}
        self._side: dict[str, Lane] = {}
        self._next_tick = _NEVER
        self._tick_began = _NEVER
        self._publish_at: float | None = None
        self._unsettled_since: float | None = None
        self._applied: tuple[int, int] = (-1, -1)
        self._side_read = _NEVER
        self._seq = 0
        self._past: Past = ()
        self._waiting = 0
        self._closed = False

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin reading; returns at once."""
        with self._cv:
            for name, work in (("members", self._read_members), ("alarms", self._read_alarms)):
                self._side[name] = Lane(name, work, self._side_failed(name), self._lane_done)
            if isinstance(self.site, HasNodes):
                self._side["nodes"] = Lane(
                    "nodes", self._read_nodes, self._side_failed("nodes"), self._lane_done
                )
            self._match_lanes()
        if isinstance(self.site, Watching):
            self.site.on_change(self._something_happened)
        spawn(self._run, "poller")

    def close(self) -> None:
        """Stop reading and close every connection; does not wait for calls under way."""
        with self._cv:
            self._closed = True
            lanes = [*self._lanes.values(), *self._side.values()]
            apis = list(self._apis.values())
            self._apis.clear()
            self._cv.notify_all()
        for lane in lanes:
            lane.close()
        for api in apis:
            api.close()

    # -- what others ask -------------------------------------------------------------------

    def poke(self) -> None:
        """Read everything now; does not wait."""
        with self._cv:
            self._wake_all(again=True)

    def changed(self) -> None:
        """Publish again soon: a setting such as `paused` changed."""
        with self._cv:
            self._next_tick = _NEVER
            self._due(time.monotonic())

    def fresh(self, timeout: float) -> ClusterSnapshot:
        """A snapshot whose every reading began after this call.

        Blocks for at most `timeout` seconds; what has not been read again by then is unknown in it.
        """
        asked = time.monotonic()
        deadline = asked + timeout
        with self._cv:
            self._wake_all(again=True)
            # Lanes wake the poller's thread only for what it must do, unless somebody waits for them.
            self._waiting += 1
            while True:
                late = [
                    n
                    for n, lane in {**self._lanes, **self._side}.items()
                    if lane.began < asked and n != "alarms"
                ]
                if not late or self._closed or time.monotonic() >= deadline:
                    break
                self._cv.wait(deadline - time.monotonic())
            self._waiting -= 1
            return self._snapshot(set(late), timeout)

    def api(self, url: str) -> EtcdReader:
        """The connection to an endpoint, dialled on first use. Raises SiteError or ConfigError."""
        with self._cv:
            api = self._apis.get(url)
            if api is None:
                api = self.site.dial(url)
                self._apis[url] = api
                api.on_disconnect(self._something_happened)
            return api

    # -- the loop --------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            snapshot = None
            with self._cv:
                if self._closed:
                    return
                now = time.monotonic()
                if now >= self._next_tick:
                    self._tick(now)
                if self._publish_at is not None and now >= self._publish_at:
                    self._publish_at = None
                    snapshot = self._snapshot(set(), 0)
                else:
                    due = min(self._next_tick, self._publish_at or self._next_tick)
                    self._cv.wait(max(0.0, due - now))
            if snapshot is not None:
                self._publish(snapshot)

    def _tick(self, now: float) -> None:
        self._tick_began = now
        self._next_tick = now + self._pace(now)
        if self.paused:
            self._due(now)
            return
        for lane in self._lanes.values():
            lane.wake()
        if "nodes" in self._side:
            self._side["nodes"].wake()
        if now - self._side_read >= SLOW:
            self._wake_side(now)
            if before_3_4(self._known.readings.values()):
                self._side["alarms"].wake()
        self._due(now + GRACE)

    def _pace(self, now: float) -> float:
        if not unsettled(self._known.readings.values()):
            self._unsettled_since = None
            return self.refresh
        if self._unsettled_since is None:
            self._unsettled_since = now
        return min(HURRY, self.refresh) if now - self._unsettled_since < HURRY_FOR else self.refresh

    def _due(self, when: float) -> None:
        if self._publish_at is None or when < self._publish_at:
            self._publish_at = when
            self._cv.notify_all()

    def _wake_all(self, *, again: bool) -> None:
        for lane in self._lanes.values():
            lane.wake(again=again)
        for name, lane in self._side.items():
            if name != "alarms":
                lane.wake(again=again)
        self._side_read = time.monotonic()
        self._next_tick = self._side_read + self._pace(self._side_read)
        self._tick_began = self._side_read
        self._cv.notify_all()

    def _wake_side(self, now: float) -> None:
        self._side_read = now
        self._side["members"].wake(again=True)

    def _something_happened(self) -> None:
        """A connection was lost, or the site says that a node changed."""
        with self._cv:
            if not self._closed and not self.paused:
                self._wake_all(again=True)

    def _lane_done(self, lane: Lane) -> None:
        with self._cv:
            now = time.monotonic()
            others = [*self._lanes.values(), *self._side.values()]
            if not any(each.busy for each in others if each is not lane):
                self._due(now)
            elif self._publish_at is None:
                self._due(max(now, self._tick_began + GRACE))
            if self._waiting:
                self._cv.notify_all()

    def _side_failed(self, name: str) -> Callable[[str], None]:
        def failed(text: str) -> None:
            with self._cv:
                setattr(
                    self._known,
                    {"members": "members_error", "alarms": "alarms_error"}.get(name, "site_error"),
                    text,
                )

        return failed

    # -- the readings ----------------------------------------------------------------------

    def _match_lanes(self) -> None:
        """Open a lane for every wanted endpoint and close the others. Holds the lock."""
        wanted = wanted_urls(self.site.seeds(), self._known.members, self._known.readings)
        for url in [u for u in self._lanes if u not in wanted]:
            self._lanes.pop(url).close()
            self._known.readings.pop(url, None)
            if (api := self._apis.pop(url, None)) is not None:
                api.close()
        for url in wanted:
            if url not in self._lanes and not self._closed:
                self._known.readings.setdefault(url, Reading())
                lane = Lane(url, self._reader(url), self._failed(url), self._lane_done)
                self._lanes[url] = lane
                lane.wake()

    def _reader(self, url: str) -> Callable[[], None]:
        def read() -> None:
            began = time.monotonic()
            try:
                status = self.api(url).status(self.timeout)
            except EtcdtuiError as error:
                self._lost(url, error)
            else:
                ended = time.monotonic()
                self._store(url, lambda old: answered(old, status, began, ended))
                self._look_closer(status)

        return read

    def _failed(self, url: str) -> Callable[[str], None]:
        return lambda text: self._lost(url, SiteError(text))

    def _lost(self, url: str, error: EtcdtuiError) -> None:
        self._store(url, lambda old: lost(old, error, time.monotonic()))

    def _store(self, url: str, make: Callable[[Reading], Reading]) -> None:
        with self._cv:
            old = self._known.readings.get(url)
            if old is None:
                return
            new = make(old)
            self._known.readings[url] = new
            news = old.state is not new.state or (
                old.status is not None and new.status is not None and old.status.leader != new.status.leader
            )
            if news:
                # Show it without waiting for the slower endpoints of this tick.
                self._due(time.monotonic() + 0.002)
                if self._pace(time.monotonic()) < self.refresh:
                    self._next_tick = min(self._next_tick, time.monotonic() + HURRY)
                if new.answered != old.answered and self._known.members_known:
                    self._match_lanes()

    def _look_closer(self, status: EndpointStatus) -> None:
        """Read the member list when something was applied since it was read, or when that failed."""
        applied = status.raft_applied_index if status.raft_applied_index is not None else status.raft_index
        with self._cv:
            seen = (status.raft_term, applied)
            old = lapsed(self._known.members_error) and time.monotonic() - self._side_read >= self.refresh
            lacking = old or not self._known.members_known
            if seen > self._applied or (lacking and not self._side["members"].busy):
                self._applied = max(seen, self._applied)
                self._wake_side(time.monotonic())

    def _ask(self, call: Callable[[EtcdReader], _T]) -> tuple[_T | None, str]:
        """The answer of the endpoint that has applied most, or of the next; or why there is none."""
        with self._cv:
            live = [(u, r.status) for u, r in self._known.readings.items() if r.answered and r.status]
        live.sort(key=lambda x: (x[1].raft_applied_index or x[1].raft_index, x[1].is_leader), reverse=True)
        error = "no endpoint answers"
        for url, _ in live[:3]:
            try:
                return call(self.api(url)), ""
            except NotPermitted as refusal:
                return None, f"not permitted: {refusal.message}"
            except EtcdtuiError as problem:
                error = problem.message
        return None, error

    def _read_members(self) -> None:
        members, error = self._ask(lambda api: api.member_list(self.timeout))
        with self._cv:
            self._known.members_error = error
            if members is not None:
                self._known.members, self._known.members_known = members, True
                self._match_lanes()

    def _read_alarms(self) -> None:
        alarms, error = self._ask(lambda api: api.alarms(self.timeout))
        with self._cv:
            self._known.alarms, self._known.alarms_error = alarms, error

    def _read_nodes(self) -> None:
        nodes: tuple[Node, ...] = ()
        error = ""
        try:
            if isinstance(self.site, HasNodes):
                nodes = self.site.nodes()
        except SiteError as problem:
            error = problem.message
        with self._cv:
            self._known.site_error = error
            if not error:
                self._known.nodes = nodes
            self._match_lanes()

    # -- the picture -----------------------------------------------------------------------

    def _snapshot(self, late: set[str], waited: float) -> ClusterSnapshot:
        """The picture of now; the readings of `late` lanes count as unknown. Holds the lock."""
        known = self._known
        readings = dict(known.readings)
        for url in late & readings.keys():
            error = SiteError(f"no fresh answer within {waited:g} s")
            readings[url] = lost(readings[url], error, time.monotonic())
        alarms = alarms_in(readings.values())
        if known.alarms and alarms is not None:
            alarms = tuple(dict.fromkeys([*alarms, *known.alarms]))
        self._seq += 1
        if current := current_revision(readings.values()):
            self._past = noted(self._past, *current)
        return ClusterSnapshot(
            name=self.site.name,
            rows=tie(known.members, known.nodes, readings),
            members=known.members,
            members_known=known.members_known and "members" not in late,
            members_error=known.members_error,
            alarms=alarms,
            alarms_error=known.alarms_error,
            nodes=known.nodes,
            site_error=known.site_error
            or ("the nodes were not listed again in time" if "nodes" in late else ""),
            taken_at=time.monotonic(),
            wall_time=time.time(),
            seq=self._seq,
            refresh=self.refresh,
            paused=self.paused,
            past=self._past,
            site_note=self.site.note() if isinstance(self.site, Inspected) else "",
        )
