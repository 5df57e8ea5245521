"""Real etcd behind a real sshd: through a tunnel, with TLS, and with etcdctl where tunnels are forbidden."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from etcdtui.config import SshProfile, TlsPaths
from etcdtui.errors import DeadlineExceeded, EtcdtuiError, Refused, SiteError, Unreachable
from etcdtui.etcd.api import EtcdWriter, Target, TlsMaterial
from etcdtui.etcd.ctl import CtlEndpoint, Ran
from etcdtui.etcd.rpc import dial
from etcdtui.model.cluster import Alarm, RunState
from etcdtui.sites.build import open_site
from etcdtui.sites.ssh.site import SshSite
from tests.sites.local.support import wait_until
from tests.support.etcd import EtcdCluster, make_cluster, running
from tests.support.pki import make_pki
from tests.support.sshd import Sshd, keygen, sshds
from tests.support.tools import etcd as etcd_binary

WAIT = 5.0


@contextmanager
def site(server: Sshd, tmp: Path, connect: bool = True, **more: Any) -> Iterator[SshSite]:
    key = tmp / "id"
    if not key.exists():
        keygen(key)
        server.authorize(key)
    (tmp / "known").write_text(server.known_hosts_line)
    profile = SshProfile(
        name="lab", hosts=(server.spot,), identity_file=key, known_hosts=tmp / "known",
        ssh_config=Path("/dev/null"), sudo=False, **more,
    )  # fmt: skip
    opened = open_site(profile)
    assert isinstance(opened, SshSite)
    try:
        if connect:
            opened.connect(10)
        yield opened
    finally:
        began = time.monotonic()
        opened.close()
        assert time.monotonic() - began < 5


def failure(api: EtcdWriter) -> Exception:
    """What a status ends with; a lost connection is noticed some time after it is gone."""
    with pytest.raises((Unreachable, SiteError)) as caught:
        api.status(WAIT)
    return caught.value


def refused(api: EtcdWriter, words: str) -> None:
    """Until a status is refused with those words: a slow host may be taken for a lost one before."""
    deadline = time.monotonic() + 20
    while True:
        with pytest.raises(Unreachable) as caught:
            api.status(WAIT)
        if words in caught.value.message:
            return
        assert time.monotonic() < deadline, caught.value.message
        time.sleep(0.05)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with sshds(tmp_path) as (started,):
        yield started


def test_a_tunnel_carries_every_call_and_says_what_is_wrong_behind_it(server: Sshd, tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster, site(server, tmp_path) as ssh:
        api = ssh.dial(cluster.urls[0])
        assert api.status(WAIT).version.startswith("3.5")
        api.put(b"k", b"v", WAIT)
        found = api.get(b"k", WAIT)
        assert found is not None
        assert found.value == b"v"
        assert b"".join(api.snapshot(WAIT))
        directory = ssh.socket_path().parent
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        sockets = [p for p in directory.iterdir() if stat.S_ISSOCK(p.stat().st_mode)]
        assert [stat.S_IMODE(p.stat().st_mode) for p in sockets] == [0o600]
        lost: list[float] = []
        api.on_disconnect(lambda: lost.append(time.monotonic()))
        api.status(WAIT)
        cluster.procs[0].kill()
        deadline = time.monotonic() + 5
        while not lost and time.monotonic() < deadline:
            time.sleep(0.01)
        assert lost
        # The first call may still meet the old connection's end.
        refused(api, "connection refused: nothing listens on")
        # The way is gone, not etcd: that is another error, and the row becomes unknown.
        server.stop()
        deadline = time.monotonic() + 10
        while not isinstance(error := failure(api), SiteError):
            assert time.monotonic() < deadline, str(error)
            time.sleep(0.05)
    assert not directory.exists()


def test_tls_inside_the_tunnel_checks_the_members_own_name(server: Sshd, tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "pki")
    other = make_pki(tmp_path / "other", dns=("elsewhere",), ips=("10.9.9.9",))
    with running(tmp_path, 1, tls=pki) as cluster:
        files = TlsPaths(pki.ca, pki.client_cert, pki.client_key)
        with site(server, tmp_path, tls=files) as ssh:
            assert ssh.dial(cluster.urls[0]).status(WAIT).leader
        files = TlsPaths(other.ca, pki.client_cert, pki.client_key)
        with site(server, tmp_path, tls=files) as ssh:
            refused(ssh.dial(cluster.urls[0]), "unknown CA")
        files = TlsPaths(pki.ca, pki.client_cert, pki.client_key, "elsewhere")
        with site(server, tmp_path, tls=files) as ssh:
            refused(ssh.dial(cluster.urls[0]), "another name")


def test_what_was_dialled_before_its_host_was_known_is_dialled_anew(server: Sshd, tmp_path: Path) -> None:
    """Whom etcd trusts is known from how it runs; a member list may lead to it before that was looked at."""
    pki = make_pki(tmp_path / "pki")
    cluster = make_cluster(tmp_path, 1)
    (proc,) = cluster.procs
    url = proc.client_url.replace("http:", "https:")
    proc.argv += ["--listen-client-urls", url, "--advertise-client-urls", url, "--cert-file"]
    proc.argv += [str(pki.server_cert), "--key-file", str(pki.server_key), "--trusted-ca-file", str(pki.ca)]
    try:
        cluster.start()
        (tmp_path / "pid").write_text(f"{proc.pid}\n")
        with site(server, tmp_path, connect=False, pid_file=str(tmp_path / "pid")) as ssh:
            api = ssh.dial(url)
            refused(api, "unknown CA")
            wait_until(lambda: ssh.nodes()[0].run_state is RunState.RUNNING, "it is seen to run")
            # The CA is known now; etcd wants a certificate of ours, too, which nobody has given.
            refused(api, "client certificate")
    finally:
        cluster.close()


def _answers(api: EtcdWriter) -> bool:
    with suppress(DeadlineExceeded, Unreachable):
        return bool(api.status(WAIT).version)
    return False


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_a_certificate_that_etcd_made_for_itself(server: Sshd, tmp_path: Path, version: str) -> None:
    """gRPC refuses it, for its curve or its issuer; through the tunnel all is read and written by gRPC."""
    cluster = make_cluster(tmp_path, 1, version)
    (proc,) = cluster.procs
    url = proc.client_url.replace("http:", "https:")
    proc.argv += ["--auto-tls", "--listen-client-urls", url, "--advertise-client-urls", url]
    try:
        cluster.start()
        (tmp_path / "pid").write_text(f"{proc.pid}\n")
        direct = dial(Target(url, url.split("://")[1], TlsMaterial()))
        with site(server, tmp_path, pid_file=str(tmp_path / "pid")) as ssh:
            wait_until(lambda: ssh.nodes()[0].run_state is RunState.RUNNING, "it is seen to run")
            api = ssh.dial(url)
            wait_until(lambda: _answers(api), "it answers")
            assert api.status(WAIT).version.startswith(version)
            assert api.put(b"k", bytes(range(256)) * 4000, WAIT) > 0
            found = api.get(b"k", WAIT)
            assert found is not None and found.value == bytes(range(256)) * 4000
            assert len(b"".join(api.snapshot(20))) > 1_000_000
            assert ssh.notes == ()
        refused(direct, "TLS failed")
        direct.close()
    finally:
        cluster.close()


def test_where_sshd_forbids_tunnels_etcdctl_gives_the_same_answers(server: Sshd, tmp_path: Path) -> None:
    server.stop()
    there = tmp_path / "there"
    there.mkdir()
    server.more = "AllowTcpForwarding no"
    server.env |= {"PATH": f"{etcd_binary('3.5', 'etcdctl').parent}:/usr/bin:/bin", "TMPDIR": str(there)}
    server.start()
    with running(tmp_path, 1) as cluster, site(server, tmp_path) as ssh:
        direct = dial(Target(cluster.urls[0], cluster.urls[0].split("://")[1]))
        api = ssh.dial(cluster.urls[0])
        # What etcd does by itself between the two readings is no difference.
        wait_until(lambda: api.status(WAIT) == direct.status(WAIT), "the same status")
        assert api.member_list(WAIT) == direct.member_list(WAIT)
        assert "does not allow forwarding" in ssh.notes[0]
        # The same bytes as gRPC's: the database and its checksum; nothing is left of the file.
        modified = there.stat().st_mtime_ns
        wait_until(lambda: b"".join(api.snapshot(20)) == b"".join(direct.snapshot(20)), "the same bytes")
        assert there.stat().st_mtime_ns > modified and not list(there.iterdir())
        direct.close()


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_an_etcd_user_is_known_to_etcdctl_and_the_password_to_nobody_else(
    server: Sshd, tmp_path: Path, version: str
) -> None:
    server.stop()
    server.more = "AllowTcpForwarding no"
    server.env["PATH"] = f"{etcd_binary(version, 'etcdctl').parent}:/usr/bin:/bin"
    server.start()
    with running(tmp_path, 1, version) as cluster:
        for words in ("user add root:a:sec_ret", "user grant-role root root", "auth enable"):
            cluster.etcdctl(*words.split())
        secret = tmp_path / "secret"
        secret.write_text("a:sec_ret\n")
        secret.chmod(0o600)
        with site(server, tmp_path, etcd_user="root", etcd_password_file=secret) as ssh:
            api = ssh.dial(cluster.urls[0])
            assert api.put(b"k", b"-v '\"", WAIT) > 0
            held = api.get(b"k", WAIT)
            assert held is not None and held.value == b"-v '\""
            assert api.put_if(b"k", b"w", held.mod_revision, WAIT)
            assert len(b"".join(api.snapshot(20))) > 10_000
        secret.write_text("wrong\n")
        with (
            site(server, tmp_path, etcd_user="root", etcd_password_file=secret) as ssh,
            pytest.raises(EtcdtuiError, match="invalid user ID or password"),
        ):
            ssh.dial(cluster.urls[0]).member_list(WAIT)


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_etcdctl_and_grpc_agree_on_real_members(tmp_path: Path, version: str) -> None:
    binary = etcd_binary(version, "etcdctl")

    def run(argv: Sequence[str], stdin: str, timeout: float) -> Ran:
        env = {**{k: v for k, v in os.environ.items() if not k.startswith("ETCD")}, "ETCDCTL_API": "3"}
        done = subprocess.run(
            [str(binary), *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=env,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    with running(tmp_path, 2, version) as cluster:
        url = cluster.urls[0]
        ctl = CtlEndpoint(Target(url, url), run)
        grpc = dial(Target(url, url.split("://")[1]))
        _writes(ctl)
        assert ctl.get_prefix(b"a", WAIT) == grpc.get_prefix(b"a", WAIT)
        assert ctl.get(b"none", WAIT) is None
        assert ctl.count(b"a", WAIT) == grpc.count(b"a", WAIT) == 2
        assert ctl.hash_kv(WAIT).hash == grpc.hash_kv(WAIT).hash
        # What etcd does by itself between the two readings is no difference.
        wait_until(lambda: ctl.status(WAIT) == grpc.status(WAIT), "the same status")
        wait_until(lambda: ctl.member_list(WAIT) == grpc.member_list(WAIT), "the same members")
        assert ctl.alarms(WAIT) == ()
        _membership(ctl, cluster)
        grpc.close()
        for proc in cluster.procs:
            proc.kill()
        with pytest.raises(EtcdtuiError):
            ctl.status(1)


def _writes(ctl: CtlEndpoint) -> None:
    assert ctl.put(b"a/1", b"-x 'y'\n", WAIT) > 0
    assert ctl.put_if(b"a/2", b'"q" \\ \n', 0, WAIT)
    assert not ctl.put_if(b"a/2", b"other", 0, WAIT)
    lease = ctl.lease_grant(60, WAIT)
    assert ctl.put_if(b"a/3", b"held", 0, WAIT, lease=lease)
    assert ctl.lease_keep_alive(lease, WAIT) == 60
    assert 0 < ctl.lease_remaining(lease, WAIT) <= 60
    ctl.lease_revoke(lease, WAIT)
    assert ctl.lease_remaining(lease, WAIT) == -1
    assert ctl.get(b"a/3", WAIT) is None
    assert ctl.delete(b"a/none", WAIT) == 0
    ctl.defragment(WAIT)
    ctl.alarm_disarm(Alarm(0, "NONE"), WAIT)


def _membership(ctl: CtlEndpoint, cluster: EtcdCluster) -> None:
    del cluster
    with pytest.raises(Refused):
        ctl.member_remove(1, WAIT)
    with pytest.raises(Refused, match="required revision"):
        ctl.compact(10_000, WAIT)
