"""A cluster that was brought up over real sshds: it grows, shrinks, and is torn down with what came later."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.errors import GuardRefused
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import (
    MemberPlan,
    Tls,
)
from etcdtui.ops.plan import Outcome
from etcdtui.runtime.session import Session
from etcdtui.sites.founding import Founding
from tests.sites.local.support import wait_until
from tests.sites.ssh.stage import ADDRESSES, Stage, run_to_its_end
from tests.support.consoles import cut_off, do, done, ready
from tests.support.etcd import free_ports
from tests.support.tools import etcd as etcd_binary


@contextlib.contextmanager
def grown(stage: Stage, session: Session) -> Iterator[MemberPlan]:
    """A member more on a host that the plan table does not have, started by hand."""
    later = stage.many[3]
    url = settings.peer_url(stage.boot, later)
    plan = session.prepare("add-member", None, {"peer_urls": url, "voter": True})
    assert session.execute(plan).outcome is Outcome.DONE
    whole = replace(stage.boot, members=stage.many[:4])
    flags = settings.as_flags(settings.host_settings(whole, later, "new", founded=True))
    with (stage.root / "later.log").open("wb") as log:
        argv = [str(etcd_binary("3.5")), *flags]
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    Path(f"{settings.data_dir(stage.boot, later)}.pid").write_text(f"{process.pid}\n")
    try:
        yield later
    finally:
        process.kill()
        process.wait(10)


def seen(session: Session, answering: int = 4) -> None:
    """Until all hosts were looked at, and so many members answer."""
    site = session.site
    assert isinstance(site, Founding)
    wait_until(lambda: site.further_nodes() == ("n3",), "the further host is known", 30)
    wait_until(lambda: len(session.snapshot().answers) == answering, f"{answering} answer", 30)


@pytest.mark.timeout(180)
def test_a_member_that_came_later_is_torn_down_with_the_others_or_nobody_is(stage: Stage) -> None:
    session = stage.session(stage.boot)
    run_to_its_end(session)
    with grown(stage, session) as later:
        wait_until(lambda: "m3" in {m.name for m in session.snapshot().members}, "it has joined", 30)
        # A profile that has not heard of it: it would be left alone, so nobody is stopped.
        with pytest.raises(GuardRefused, match=r"m3 \(.*no node is known.*without a quorum: remove it first"):
            session.prepare("destroy")
        session.close()
        session = stage.session(stage.boot, (later,))
        seen(session)
        plan = session.prepare("destroy")
        assert any("came later and end too, their nodes given up: n3" in said for said in plan.consequences)
        assert [step.args["piece"].partition(" also ")[2] for step in plan.steps] == ["n3"] * 3
        assert f"n3: {settings.data_dir(stage.boot, later)}" in plan.steps[1].call
        # One host is not reached: those that are go on.
        stage.servers[1].stop()
        result = session.execute(plan, override="new")
        assert result.outcome is Outcome.FAILED and "n1" in result.message, result.message
        assert len(stage.running()) == 4
        session.close()
        stage.servers[1].start()
        # Another console goes on, and is cut off once all members have ended.
        session = stage.session(stage.boot, (later,))
        seen(session)
        cut_off(session, session.prepare("destroy", None, {"data": "delete"}), 1, override="new")
        assert stage.running() == []
        session.close()
        session = stage.session(stage.boot, (later,))
        seen(session, 0)
        done(do(session, "destroy", override="new", data="delete"))
        assert session.unfinished() == ()
        session.close()
        assert not list((stage.root / "data").glob("m?"))


@pytest.mark.long
@pytest.mark.timeout(180)
def test_it_shrinks_and_grows_again_as_it_was_planned(stage: Stage) -> None:
    """A member is killed and started, then one gives its place up and takes it again, by the plan's ports."""
    session = stage.session(stage.boot)
    run_to_its_end(session)
    assert isinstance(session.site, Founding)
    done(do(session, "kill-node", "n1"))
    done(do(session, "start-node", "n1"))
    ready(session, 3)
    done(do(session, "scale", voters=2))
    assert len(session.fresh(5).members) == len(session.fresh(5).nodes) == 2
    assert len(list((stage.root / "data").glob("m?.aside-*"))) == 1
    done(do(session, "scale", voters=3))
    shot = ready(session, 3)
    assert {m.name: m.peer_urls[0] for m in shot.members} == dict(
        zip(session.site.member_names(), session.site.peer_urls(), strict=True)
    )
    # The bring-up knows all of it as its own.
    pids = stage.pids()
    run_to_its_end(session)
    assert stage.pids() == pids
    done(do(session, "destroy", override="new", data="delete"))
    session.close()
    assert stage.running() == []


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_further_host_is_set_up_as_the_bring_up_did(stage: Stage) -> None:
    """Certificates of the cluster's CA and a configuration of its own; a tear-down takes all of it away."""
    stage.spread()
    client, peer = free_ports(2)
    members = tuple(MemberPlan(f"n{n}", f"m{n}", ADDRESSES[n], client, peer) for n in range(4))
    session = stage.session(replace(stage.boot, members=members[:3], tls=Tls.MADE), members[3:])
    run_to_its_end(session)
    ready(session, 3)
    done(do(session, "scale", voters=4))
    urls = {m.name: m.peer_urls for m in ready(session, 4).members}
    assert urls["m3"] == (f"https://{ADDRESSES[3]}:{peer}",)
    etc = stage.root / "etc"
    assert 'initial-cluster-state: "existing"' in (etc / "m3.yaml").read_text()
    assert len(list((etc / "tls/m3").glob("*.pem"))) == 6
    assert list(stage.root.rglob("*.unfinished")) == []
    done(do(session, "destroy", override="new", data="delete"))
    session.close()
    assert stage.running() == []
    assert [path.name for path in etc.rglob("*")] == []
