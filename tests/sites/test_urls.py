"""Endpoints as people write them."""

from __future__ import annotations

import pytest

from etcdtui.errors import UsageError
from etcdtui.etcd.api import Credentials, Login, TlsMaterial
from etcdtui.sites.urls import normalise, target


@pytest.mark.parametrize(
    ("written", "tls", "full", "address"),
    [
        ("a:2379", False, "http://a:2379", "a:2379"),
        ("a:2379", True, "https://a:2379", "a:2379"),
        (" HTTP://Host-1:2379/ ", True, "http://Host-1:2379", "Host-1:2379"),
        ("https://10.0.0.1:2379", False, "https://10.0.0.1:2379", "10.0.0.1:2379"),
        ("[::1]:2379", False, "http://[::1]:2379", "[::1]:2379"),
        ("https://[fe80::1]:2379", False, "https://[fe80::1]:2379", "[fe80::1]:2379"),
        ("unix:///run/etcd.sock", False, "unix:///run/etcd.sock", "unix:/run/etcd.sock"),
        ("unix:/run/etcd.sock", False, "unix:///run/etcd.sock", "unix:/run/etcd.sock"),
        ("unixs:///run/etcd.sock", False, "unixs:///run/etcd.sock", "unix:/run/etcd.sock"),
    ],
)
def test_good_ones(written: str, tls: bool, full: str, address: str) -> None:
    assert normalise(written, tls=tls) == full
    made = target(written, TlsMaterial(server_name="x") if tls else None, Login(Credentials("u", "p")))
    assert (made.url, made.address) == (full, address)
    # TLS exactly where the URL says so, with the material given.
    assert (made.tls is not None) == full.startswith(("https", "unixs"))
    assert made.tls is None or not tls or made.tls.server_name == "x"
    assert made.login is not None and made.login.credentials == Credentials("u", "p")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "host is missing"),
        ("host", "the port is missing"),
        ("host:0", "the port is missing"),
        ("host:99999", "ort"),
        ("host:http", "ort"),
        ("::1:2379", "ort"),
        ("[::1", "endpoint"),
        (":2379", "the host is missing"),
        ("ftp://host:21", "unknown scheme 'ftp'"),
        ("http://host:2379/v3", "nothing may follow the port"),
        ("http://host:2379?x=1", "nothing may follow the port"),
        ("a b:2379", "that is no host"),
        ("unix://", "the path of the socket is missing"),
        ("\x1b[31m:2379", "endpoint"),
        ("a\x1b:2379", "that is no host"),
    ],
)
def test_nonsense_is_named(written: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        normalise(written)
    assert "\x1b" not in str(caught.value)
    assert caught.value.hint


def test_a_password_in_an_endpoint_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        normalise("https://root:s3cret@host:2379")
    assert "s3cret" not in str(caught.value)
    assert "host:2379" in str(caught.value)
