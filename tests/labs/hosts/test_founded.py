"""The life of a cluster that was brought up under systemd, with TLS and users: it grows by a further host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from etcdtui.model.bootstrap import Tls
from etcdtui.model.cluster import EndpointRow
from etcdtui.ops.plan import Outcome
from etcdtui.runtime.session import Session
from tests.labs.hosts.bare import LEFT, assert_laid, bare, console, plan_for, tarball
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.machines import Machine
from tests.sites.local.support import wait_until
from tests.support.consoles import bring_up, do, done, ready

ALL = {"m-n1", "m-n2", "m-n3", "m-n4"}


@contextmanager
def founded(lab: Lab, root: Path) -> Iterator[tuple[Session, tuple[Machine, ...]]]:
    """A console on a healthy cluster of three hosts, with a fourth in its profile that has nothing on it."""
    (root / "secret").write_text("s3cret\n")
    with bare(lab, 4) as machines:
        boot = plan_for(machines[:3], tarball(root), tls=Tls.MADE, auth=True)
        session = console(lab, root, boot, machines[3:], etcd_password_file=root / "secret")
        with closing(session):
            result = bring_up(session)
            assert result.outcome is Outcome.DONE, result.message
            yield session, machines


def row_of(session: Session, node: str) -> EndpointRow:
    row = session.snapshot().find(node)
    assert row is not None
    return row


def put(session: Session, value: bytes) -> None:
    """Give the colour."""
    session.writer(session.fresh(5).members[0].id).put(b"colour", value, 5)


def colours(session: Session) -> set[str]:
    """The colour that every member gives, by linearizable reads."""
    found = [session.writer(member.id).get(b"colour", 5) for member in session.fresh(5).members]
    return {pair.value.decode() if pair else "" for pair in found}


def grow(session: Session, further: Machine) -> None:
    """A member more on the further host, which is set up as the bring-up did."""
    done(do(session, "scale", voters=4))
    assert {member.name for member in ready(session, 4).members} == ALL
    assert_laid(further)


def heal(session: Session, node: Machine) -> None:
    """A member is killed and its disk lost: systemd starts it again and again, and it is replaced."""
    old = row_of(session, node.name).member_id
    node.run("sh", "-c", f"systemctl kill -s KILL brought; rm -rf /var/lib/brought/m-{node.name}/member")
    wait_until(lambda: not row_of(session, node.name).reading.answered, "it is down")
    done(do(session, "replace-member", node.name))
    assert {member.name for member in ready(session, 4).members} == ALL
    assert row_of(session, node.name).member_id != old


def end(session: Session, machines: tuple[Machine, ...], kept: str = "") -> None:
    """The member that came later is torn down with the others; data that was set aside before is kept."""
    plan = session.prepare("destroy", None, {"data": "delete"})
    assert any("came later and end too, their nodes given up: n4" in said for said in plan.consequences)
    done(session.execute(plan, override="new"))
    assert session.unfinished() == ()
    left = [machine.run("sh", "-c", LEFT) for machine in machines]
    assert left == [kept.format(machine.name) for machine in machines]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_it_grows_heals_is_restored_and_ends_with_all_it_grew_by(
    hosts: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    with founded(hosts, tmp_path) as (session, machines):
        put(session, b"blue")
        grow(session, machines[3])
        heal(session, machines[1])
        assert colours(session) == {"blue"}
        done(do(session, "snapshot-save", directory=str(tmp_path / "saved")))
        (file,) = (tmp_path / "saved").glob("*.db")
        put(session, b"red")
        before = session.fresh(5).cluster_id
        done(do(session, "restore", override="new", snapshot=str(file)))
        assert ready(session, 4).cluster_id != before
        assert colours(session) == {"blue"}
        (shelf,) = machines[0].run("sh", "-c", "ls /var/lib/brought | grep shelf").split()
        end(session, machines, f"/var/lib/brought/{shelf.replace('n1', '{}')}\n")
