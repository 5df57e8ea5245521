"""Membership changes where the console reaches etcd and no node, each refusal compared with etcd's own."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etcdtui.errors import GuardRefused, UsageError
from etcdtui.ops.guards import Verdict
from etcdtui.ops.plan import Outcome, Plan
from etcdtui.runtime.session import Session
from etcdtui.sites.endpoints import EndpointsSite
from tests.sites.local.support import wait_until
from tests.support.consoles import do, done, members, prepare, ready, session_on
from tests.support.etcd import EtcdCluster, Proc, free_ports, running
from tests.support.writer import ELECTIONS, Writer

VERSIONS = ["3.5", "3.4"]


@contextmanager
def lab(root: Path, count: int, version: str) -> Iterator[tuple[EtcdCluster, Session]]:
    with (
        running(root / "c", count, version) as cluster,
        session_on(EndpointsSite("plain", cluster.urls), root) as session,
    ):
        ready(session, count)
        yield cluster, session


def said_by_etcd(cluster: EtcdCluster, version: str, *args: str) -> str:
    """etcd's refusal to the same change, by the real etcdctl; empty when it agreed."""
    alive = [p.client_url for p in cluster.procs if p.alive()]
    try:
        cluster.etcdctl("member", *args, endpoints=alive, version=version)
    except subprocess.CalledProcessError as error:
        return str(error.stderr)
    return ""


def refusals(session: Session, plan: Plan) -> list[Verdict]:
    return [v for v in session.verdicts(plan) if not v.ok and "etcd says" in v.reason]


def agree(verdict: Verdict, said: str) -> None:
    """etcd's words stand in the verdict: etcdctl leaves the prefix out or keeps it, by version."""
    words = verdict.reason.split('"')[1].removeprefix("etcdserver: ")
    assert words.lower() in said.lower(), (verdict.reason, said)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refusal_is_told_before_the_question_in_etcds_words(tmp_path: Path, version: str) -> None:
    with lab(tmp_path, 3, version) as (cluster, session):
        leader = cluster.leader()
        follower = next(p for p in cluster.procs if p is not leader)
        follower.kill()
        wait_until(lambda: len(session.snapshot().answers) == 2, "it is missed")
        url = f"http://127.0.0.1:{free_ports(1)[0]}"
        plan = prepare(session, "add-member", options={"peer_urls": url})
        (verdict,) = refusals(session, plan)
        agree(verdict, said_by_etcd(cluster, version, "add", "n4", "--learner", f"--peer-urls={url}"))
        assert f"{follower.name} is down" in verdict.reason
        assert session.execute(plan).outcome is Outcome.REFUSED
        # The dead one may go, which etcd does not mind; a healthy one may not, for quorum.
        healthy = next(p for p in cluster.procs if p.alive())
        refused = do(session, "remove-member", healthy.name)
        assert refused.outcome is Outcome.REFUSED
        assert "would leave 1 of 2 voters healthy, quorum is 2" in refused.message
        done(do(session, "remove-member", follower.name))
        assert follower.name not in members(session)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_flags_of_the_plan_start_the_member_that_was_added(tmp_path: Path, version: str) -> None:
    with lab(tmp_path, 1, version) as (cluster, session), Writer(cluster.urls) as writer:
        client, port = free_ports(2)
        url = f"http://127.0.0.1:{port}"
        with pytest.raises(UsageError, match=r"plain: nothing here can prepare a node .*--peer-urls"):
            prepare(session, "add-member")
        with pytest.raises(GuardRefused, match="etcdserver: Peer URLs already exists"):
            prepare(session, "add-member", options={"peer_urls": cluster.procs[0].peer_url})
        plan = prepare(session, "add-member", options={"peer_urls": url, "name": "later"})
        flags = next(text for text in plan.consequences if text.startswith("then start")).split(": ", 1)[1]
        done(session.execute(plan))
        assert members(session) == ["? learner", "n1"]

        other = prepare(session, "add-member", options={"peer_urls": "http://127.0.0.1:1"})
        agree(
            refusals(session, other)[0],
            said_by_etcd(cluster, version, "add", "n3", "--learner", "--peer-urls=http://127.0.0.1:1"),
        )
        (learner,) = (m.hex_id for m in session.snapshot().members if m.is_learner)
        early = prepare(session, "promote", learner)
        agree(refusals(session, early)[0], said_by_etcd(cluster, version, "promote", learner))

        root, binary = tmp_path / "c" / "later", cluster.procs[0].binary
        proc = Proc("later", binary, root, f"http://127.0.0.1:{client}", url)
        proc.argv = [
            str(proc.binary), "--data-dir", str(proc.data_dir), *shlex.split(flags),
            "--listen-peer-urls", url, "--listen-client-urls", proc.client_url,
            "--advertise-client-urls", proc.client_url,
        ]  # fmt: skip
        cluster.procs.append(proc)
        proc.start()
        ready(session, 2)
        assert members(session) == ["later learner", "n1"]
        done(do(session, "promote", "later"))
        assert members(session) == ["later", "n1"]
        ready(session, 2)
        with pytest.raises(UsageError, match="later is a voter already"):
            prepare(session, "promote", "later")
        tally = writer.verify()
        assert tally.lost == ()
        assert tally.longest_gap < ELECTIONS
