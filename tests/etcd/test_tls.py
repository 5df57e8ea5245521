"""TLS against real members that demand client certificates: what works, and what each failure says."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import AF_UNIX, SHUT_WR, create_connection, socket

import pytest

from etcdtui.errors import Unreachable
from etcdtui.etcd.api import Target, TlsMaterial
from etcdtui.etcd.rpc import dial
from tests.etcd.conftest import Connect, target_of
from tests.support.etcd import EtcdCluster, TlsFiles, running
from tests.support.pki import make_pki


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, version: str, files: TlsFiles) -> Iterator[EtcdCluster]:
    with running(tmp_path_factory.mktemp("secure"), 1, version, tls=files) as started:
        yield started


@pytest.fixture
def good(files: TlsFiles) -> TlsMaterial:
    return TlsMaterial(files.ca.read_bytes(), files.client_cert.read_bytes(), files.client_key.read_bytes())


def test_client_certificate(secure: EtcdCluster, good: TlsMaterial, connect: Connect) -> None:
    assert connect(secure.procs[0], good).status(3).is_leader


def test_server_name_override(secure: EtcdCluster, good: TlsMaterial, connect: Connect) -> None:
    named = dataclasses.replace(good, server_name="localhost")
    assert connect(secure.procs[0], named).status(3).is_leader
    wrong = dataclasses.replace(good, server_name="wrong.example")
    with pytest.raises(Unreachable, match=r"is for another name .*set the server name"):
        connect(secure.procs[0], wrong).status(3)


def test_unknown_ca(secure: EtcdCluster, good: TlsMaterial, connect: Connect, tmp_path: Path) -> None:
    other = dataclasses.replace(good, ca=make_pki(tmp_path / "other").ca.read_bytes())
    for tls in (other, dataclasses.replace(good, ca=b"")):
        with pytest.raises(Unreachable, match=r"signed by an unknown CA \(give the CA"):
            connect(secure.procs[0], tls).status(3)


def test_missing_client_certificate(secure: EtcdCluster, good: TlsMaterial, connect: Connect) -> None:
    with pytest.raises(Unreachable, match=r"TLS failed.*\(give a client certificate and its key\)"):
        connect(secure.procs[0], dataclasses.replace(good, cert=b"", key=b"")).status(3)


def test_plain_text_to_a_tls_server(secure: EtcdCluster, connect: Connect) -> None:
    with pytest.raises(Unreachable, match=r"closes every connection at once \(if it speaks TLS"):
        connect(secure.procs[0]).status(3)


def test_tls_to_a_plain_text_server(cluster: EtcdCluster, good: TlsMaterial, connect: Connect) -> None:
    with pytest.raises(Unreachable, match=r"during the handshake \(if it does not speak TLS, use http://"):
        connect(cluster.procs[0], good).status(3)


def test_half_a_pair_is_an_error_and_not_an_abort(
    secure: EtcdCluster, good: TlsMaterial, connect: Connect
) -> None:
    for tls, words in (
        (dataclasses.replace(good, key=b""), "certificate for .* has no key"),
        (dataclasses.replace(good, cert=b""), "key for .* has no certificate"),
    ):
        etcd = connect(secure.procs[0], tls)
        with pytest.raises(Unreachable, match=words):
            etcd.status(3)
        with pytest.raises(Unreachable, match=words):
            next(etcd.snapshot(3))


def test_material_that_is_no_pem(secure: EtcdCluster, connect: Connect) -> None:
    with pytest.raises(Unreachable, match=r"cannot be used \(all are PEM"):
        connect(secure.procs[0], TlsMaterial(b"junk", b"junk", b"junk")).status(3)


def test_nothing_secret_is_printed(good: TlsMaterial) -> None:
    assert "PRIVATE" not in repr(Target("https://a:1", "a:1", good))


def test_tls_through_a_unix_socket_checks_the_endpoints_name(
    secure: EtcdCluster, good: TlsMaterial, tmp_path: Path
) -> None:
    """A tunnel's end is a unix socket, and the certificate is the endpoint's."""
    proc = secure.procs[0]
    path = tmp_path / "tunnel"
    with _tunnel(path, int(proc.client_url.rsplit(":", 1)[1])):
        etcd = dial(Target(proc.client_url, f"unix:{path}", good))
        assert etcd.status(3).is_leader
        etcd.close()
        elsewhere = dial(Target("https://elsewhere.example:2379", f"unix:{path}", good))
        with pytest.raises(Unreachable, match=r"of elsewhere\.example:2379 is for another name"):
            elsewhere.status(3)
        elsewhere.close()
    gone = dial(Target("http://far:2379", f"unix:{tmp_path}/absent"))
    with pytest.raises(Unreachable, match="the tunnel to far:2379 is not there"):
        gone.status(3)
    gone.close()


class _tunnel:
    """Forwards a unix socket to a loopback port until it is closed."""

    def __init__(self, path: Path, port: int) -> None:
        self._server = socket(AF_UNIX)
        self._server.bind(os.fspath(path))
        self._server.listen()
        self._port = port
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = create_connection(("127.0.0.1", self._port))
            except OSError:
                near.close()
                continue
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(a, b), daemon=True).start()


def _pump(source: socket, sink: socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(SHUT_WR)
    except OSError:
        pass


def test_target_of_keeps_host_and_port(secure: EtcdCluster) -> None:
    assert target_of(secure.procs[0]).address.startswith("127.0.0.1:")
