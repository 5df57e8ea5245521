"""The health check: etcdctl's `endpoint health` for every endpoint at once, and findings about the whole.

The semantics are those of ``etcdctl/ctlv3/command/ep_command.go``: a linearizable Get of the key "health";
no error and ErrPermissionDenied are healthy; from 3.5.0 on the alarms are listed, and any of them, of
whichever member, makes the endpoint unhealthy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from etcdtui.errors import DeadlineExceeded, EtcdError, EtcdtuiError, Unreachable
from etcdtui.etcd.api import EtcdReader
from etcdtui.etcd.errors import is_permission_denied, is_transient
from etcdtui.model.cluster import Alarm, ClusterSnapshot, EndpointRow
from etcdtui.model.findings import findings
from etcdtui.model.health import EndpointHealth, HealthReport
from etcdtui.model.text import clean
from etcdtui.model.versions import parse_version

LEARNER_NOTE = "learner: cannot serve linearizable reads"
_NO_LEARNER = "rpc not supported for learner"
_REDIAL = 0.1
"""Seconds between two attempts while the endpoint is not connected."""
_REPEAT = 0.025
"""Seconds between two attempts while there is no leader, etcd's client's back-off."""
_DEADLINE = "context deadline exceeded"
"""etcdctl's words for a call that was not answered in time."""


def check(
    snapshot: ClusterSnapshot,
    reader_of: Callable[[str], EtcdReader],
    *,
    dial_timeout: float = 2.0,
    timeout: float = 5.0,
    wall_time: float,
) -> HealthReport:
    """Check every endpoint of a snapshot in parallel; takes at most dial_timeout + timeout seconds.

    Args:
        reader_of: the connection to an endpoint, by its URL as the rows have it; may raise EtcdtuiError.
        dial_timeout: seconds to go on trying while an endpoint refuses the connection.
        timeout: seconds for the reads of one endpoint, etcdctl's --command-timeout.
        wall_time: Unix seconds to stamp the report with.
    """
    rows = [row for row in snapshot.rows if row.endpoint]
    results: dict[str, EndpointHealth] = {}

    def run(row: EndpointRow) -> None:
        results[row.endpoint] = _check_row(row, snapshot, reader_of, dial_timeout, timeout)

    threads = [
        threading.Thread(target=run, args=(row,), name=f"health-{row.key}", daemon=True) for row in rows
    ]
    deadline = time.monotonic() + dial_timeout + timeout + 0.5
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    endpoints = tuple(
        results.get(row.endpoint) or EndpointHealth(row.endpoint, row.name, False, error=_DEADLINE)
        for row in rows
    )
    return HealthReport(endpoints, findings(snapshot), wall_time)


def _check_row(
    row: EndpointRow,
    snapshot: ClusterSnapshot,
    reader_of: Callable[[str], EtcdReader],
    dial_timeout: float,
    timeout: float,
) -> EndpointHealth:
    try:
        reader = reader_of(row.endpoint)
    except EtcdtuiError as exc:
        return EndpointHealth(row.endpoint, row.name, False, error=str(exc))
    took, error = _patiently(lambda left: reader.get(b"health", left), dial_timeout, timeout)
    if error is not None and not is_permission_denied(error):
        if _NO_LEARNER in error.details:
            return EndpointHealth(row.endpoint, row.name, None, note=LEARNER_NOTE)
        return EndpointHealth(row.endpoint, row.name, False, took, _words(error))
    note = "the user may not read the key, which proves a quorum all the same" if error is not None else ""
    alarm = _alarm_error(reader, timeout - took) if _lists_alarms(row, snapshot) else ""
    return EndpointHealth(row.endpoint, row.name, not alarm, took, alarm, note)


def _patiently(
    ask: Callable[[float], object], dial_timeout: float, timeout: float
) -> tuple[float, EtcdError | None]:
    """Seconds that a read took, and its error.

    As etcd's own client does (``client/v3/retry.go``), a read that meets an election is repeated until the
    deadline, and a refused connection for a while; the seconds cover all of it.

    Args:
        ask: reads within so many seconds.
    """
    began = time.monotonic()
    while True:
        left = began + timeout - time.monotonic()
        try:
            ask(max(left, 0.001))
        except EtcdError as exc:
            took = time.monotonic() - began
            if isinstance(exc, Unreachable):
                pause, until = _REDIAL, dial_timeout
            elif is_transient(exc):
                pause, until = _REPEAT, timeout
            else:
                return took, exc
            if took + pause >= until:
                return took, exc
            time.sleep(pause)
        else:
            return time.monotonic() - began, None


def _lists_alarms(row: EndpointRow, snapshot: ClusterSnapshot) -> bool:
    """Whether the server is 3.5.0 or newer; one whose version is not known is taken for it."""
    own = [row.reading.status] if row.reading.status is not None else list(snapshot.answers)
    versions = [v for v in (parse_version(status.version) for status in own) if v is not None]
    return not versions or max(versions) >= (3, 5, 0)


def _alarm_error(reader: EtcdReader, timeout: float) -> str:
    """etcdctl's words about the active alarms; empty when there are none."""
    alarms: list[Alarm] = []
    _, error = _patiently(lambda left: alarms.extend(reader.alarms(left)), 0, timeout)
    if error is not None:
        return "Unable to fetch the alarm list"
    return "Active Alarm(s): " + "".join(f"{clean(alarm.kind)} " for alarm in alarms) if alarms else ""


def _words(error: EtcdError) -> str:
    if isinstance(error, DeadlineExceeded):
        return _DEADLINE
    return error.details if error.details.startswith("etcdserver:") else str(error)
