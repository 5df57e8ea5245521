"""PEM files: what fits is loaded, every mistake names its file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from etcdtui.errors import UsageError
from etcdtui.sites.tls import load_tls
from tests.support.etcd import TlsFiles
from tests.support.pki import make_pki
from tests.support.tools import missing


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_pki(tmp_path_factory.mktemp("pki"))


def test_loads_what_is_given(pki: TlsFiles) -> None:
    tls = load_tls(str(pki.ca), str(pki.client_cert), str(pki.client_key), "etcd.example")
    assert tls.ca == pki.ca.read_bytes()
    assert tls.cert == pki.client_cert.read_bytes()
    assert tls.key == pki.client_key.read_bytes()
    assert tls.server_name == "etcd.example"
    assert "PRIVATE" not in repr(tls)
    assert load_tls().ca == b""


def test_mistakes_name_the_file(pki: TlsFiles, tmp_path: Path) -> None:
    ca, cert, key = str(pki.ca), str(pki.client_cert), str(pki.client_key)
    text = tmp_path / "notes.txt"
    text.write_text("not PEM")
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    broken_key = tmp_path / "broken.key"
    broken_key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    cases: list[tuple[tuple[str, str, str], str]] = [
        ((str(tmp_path / "none.pem"), "", ""), f"{tmp_path}/none.pem: cannot read CA certificates: No such"),
        ((str(tmp_path), "", ""), f"{tmp_path}: cannot read CA certificates: Is a directory"),
        ((str(text), "", ""), f"{text}: CA certificates expected in PEM form"),
        ((key, "", ""), f"{key}: CA certificates expected in PEM form"),
        ((str(damaged), "", ""), f"{damaged}: its CA certificates are damaged"),
        ((ca, cert, ""), f"{cert}: the client key that belongs to it is missing"),
        ((ca, "", key), f"{key}: the client certificate that belongs to it is missing"),
        ((ca, cert, cert), f"{cert}: a private key expected in PEM form"),
        ((ca, cert, str(pki.server_key)), f"{pki.server_key}: this key does not belong to"),
        ((ca, cert, str(broken_key)), f"{cert}, {broken_key}: damaged certificate or key"),
        ((ca, str(damaged), key), f"{damaged}, {key}: damaged certificate or key"),
    ]
    for files, start in cases:
        with pytest.raises(UsageError) as caught:
            load_tls(*files)
        assert str(caught.value).startswith(start), str(caught.value)
        assert "\n" not in str(caught.value)


def test_encrypted_key_is_refused_without_asking(pki: TlsFiles, tmp_path: Path) -> None:
    openssl = shutil.which("openssl") or missing("openssl", "install openssl")
    locked = tmp_path / "locked.key"
    subprocess.run(
        [openssl, "pkey", "-in", pki.client_key, "-aes256", "-passout", "pass:x", "-out", locked], check=True
    )
    with pytest.raises(UsageError, match=r"locked\.key: the private key is encrypted"):
        load_tls("", str(pki.client_cert), str(locked))
