"""A cluster brought up over real sshds, as plain processes: cut off after every step, it goes on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import shutil
import signal
import socket
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etcdtui.cli.wizard import Behind
from etcdtui.config import Config, SshProfile, TlsPaths, load
from etcdtui.config.draft import Draft
from etcdtui.config.writer import save, with_profile
from etcdtui.errors import NotPermitted, SiteError
from etcdtui.model.bootstrap import (
    Discovery,
    GivenTls,
    HostsBootstrap,
    Meeting,
    MemberPlan,
    ReleasePlan,
    Runner,
    Source,
    Tls,
)
from etcdtui.model.cluster import RunState
from etcdtui.ops.plan import Outcome
from etcdtui.runtime.session import Session
from etcdtui.sites.asking import Nobody
from etcdtui.sites.founding import Founding
from etcdtui.sites.ssh import preflight, probe, standing
from etcdtui.sites.ssh.facts import Facts, Runs, Stated
from etcdtui.sites.ssh.founding import SshFounding
from etcdtui.sites.ssh.meeting import announce, retract
from etcdtui.sites.ssh.words import describe
from tests.sites.local.support import wait_until
from tests.sites.ssh.stage import VERSION, Stage, run_to_its_end
from tests.support.consoles import bring_up, ready
from tests.support.etcd import running
from tests.support.pki import make_pki
from tests.support.tools import etcd as etcd_binary


def undone(session: Session) -> None:
    """Take back the one bring-up that was left unfinished, and end the console."""
    session.fresh(5)
    (left,) = session.unfinished()
    plan = session.settle(left.id, "undo")
    if plan.steps[0].args["piece"] == "undo start":
        # It serves since its start: only who types its name takes it away.
        ready(session, 3)
        refused = session.execute(plan)
        assert (refused.outcome, refused.overridable) == (Outcome.REFUSED, True)
        assert "new serves already" in refused.message
    result = session.execute(plan, override="new")
    assert result.outcome is Outcome.DONE, result.message
    assert session.unfinished() == ()
    session.close()


@pytest.mark.timeout(240)
def test_brought_up_however_often_it_is_cut_off(stage: Stage) -> None:
    """Killed in the middle of every step; the labs cut it off between any two."""
    boot = replace(stage.boot, tls=Tls.MADE)
    killed, started = [stage.killed_in(step) for step in range(1, 8)], stage.running()
    assert killed[:6] == [-signal.SIGKILL] * 6
    session = stage.session(boot)
    run_to_its_end(session)
    assert set(started) <= set(stage.running())
    assert [path.name for path in (stage.root / "opt").iterdir() if "." not in path.name[2:]] == ["current"]
    assert {member.name for member in ready(session, 3).members} == {"m0", "m1", "m2"}
    files = sorted((stage.root / "etc").rglob("*.*"))
    settled, pids = [path.stat().st_mtime_ns for path in files], stage.pids()
    configs = [path.read_text() for path in files if path.suffix == ".yaml"]
    assert ['initial-cluster-state: "existing"' in text for text in configs] == [True] * 3
    # Once more: nothing is written, nothing is started.
    run_to_its_end(session)
    # Another plan for it changes nothing of members that run, and what it may change waits for their start.
    elsewhere = stage.session(replace(boot, data_dir=f"{stage.root}/else/{{name}}"))
    result = bring_up(elsewhere)
    elsewhere.close()
    assert result.outcome is Outcome.FAILED
    assert f"data-dir {stage.root}/data/m0 (now {stage.root}/else/m0): a bring-up does not" in result.message
    assert [path.stat().st_mtime_ns for path in files] == settled
    assert not (stage.root / "else").exists()
    other = stage.session(replace(boot, settings={"heartbeat-interval": 200}))
    run_to_its_end(other)
    other.close()
    found = [path.read_text() for path in files if path.suffix == ".yaml"]
    assert found == [text.replace("heartbeat-interval: 100", "heartbeat-interval: 200") for text in configs]
    settled = [path.stat().st_mtime_ns for path in files]
    # Nor is anything taken back of a cluster that stands.
    assert bring_up(session, stop_after=3).outcome is Outcome.CANCELLED
    undone(session)
    assert [path.stat().st_mtime_ns for path in files] == settled
    assert stage.pids() == pids
    assert {f.stat().st_mode & 0o777 for f in (stage.root / "xdg").rglob("*.pem")} == {0o600}


@pytest.mark.timeout(240)
def test_undone_wherever_it_stopped_and_nothing_else(stage: Stage) -> None:
    """The link leads where it led, the data is aside; that of one that stands is tried above."""
    boot, opt = replace(stage.boot, tls=Tls.MADE), stage.root / "opt"
    (opt / "v3.0.0").mkdir(parents=True)
    (opt / "current").symlink_to(opt / "v3.0.0")
    (stage.root / "data/m1").mkdir(parents=True)
    # The hosts are one machine: whoever made what they share would find it in use by the others.
    (stage.root / "etc/tls").mkdir(parents=True)

    def there() -> list[str]:
        found = [*(stage.root / "etc").rglob("*"), *(stage.root / "data").rglob("*")]
        rest = [str(p) for p in found if ".undone." not in str(p) and p.suffix != ".log"]
        return sorted([*rest, str((opt / "current").readlink())])

    before = there()
    for steps in (2, 5, 6):
        session = stage.session(boot)
        result = bring_up(session, stop_after=steps)
        session.close()
        assert result.outcome is not Outcome.DONE, result.message
        undone(stage.session(boot))
        assert there() == before
    aside = sorted(path.name.partition(".")[0] for path in (stage.root / "data").glob("*.undone.*"))
    assert aside == ["m0", "m1", "m2"]


def test_nothing_of_anybody_else_is_overwritten(stage: Stage) -> None:
    data = stage.root / "data/m1"
    data.mkdir(parents=True)
    (data / "precious").write_text("x")
    (stage.root / "etc").mkdir()
    (stage.root / "etc/m2.yaml").write_text("name: somebody's\n")
    session = stage.session(stage.boot)
    result = bring_up(session)
    session.close()
    assert result.outcome is Outcome.FAILED
    assert "n1: the data directory is not empty: nothing is overwritten" in result.message
    assert "n2: the configuration file is there, and not ours" in result.message
    assert not (stage.root / "opt").exists()
    assert (stage.root / "etc/m2.yaml").read_text() == "name: somebody's\n"


def test_a_look_that_a_lost_connection_cut_off_is_taken_once_more(stage: Stage) -> None:
    (stage.root / "etc").mkdir()
    (stage.root / "etc/m2.yaml").write_text("name: somebody's\n")
    measured, cut, tools = (stage.root / name for name in ("measured", "cut", "tools"))
    tools.mkdir()
    # Whoever measures the disk there does so until the connections were cut.
    wait = f": > {measured}; while [ ! -e {cut} ]; do sleep 0.05; done"
    (tools / "dd").write_text(f'#!/bin/sh\n{wait}\nexec {shutil.which("dd")} "$@"\n')
    (tools / "dd").chmod(0o755)
    for server in stage.servers:
        server.stop()
        server.env["PATH"] = f"{tools}:/usr/bin:/bin"
        server.start()

    def cutter() -> None:
        wait_until(measured.exists, "a look measures the disk")
        for server in stage.servers:
            server.drop()
        cut.touch()

    thread = threading.Thread(target=cutter, daemon=True)
    thread.start()
    session = stage.session(stage.boot)
    result = bring_up(session)
    session.close()
    thread.join(10)
    assert cut.exists()
    assert result.outcome is Outcome.FAILED
    assert "n2: the configuration file is there, and not ours" in result.message
    assert "n0" not in result.message.partition(": ")[2]
    assert "lost" not in result.message


def test_a_tarball_that_is_another_is_refused(stage: Stage) -> None:
    """Another checksum, half of it, something else, another etcd; what is there under that name gives way."""
    release, opt = stage.boot.release, stage.root / "opt"
    half, other = stage.root / "half.tar.gz", stage.root / "other.tar.gz"
    half.write_bytes(Path(release.where).read_bytes()[:1_000_000])
    with tarfile.open(other, "w:gz") as tar:
        tar.add(stage.root / "key.pub", "etcd/README")
    for wrong, words in (
        (replace(release, sha256="0" * 64), r"its SHA-256 is [0-9a-f]{64}, expected 0{64}"),
        (replace(release, where=str(half)), "half.tar.gz: no tarball, or not a whole one"),
        (replace(release, where=str(other)), "other.tar.gz: there is no etcd in it"),
        (replace(release, version="3.5.9"), "the etcd in it is 3.5.1, and the plan says 3.5.9"),
    ):
        session = stage.session(replace(stage.boot, release=wrong))
        assert isinstance(session.site, Founding)
        with pytest.raises(SiteError, match=words):
            session.site.carry_out("release", lambda _: None)
        session.close()
        assert not list(opt.glob("*"))
    (opt / f"v{VERSION}").mkdir(parents=True)
    (opt / f"v{VERSION}/etcd").write_text("#!/bin/sh\necho etcd Version: 3.4.0\n")
    (opt / f"v{VERSION}/etcd").chmod(0o755)
    session = stage.session(stage.boot)
    assert isinstance(session.site, Founding)
    session.site.carry_out("release", lambda _: None)
    session.close()
    assert len(list(opt.glob("*.damaged.*"))) == 1 and (opt / "current/etcd").stat().st_size > 1_000_000


def test_what_the_looks_mean() -> None:
    def sight(*lines: str, ahead: float = 0.0) -> preflight.Look:
        text = "\n".join(("machine Linux x86_64", "data absent", "space 50000000", *lines))
        return preflight.parse(f"{text}\nclock {1000.0 + ahead:.3f}\n", 1000.0, 1000.2)

    well = preflight.judge({"a": sight(), "b": sight(ahead=1.1), "c": sight("data empty")}, "t", "")
    assert [(s.place, s.wrong, s.advice) for s in well] == [(h, (), ()) for h in "abc"]
    slow = sight(*(f"fsync 0.0{n % 4}5" for n in range(100)))
    found = preflight.judge(
        {
            "a": sight("taken 2379", ahead=3),
            "b": sight("data full", "config 1", "set initial-cluster-token: t", "taken 2379", "closed /x"),
            "c": sight("data full", "config 1", "set initial-cluster-token: other"),
            "d": sight("machine Linux mips"),
            "e": sight("space 100"),
            "f": slow,
            "g": sight("machine Linux aarch64", "unit 0"),
            "h": sight("lacks systemd", "lacks tar", "unknown m1", "closed /etc", "closed /etc"),
        },
        "t",
        "etcd-v3.5.1-linux-amd64.tar.gz",
    )
    assert tuple(text for s in found for text in s.sentences(s.wrong)) == (
        "a: port 2379 is taken: something listens there",
        "c: the data directory is not empty: nothing is overwritten; move it aside, or name another one",
        "c: a member of another cluster (other) is there already",
        "d: etcd is not built for Linux on mips",
        "e: only 102 kB are free for the data, 300 MB are needed",
        "g: etcd-v3.5.1-linux-amd64.tar.gz is for amd64, and this is arm64",
        "g: the unit is there, and not ours: give another `unit`",
        "h: there is no systemd: give `run: process`",
        "h: there is no tar",
        "h: m1 is no name of any host here: give an `address`",
        "h: /etc cannot be written to: give other directories",
        "the clocks differ: a is 3.0 s ahead of b: leases and certificates need them together",
    )
    assert tuple(text for s in found for text in s.sentences(s.advice)) == (
        "f: 99 of 100 writes are on disk within 35 ms, etcd wants 10 ms: a slow disk costs elections",
    )


def test_a_release_that_is_there_is_held_against_the_plan() -> None:
    def look(etcd: str, *lines: str) -> preflight.Look:
        text = "\n".join(("machine Linux x86_64", "data absent", f"etcd {etcd}", *lines))
        return preflight.parse(f"{text}\n", 1000.0, 1000.2)

    there = HostsBootstrap(members=(MemberPlan("a", "m", "10.0.0.1"),), runner=Runner.PROCESS)
    said = replace(there, release=ReleasePlan("3.5.21"))
    meeting = replace(there, meeting=Meeting(Discovery.SERVICE, endpoints=("http://d:2379",)))
    corrupts = "version: etcd 3.5.1 can corrupt its data when it crashes: take 3.5.3 or newer"
    for plan, found, wrong, advice in (
        (there, look("3.4.23"), (), ()),
        (there, look("3.5.1"), (), (corrupts,)),
        (there, look("3.3.10"), ("version: etcd 3.3.10: the console brings up 3.4 and newer",), ()),
        (said, look("3.4.23"), ("etcd 3.4.23 is there, and the plan says 3.5.21",), ()),
        (said, look("3.4.23", "config 1", "set initial-cluster-token: t"), (), ()),
        (said, look("3.5.21"), (), ()),
        (
            meeting,
            look("3.4.23"),
            ("discovery_endpoints: etcd 3.4.23 has it not yet: give discovery_url",),
            (),
        ),
    ):
        assert preflight.judge_release(found, plan, "t") == (wrong, advice)
    *_, all_of_them = preflight.judge({"a": look("3.5.1"), "b": look("3.4.23"), "c": look("3.5.1")}, "t", "")
    text = "the releases differ: etcd 3.4.23 on b, 3.5.1 on a and c: the cluster does what the oldest can"
    assert (all_of_them.place, all_of_them.wrong, all_of_them.advice) == ("", (), (text,))


def test_a_clock_that_is_not_the_consoles() -> None:
    made = HostsBootstrap(members=(MemberPlan("a", "m", "10.0.0.1"),), tls=Tls.MADE)

    def said(ahead: float, plan: HostsBootstrap = made) -> list[tuple[bool, str]]:
        look = preflight.parse(f"clock {1000.0 + ahead:.3f}\n", 1000.0, 1000.2)
        return list(standing.judge_clock(look, plan))

    assert said(1.1) == said(-1.1) == []
    assert said(400) == [(False, "its clock is 400.0 s ahead of this machine's")]
    behind = "its clock is 400.0 s behind this machine's"
    assert said(-400) == [(True, f"{behind}: a certificate made here would not be valid there yet")]
    assert said(-400, replace(made, tls=Tls.NONE)) == [(False, behind)]


def test_an_etcd_that_has_ended_is_none_that_runs() -> None:
    """A zombie keeps its name; while no data directory is known it must not pass for the member."""
    text = "proc 7\nargv \nstate Z (zombie)\nproc 8\nargv etcd\x1f--name=x\x1f\nstate S (sleeping)\n"
    assert [process.pid for process in probe.parse(text).processes] == [8]
    state, words, _ = describe(probe.parse(text), Facts(runs=Runs.PROCESS), Stated(pid_file="/p"), "")
    assert (state, words) == (RunState.STOPPED, "no etcd runs and no command line is known")


@pytest.mark.timeout(120)
def test_a_draft_becomes_a_profile_and_its_hosts_are_looked_at(stage: Stage, tmp_path: Path) -> None:
    """What the wizard knows, without its screen: the looks, the preview, the profile that is written."""
    values = {
        "name": "drafted", "run": "process", "source": "tarball", "where": stage.boot.release.where,
        "release": VERSION, "tls": "made", "data_dir": stage.boot.data_dir,
        "config_dir": stage.boot.config_dir, "install_dir": stage.boot.install_dir,
    }  # fmt: skip
    rows = [
        {"host": m.host, "name": m.name, "address": m.address, "client_port": str(m.client_port),
         "peer_port": str(m.peer_port)}
        for m in stage.members
    ]  # fmt: skip
    draft = Draft(values, rows)
    assert [p.where for p in draft.problems() if p.hard] == []
    (tmp_path / ".ssh").mkdir(exist_ok=True)
    (tmp_path / ".ssh/config").write_text((stage.root / "ssh_config").read_text())
    (tmp_path / ".ssh/known_hosts").write_text((stage.root / "known_hosts").read_text())
    file = tmp_path / "config.yaml"
    behind = Behind(file, Config(), Nobody())
    try:
        assert [(s.place, s.wrong) for s in behind.look(draft)] == [("n0", ()), ("n1", ()), ("n2", ())]
        with socket.create_server(("127.0.0.1", stage.members[1].peer_port)):
            draft.rows[2]["host"] = "127.0.0.1:1"
            found = {s.place: s.wrong for s in behind.look(draft)}
            assert found["n0"] == () and "is taken" in found["n1"][0] and found["127.0.0.1"]
        draft.rows[2]["host"] = "n2"
        shown = "\n".join(text for _, text in behind.preview(draft))
    finally:
        behind.close()
    assert not file.exists() and "initial-cluster-state" in shown and "tar -xzf" in shown
    save(with_profile(file, draft.name, draft.mapping()))
    profile = load(file).profiles["drafted"]
    assert isinstance(profile, SshProfile)
    assert profile.bootstrap == replace(stage.boot, tls=Tls.MADE, settings={}) == draft.plan()


@pytest.mark.timeout(240)
def test_members_meet_at_a_discovery_service(stage: Stage, tmp_path: Path) -> None:
    """A real etcd with its old API is the service; the new one's registry is written into a real etcd too."""
    with running(tmp_path / "meeting", 1, extra=["--enable-v2"]) as service:
        url = f"{service.urls[0]}/v2/keys/_etcd/registry/tok"

        def expect(size: int) -> None:
            data = f"value={size}".encode()
            request = urllib.request.Request(f"{url}/_config/size", data, method="PUT")
            urllib.request.urlopen(request, timeout=5).close()

        boot = replace(stage.boot, meeting=Meeting(Discovery.SERVICE, url=url))
        session = stage.session(boot)
        assert isinstance(session.site, Founding)
        with pytest.raises(SiteError, match="has no cluster of that token"):
            session.site.carry_out("service", lambda _: None)
        # Over TLS the host's own curl asks, which trusts whom its etcd will trust.
        sealed = stage.session(replace(boot, meeting=Meeting(Discovery.SERVICE, url="https://127.0.0.1:9/x")))
        assert isinstance(sealed.site, Founding)
        if shutil.which("curl"):
            with pytest.raises(SiteError, match=r"the discovery service https://127\.0\.0\.1:9/x: curl"):
                sealed.site.carry_out("service", lambda _: None)
        sealed.close()
        expect(5)
        with pytest.raises(SiteError, match="expects 5 members, not 3"):
            session.site.carry_out("service", lambda _: None)
        expect(3)
        run_to_its_end(session)
        ready(session, 3)
        # The members know each other now: the service may be gone.
        service.close()
        run_to_its_end(session)
        session.close()
        assert all("discovery" not in file.read_text() for file in (stage.root / "etc").glob("*.yaml"))
    with running(tmp_path / "newer", 1) as service:
        plan = replace(boot, meeting=Meeting(Discovery.SERVICE, endpoints=(service.urls[0],), token="tok"))
        session = stage.session(plan)
        assert isinstance(session.site, SshFounding)
        for words in ("expects 3 members", "expects 3 members already"):
            assert words in announce(session.site.dial, plan, "new")
        assert service.etcdctl("get", "--print-value-only", "/_etcd/registry/tok/_config/size").strip() == "3"
        with pytest.raises(SiteError, match="expects 3 members, not 1"):
            announce(session.site.dial, replace(plan, members=plan.members[:1]), "new")
        for server in stage.servers:
            server.drop()
        assert "deleted 1 key " in retract(session.site.dial, plan, "new")
        assert "expects 3 members" in announce(session.site.dial, plan, "new")
        session.close()


