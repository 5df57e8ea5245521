"""A CA of its own: who may read it, what is used again, and what is made anew."""

from __future__ import annotations

import datetime
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from etcdtui.errors import SiteError
from etcdtui.sites.pki import Names
from etcdtui.sites.pki_store import PkiStore, utc_now

SERVER = Names("m1", ("10.0.0.1", "m1.example.net", "::1"), server=True)


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    store = PkiStore(tmp_path / "pki", "prod")
    store.pair("m1", SERVER)
    store.client()
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700
    files = sorted(path.name for path in (tmp_path / "pki").iterdir())
    assert files == ["ca-key.pem", "ca.pem", "client-key.pem", "client.pem", "m1-key.pem", "m1.pem"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "pki").iterdir()} == {0o600}


def test_what_is_good_is_used_again(tmp_path: Path) -> None:
    first = PkiStore(tmp_path, "prod").pair("m1", SERVER)
    assert PkiStore(tmp_path, "prod").pair("m1", SERVER) == first
    # The same CA signs another one for other names, and one that would soon expire.
    other = PkiStore(tmp_path, "prod").pair("m1", Names("m1", ("10.0.0.2",), server=True))
    assert other != first
    late = PkiStore(tmp_path, "prod", lambda: utc_now() + datetime.timedelta(days=1800))
    assert late.pair("m1", Names("m1", ("10.0.0.2",), server=True)) != other
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    x509.load_pem_x509_certificate(other.cert).verify_directly_issued_by(ca)
    assert "key" not in repr(first)


def test_a_lost_key_of_the_ca_is_not_papered_over(tmp_path: Path) -> None:
    PkiStore(tmp_path, "prod").ca()
    (tmp_path / "ca-key.pem").unlink()
    with pytest.raises(SiteError, match="the key of the cluster's CA is missing"):
        PkiStore(tmp_path, "prod").ca()


def test_an_interrupted_making_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "ca-key.pem").write_text("half")
    (tmp_path / "ca.part").write_text("half")
    assert PkiStore(tmp_path, "prod").ca().cert.startswith(b"-----BEGIN CERTIFICATE")


def test_two_members_at_a_time_share_one_ca(tmp_path: Path) -> None:
    store = PkiStore(tmp_path, "prod")
    threads = [threading.Thread(target=store.pair, args=(f"m{n}", SERVER)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    for number in range(4):
        cert = x509.load_pem_x509_certificate((tmp_path / f"m{number}.pem").read_bytes())
        cert.verify_directly_issued_by(ca)
