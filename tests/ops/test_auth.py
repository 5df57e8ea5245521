"""Users switched on and off on real members, the console going on as root; passwords stay in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etcdtui.errors import UsageError
from etcdtui.etcd.api import Credentials
from etcdtui.ops.auth import root_step
from etcdtui.ops.plan import Outcome
from etcdtui.runtime.session import Session
from etcdtui.sites.endpoints import EndpointsSite
from tests.sites.local.support import wait_until
from tests.support.consoles import do, done, ready, session_on
from tests.support.etcd import EtcdCluster, running

GIVEN: dict[str, Any] = {"password": "s3cret of root", "again": "s3cret of root"}


@pytest.fixture(params=["3.5", "3.4"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cluster(tmp_path: Path, version: str) -> Iterator[EtcdCluster]:
    with running(tmp_path / "kv", 3, version) as started:
        yield started


def healthy(session: Session) -> bool:
    shot = session.fresh(5)
    return len(shot.answers) == 3 == len(shot.members) and shot.alarms is not None


@pytest.mark.timeout(120)
def test_on_and_off_again(cluster: EtcdCluster, tmp_path: Path, version: str) -> None:
    with session_on(EndpointsSite("lab", cluster.urls), tmp_path) as session:
        ready(session)
        with pytest.raises(UsageError, match="the two are not the same"):
            do(session, "auth-enable", **{**GIVEN, "again": "other"})
        further: dict[str, Any] = {
            "new_user": "app",
            "new_password": "app's",
            "access": "read",
            "prefix": "/app/",
        }
        # Whatever an earlier one left half done is gone on with; a user that others gave roles is theirs.
        cluster.etcdctl("user", "add", "root:half made", version=version)
        cluster.etcdctl("user", "add", "app:half made", version=version)
        cluster.etcdctl("role", "add", "theirs", version=version)
        cluster.etcdctl("user", "add", "bob:x", version=version)
        cluster.etcdctl("user", "grant-role", "bob", "theirs", version=version)
        refused = do(session, "auth-enable", **GIVEN, **{**further, "new_user": "bob"})
        assert refused.outcome is Outcome.FAILED and "there is a user bob already" in refused.message
        done(do(session, "auth-enable", **GIVEN, **further))
        # The console goes on: it reads, changes and locks as root.
        wait_until(lambda: healthy(session), "it reads as root")
        wait_until(lambda: session.check_health().healthy, "its health check is one of root")
        done(do(session, "snapshot-save", directory=str(tmp_path / "saved")))
        done(do(session, "compact", keep="1"))
        # Others must log in, and the further user may do what was said.
        cluster.etcdctl("put", "/app/a", "1", user="root:s3cret of root", version=version)
        assert "1" in cluster.etcdctl("get", "/app/a", user="app:app's", version=version)
        for user in ("", "app:app's"):
            with pytest.raises(Exception, match="non-zero"):
                cluster.etcdctl("put", "/app/a", "2", user=user, version=version)
        # Once more: nothing changes.
        done(do(session, "auth-enable", **GIVEN))
        # A console that was opened without a user says what it lacks and calls nobody down.
        with session_on(EndpointsSite("lab", cluster.urls[:1]), tmp_path / "other") as nobody:
            wrong: dict[str, Any] = {"password": "x", "again": "x"}
            assert do(nobody, "auth-enable", **wrong).outcome is not Outcome.DONE
            with pytest.raises(UsageError, match="only root may do that, and this console gives no user"):
                nobody.prepare("auth-disable")
    root = EndpointsSite("lab", cluster.urls, credentials=Credentials("root", "s3cret of root"))
    with session_on(root, tmp_path) as session:
        ready(session)
        done(do(session, "auth-disable"))
        wait_until(lambda: healthy(session), "it reads without a user")
    cluster.etcdctl("put", "/app/a", "2", version=version)
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*.json*") if file.is_file())
    assert b"auth.enable" in written or b"ask for users" in written
    assert b"s3cret" not in written and b"app's" not in written


def test_a_password_is_not_remembered_by_another_process(cluster: EtcdCluster, tmp_path: Path) -> None:
    with session_on(EndpointsSite("lab", cluster.urls), tmp_path) as session:
        ready(session)
        plan = session.prepare("auth-enable", None, GIVEN)
        result = session.execute(replace(plan, steps=(root_step("kept-of-another"), *plan.steps[1:])))
        assert result.outcome is Outcome.FAILED and "begin the action anew" in result.message
        assert "root" not in cluster.etcdctl("user", "list")