@contextlib.contextmanager
def offered(file: Path) -> Iterator[str]:
    """The URL at which a file can be fetched."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(file.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{file.name}"
        server.shutdown()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("way", ["one 3.4 there auto", "three 3.5 host_url given users", "five 3.5 url made"])
def test_other_ways(stage: Stage, release: Path, tmp_path: Path, way: str) -> None:
    """Every size, source and kind of TLS once; what the lab of hosts has is not done again."""
    more: dict[str, Any] = {}
    boot, digest = stage.boot, hashlib.sha256(release.read_bytes()).hexdigest()
    with offered(release) as url:
        if way.startswith("one"):
            there = ReleasePlan("", Source.THERE, str(etcd_binary("3.4")))
            boot = replace(boot, members=stage.many[:1], release=there, tls=Tls.AUTO)
        elif way.startswith("three"):
            files = make_pki(tmp_path / "pki")
            given = GivenTls(str(files.ca), str(files.server_cert), str(files.server_key))
            fetched = ReleasePlan(VERSION, Source.HOST_URL, url, digest)
            boot = replace(boot, release=fetched, tls=Tls.GIVEN, given=given, auth=True)
            (tmp_path / "secret").write_text("s3cret\n")
            more["tls"] = TlsPaths(files.ca, files.client_cert, files.client_key)
            more["etcd_password_file"] = tmp_path / "secret"
        else:
            fetched = ReleasePlan(VERSION, Source.URL, url, digest)
            boot = replace(boot, members=stage.many, release=fetched, tls=Tls.MADE)
        session = stage.session(boot, **more)
        run_to_its_end(session)
        first = ready(session, len(boot.members)).members[0]
        if boot.auth:
            # Everything goes on as root, and nobody else gets in.
            wait_until(lambda: session.check_health().healthy, "all are healthy")
            run_to_its_end(session)
            # etcd takes the name in a certificate for a user, and the client's is root.
            other = TlsPaths(files.ca, files.server_cert, files.server_key)
            nobody = stage.session(replace(boot, auth=False), tls=other)
            ready(nobody, len(boot.members))
            with pytest.raises(NotPermitted):
                nobody.writer(first.id).get(b"k", 5)
            nobody.close()
        for _ in range(3):
            session.fresh(5)
            plan = session.prepare("destroy", None, {"data": "delete"})
            result = session.execute(plan, override="new")
            if result.outcome is Outcome.DONE:
                break
        session.close()
        assert result.outcome is Outcome.DONE, result.message
        assert not list((stage.root / "data").glob("m?"))
