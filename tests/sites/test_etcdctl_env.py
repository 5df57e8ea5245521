"""The ETCDCTL_* variables, each with etcdctl's meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.errors import UsageError
from etcdtui.etcd.api import Credentials
from etcdtui.sites.endpoints import EtcdctlEnvironment, etcdctl_environment
from etcdtui.sites.etcdctl_env import go_duration
from tests.support.pki import make_pki


def test_nothing_set_is_etcdctls_default() -> None:
    assert etcdctl_environment({"HOME": "/", "ETCDCTL_USER": "", "ETCDCTL_KEY": ""}) == EtcdctlEnvironment()
    assert etcdctl_environment({}).tls() is None
    assert etcdctl_environment({}).credentials() is None


def test_every_variable_is_read() -> None:
    read = etcdctl_environment(
        {
            "ETCDCTL_ENDPOINTS": "a:1, https://b:2,",
            "ETCDCTL_CACERT": "ca.pem",
            "ETCDCTL_CERT": "cert.pem",
            "ETCDCTL_KEY": "key.pem",
            "ETCDCTL_USER": "root",
            "ETCDCTL_PASSWORD": "s3cret",
            "ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "false",
            "ETCDCTL_INSECURE_TRANSPORT": "F",
            "ETCDCTL_DIAL_TIMEOUT": "1m30s",
            "ETCDCTL_COMMAND_TIMEOUT": "500ms",
        }
    )
    assert read == EtcdctlEnvironment(
        ("a:1", "https://b:2"), "ca.pem", "cert.pem", "key.pem", "root", "s3cret", False, 90.0, 0.5
    )
    assert "s3cret" not in repr(read)


@pytest.mark.parametrize(
    ("user", "password", "credentials"),
    [
        ("root:pw", "", Credentials("root", "pw")),
        ("root:p:w", "", Credentials("root", "p:w")),
        ("root:", "", Credentials("root", "")),
        # With a password of its own, the whole of the user is the name.
        ("ro:ot", "pw", Credentials("ro:ot", "pw")),
        ("", "pw", None),
    ],
)
def test_user_and_password(user: str, password: str, credentials: Credentials | None) -> None:
    read = etcdctl_environment({"ETCDCTL_USER": user, "ETCDCTL_PASSWORD": password})
    assert read.credentials() == credentials
    assert "pw" not in repr(read)


def test_user_without_password_must_be_asked() -> None:
    read = etcdctl_environment({"ETCDCTL_USER": "root"})
    assert (read.user, read.password) == ("root", None)
    with pytest.raises(UsageError, match="password of user 'root' is not given"):
        read.credentials()


def test_tls(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    loaded = etcdctl_environment({"ETCDCTL_CACERT": str(pki.ca)}).tls("name")
    assert loaded is not None
    assert (loaded.ca, loaded.server_name) == (pki.ca.read_bytes(), "name")
    bare = etcdctl_environment({"ETCDCTL_INSECURE_TRANSPORT": "false"}).tls()
    assert bare is not None
    assert bare.ca == b""
    with pytest.raises(UsageError, match=r"none\.pem: cannot read"):
        etcdctl_environment({"ETCDCTL_CACERT": "none.pem"}).tls()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "true", r"cannot skip .*unset it and name the CA"),
        ("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "yes", "neither true nor false"),
        ("ETCDCTL_INSECURE_TRANSPORT", "no", "neither true nor false"),
        ("ETCDCTL_DIAL_TIMEOUT", "5", "is not a duration"),
        ("ETCDCTL_DIAL_TIMEOUT", "-5s", "is not a duration"),
        ("ETCDCTL_COMMAND_TIMEOUT", "soon", "is not a duration"),
        ("ETCDCTL_COMMAND_TIMEOUT", "0s", "leaves no time"),
    ],
)
def test_bad_values_name_the_variable(variable: str, value: str, words: str) -> None:
    with pytest.raises(UsageError, match=rf"^{variable}.*{words}"):
        etcdctl_environment({variable: value})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5.0),
        ("1h2m3.5s", 3723.5),
        ("100ms", 0.1),
        ("2µs", 2e-6),
        ("1.5h", 5400.0),
        ("+.5s", 0.5),
        ("0", 0),
    ],
)
def test_go_durations(text: str, seconds: float) -> None:
    assert go_duration(text) == pytest.approx(seconds)
