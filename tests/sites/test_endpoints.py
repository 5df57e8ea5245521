"""The site of plain endpoints against real etcd, plain and with TLS and a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.errors import EtcdError, SiteError, UsageError
from etcdtui.etcd.api import Credentials
from etcdtui.sites.base import HasNodes, Killable, Logged, Site, Startable
from etcdtui.sites.endpoints import EndpointsSite
from etcdtui.sites.tls import load_tls
from tests.support.etcd import running
from tests.support.pki import make_pki


def test_offers_nothing_but_reaching() -> None:
    site = EndpointsSite("prod", ["a:2379", "http://a:2379", "https://b:2379"])
    assert isinstance(site, Site)
    assert not any(isinstance(site, protocol) for protocol in (HasNodes, Startable, Killable, Logged))
    assert (site.name, site.kind) == ("prod", "endpoints")
    assert site.seeds() == ("http://a:2379", "https://b:2379")
    site.close()


def test_wrong_endpoints_are_refused() -> None:
    with pytest.raises(UsageError, match="prod: no endpoint is given"):
        EndpointsSite("prod", [])
    with pytest.raises(UsageError, match="endpoint 'b': the port is missing"):
        EndpointsSite("prod", ["a:1", "b"])
    # A member may advertise anything: that is the site's error, not the operator's.
    with pytest.raises(SiteError, match="unknown scheme"):
        EndpointsSite("prod", ["a:1"]).dial("gopher://x:70")


@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_reads_with_tls_and_user(tmp_path: Path, version: str) -> None:
    with running(tmp_path, 1, version) as plain:
        endpoint = plain.urls[0].removeprefix("http://")
        api = EndpointsSite("plain", [endpoint]).dial(plain.urls[0])
        assert api.status(5).version.startswith(version)
        api.close()
    tls = make_pki(tmp_path / "pki")
    stranger = make_pki(tmp_path / "stranger")
    material = load_tls(str(tls.ca), str(tls.client_cert), str(tls.client_key))
    foreign = load_tls(str(stranger.ca))
    with running(tmp_path / "pki", 1, version, tls=tls) as cluster:
        for command in (
            ("user", "add", "root:pw"),
            ("user", "grant-role", "root", "root"),
            ("auth", "enable"),
        ):
            cluster.etcdctl(*command)
        endpoint = cluster.urls[0].removeprefix("https://")
        site = EndpointsSite("tls", [endpoint], tls=material, credentials=Credentials("root", "pw"))
        assert site.seeds() == (cluster.urls[0],)
        api = site.dial(site.seeds()[0])
        # Members advertise client URLs of their own: the same TLS and user serve there.
        (member,) = api.member_list(5)
        again = site.dial(member.client_urls[0])
        again.put(b"k", b"v", 5)
        assert again.get(b"k", 5) is not None
        api.close()
        again.close()
        wrong = EndpointsSite("tls", [endpoint], tls=foreign).dial(cluster.urls[0])
        with pytest.raises(EtcdError):
            wrong.status(2)
        wrong.close()
