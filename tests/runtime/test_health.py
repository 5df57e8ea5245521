"""The health check against the verdicts of the real etcdctl of the same version, state by state."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etcdtui.errors import EtcdError, EtcdtuiError, SiteError
from etcdtui.etcd.api import Credentials, EtcdReader, EtcdWriter, Target
from etcdtui.etcd.rpc import dial
from etcdtui.model.cluster import ClusterSnapshot, Member, Reading, State
from etcdtui.model.health import HealthReport
from etcdtui.model.tie import tie
from etcdtui.runtime.health import LEARNER_NOTE, check
from tests.support.etcd import EtcdCluster, joining, running
from tests.support.tools import etcd as etcd_binary

pytestmark = pytest.mark.parametrize("version", ["3.5", "3.4"])


class Console:
    """Dials every member of a cluster, as a session would."""

    def __init__(self, cluster: EtcdCluster, user: Credentials | None = None) -> None:
        self.ends: dict[str, EtcdWriter] = {
            url: dial(Target(url, url.split("://")[1], None, user)) for url in cluster.urls
        }

    def snapshot(self) -> ClusterSnapshot:
        readings: dict[str, Reading] = {}
        members: tuple[Member, ...] = ()
        for url, end in self.ends.items():
            try:
                readings[url] = Reading(None, end.status(1), "", 0.001, 1.0, 1.0)
                members = members or end.member_list(1)
            except EtcdError as exc:
                if url not in readings:
                    readings[url] = Reading(State.DOWN, None, str(exc))
        return ClusterSnapshot("test", tie(members, (), readings), members, bool(members))

    def check(self, dial_timeout: float = 0.2) -> HealthReport:
        return check(self.snapshot(), self.ends.__getitem__, dial_timeout=dial_timeout, wall_time=12.0)


@contextmanager
def console(cluster: EtcdCluster, user: Credentials | None = None) -> Iterator[Console]:
    opened = Console(cluster, user)
    try:
        yield opened
    finally:
        for end in opened.ends.values():
            end.close()


def etcdctl_health(
    cluster: EtcdCluster, version: str, user: str = "", *more: str
) -> dict[str, tuple[bool, str]]:
    """Verdict and error of the real `etcdctl endpoint health`, by endpoint."""
    argv = [str(etcd_binary(version, "etcdctl")), "--endpoints", ",".join(cluster.urls)]
    argv += ["--user", user] if user else []
    done = subprocess.run(
        [*argv, "endpoint", "health", "-w", "json", *more],
        capture_output=True, text=True, timeout=30, env={"ETCDCTL_API": "3"}, check=False,
    )  # fmt: skip
    return {e["endpoint"]: (e["health"], e.get("error", "")) for e in json.loads(done.stdout)}


def verdicts(report: HealthReport) -> dict[str, bool | None]:
    return {e.endpoint: e.health for e in report.endpoints}


def test_all_fine_then_one_dead_then_no_quorum(tmp_path: Path, version: str) -> None:
    with running(tmp_path, 3, version) as cluster, console(cluster) as ours:
        report = ours.check()
        told = etcdctl_health(cluster, version)
        assert (
            verdicts(report)
            == {url: ok for url, (ok, _) in told.items()}
            == dict.fromkeys(cluster.urls, True)
        )
        assert report.healthy
        assert report.wall_time == 12.0
        assert all(e.took is not None and 0 < e.took < 5 and not e.error for e in report.endpoints)

        cluster.procs[0].kill()
        cluster.wait_healthy(2)
        report = ours.check()
        told = etcdctl_health(cluster, version)
        assert verdicts(report) == {url: ok for url, (ok, _) in told.items()}
        assert sorted(verdicts(report).values(), key=str) == [False, True, True]
        dead = next(e for e in report.endpoints if not e.health)
        assert "connection refused: nothing listens" in dead.error
        assert not report.healthy

        cluster.procs[1].kill()
        began = time.monotonic()
        report = ours.check()
        # In parallel: not the sum of the members' deadlines.
        assert time.monotonic() - began < 12
        told = etcdctl_health(cluster, version)
        assert verdicts(report) == {url: ok for url, (ok, _) in told.items()}
        assert set(verdicts(report).values()) == {False}
        cut_off = next(e for e in report.endpoints if e.endpoint == cluster.urls[2])
        # etcdctl says it bare or behind "rpc error: code = Unknown desc = ", as it happens.
        assert cut_off.error == "context deadline exceeded"
        assert told[cluster.urls[2]][1].endswith(cut_off.error)


def test_an_alarm_turns_all_rows_from_35_on(tmp_path: Path, version: str) -> None:
    extra = ["--quota-backend-bytes", "200000"]
    with running(tmp_path, 3, version, extra=extra) as cluster, console(cluster) as ours:
        with pytest.raises(EtcdError, match="reached its quota"):
            # The size counts once it is committed to disk, every 100 ms: a fast machine needs many.
            for _ in range(5000):
                ours.ends[cluster.urls[0]].put(b"fill", b"x" * 20_000, 8)
        # Each member raises the alarm for itself, in its own time: both must have been told of the same ones.
        asked = ours.ends[cluster.urls[0]]
        before = asked.alarms(3)
        while True:
            report = ours.check()
            told = etcdctl_health(cluster, version)
            if (after := asked.alarms(3)) == before and before:
                break
            before = after
        assert verdicts(report) == {url: ok for url, (ok, _) in told.items()}
        assert set(verdicts(report).values()) == {version == "3.4"}
        for endpoint in report.endpoints:
            assert endpoint.error == told[endpoint.endpoint][1]
        if version == "3.5":
            assert "Active Alarm(s): NOSPACE " in report.endpoints[0].error


def test_a_learner_is_no_false_red(tmp_path: Path, version: str) -> None:
    with running(tmp_path, 1, version) as cluster:
        proc = joining(cluster, "n2")
        with console(cluster) as ours:
            ours.ends[cluster.urls[0]].member_add([proc.peer_url], 3, learner=True)
            proc.start()
            _until_answers(ours.ends[proc.client_url])
            report = ours.check()
            learner = next(e for e in report.endpoints if e.endpoint == proc.client_url)
            assert (learner.health, learner.note, learner.error) == (None, LEARNER_NOTE, "")
            # It asks the learner a hundred times, for some 3 s, before it says so.
            told = etcdctl_health(cluster, version, "", "--command-timeout=20s")
            # etcdctl's red one; on all other endpoints the verdicts are the same.
            assert told[proc.client_url][0] is False
            assert "rpc not supported for learner" in told[proc.client_url][1]
            assert verdicts(report)[cluster.urls[0]] is told[cluster.urls[0]][0] is True
            assert report.healthy
            proc.kill()
            assert verdicts(ours.check())[proc.client_url] is False


def _until_answers(end: EtcdWriter) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            end.status(1)
            return
        except EtcdError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_a_user_who_may_not_read_the_key(tmp_path: Path, version: str) -> None:
    """A refused permission proves a quorum; from 3.5 on the alarms decide, which need root only later."""
    with running(tmp_path, 1, version) as cluster:
        for args in (
            ("user", "add", "root:r"),
            ("user", "add", "plain:p"),
            ("user", "grant-role", "root", "root"),
            ("auth", "enable"),
        ):
            cluster.etcdctl(*args, version=version)
        for user, expected in ((Credentials("plain", "p"), True), (Credentials("root", "r"), True)):
            with console(cluster, user) as ours:
                report = ours.check()
            told = etcdctl_health(cluster, version, f"{user.user}:{user.password}")
            assert (
                verdicts(report) == {url: ok for url, (ok, _) in told.items()} == {cluster.urls[0]: expected}
            )
        with console(cluster) as ours:
            report = ours.check()
        told = etcdctl_health(cluster, version)
        assert verdicts(report) == {url: ok for url, (ok, _) in told.items()} == {cluster.urls[0]: False}
        assert report.endpoints[0].error == told[cluster.urls[0]][1] == "etcdserver: user name is empty"


def test_a_refused_connection_is_tried_for_the_dial_timeout(tmp_path: Path, version: str) -> None:
    with running(tmp_path, 1, version) as cluster, console(cluster) as ours:
        cluster.procs[0].kill()
        snapshot = ours.snapshot()
        cluster.procs[0].start()
        report = check(snapshot, ours.ends.__getitem__, dial_timeout=20, timeout=20, wall_time=0)
        assert verdicts(report) == {cluster.urls[0]: True}


def test_an_endpoint_that_cannot_be_reached_at_all(tmp_path: Path, version: str) -> None:
    def no_way(_url: str) -> EtcdReader:
        raise SiteError("the jump host is gone")

    rows = tie((), (), {"http://a:2379": Reading(State.DOWN, None, "x")})
    report = check(ClusterSnapshot("test", rows), no_way, wall_time=0)
    assert issubclass(SiteError, EtcdtuiError)
    assert [(e.health, e.error) for e in report.endpoints] == [(False, "the jump host is gone")]
    assert not report.healthy
