"""Plans of new clusters: what is found wrong as it is typed, and the settings that come of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import (
    Bootstrap,
    Discovery,
    GivenTls,
    HostsBootstrap,
    KubeBootstrap,
    Meeting,
    MemberPlan,
    ReleasePlan,
    Source,
    Tls,
    bare_host,
)
from etcdtui.model.bootstrap_checks import first, problems, sentence, version_of

THREE = HostsBootstrap(
    members=tuple(MemberPlan(f"root@n{i}:22", f"m{i}", f"10.0.0.{i}") for i in (1, 2, 3)),
    release=ReleasePlan("3.5.21", Source.TARBALL, "/tmp/etcd.tar.gz"),
)


def line(number: int, **changes: Any) -> HostsBootstrap:
    """The three, one line of the table changed."""
    members = list(THREE.members)
    members[number] = replace(members[number], **changes)
    return replace(THREE, members=tuple(members))


def test_a_plain_plan_has_nothing_against_it() -> None:
    assert problems(THREE) == ()
    assert problems(KubeBootstrap()) == ()


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (replace(THREE, members=()), "members: a cluster has at least one member"),
        (line(1, name="m1"), "members[0].name: m1 stands here 2 times"),
        (line(1, name="m 1"), "members[1].name: 'm 1': expected letters, digits and . _ - between"),
        (line(1, name=""), "members[1].name: '': expected letters, digits and . _ - between"),
        (line(1, host=""), "members[1].host: expected a host"),
        (line(2, client_port=0), "members[2].client_port: 0: expected 1 to 65535"),
        (line(2, peer_port=2379), "members[2].peer_port: 2379 on root@n3:22 is taken by m3's client port"),
        (
            line(1, host="root@n1:22", address="10.0.0.7"),
            "members[1].client_port: 2379 on root@n1:22 is taken by m1's client port",
        ),
        (
            line(1, host="root@n1:22", client_port=3379, peer_port=3380),
            "members: 2 members on n1: one a host; they would fail together",
        ),
        (
            line(1, address="10.0.0.1"),
            "members[1].client_port: 10.0.0.1:2379 is the URL of another member too",
        ),
        (
            replace(THREE, data_dir="var/etcd"),
            "data_dir: 'var/etcd': expected an absolute path of etcd's own",
        ),
        (replace(THREE, data_dir="/"), "data_dir: '/': expected an absolute path of etcd's own"),
        (
            replace(THREE, data_dir="/a/../etc"),
            "data_dir: '/a/../etc': expected an absolute path of etcd's own",
        ),
        (replace(THREE, data_dir="/a b"), "data_dir: '/a b': expected an absolute path of etcd's own"),
        (replace(THREE, unit="a b"), "unit: 'a b': expected the name of a systemd unit"),
        (replace(THREE, account="Me"), "account: 'Me': expected the name of an account"),
        (replace(THREE, settings={"name": "x"}), "settings.name: this one is made from the plan table"),
        (replace(THREE, tls=Tls.GIVEN), "given.ca: expected a path, for tls: given"),
        (
            replace(THREE, tls=Tls.GIVEN, given=GivenTls("a", "b", "c", peer_cert="d")),
            "given.peer_cert: expected peer_cert and peer_key together",
        ),
        (
            replace(THREE, meeting=Meeting(Discovery.SRV)),
            "srv_domain: expected the domain with the SRV records, such as example.net",
        ),
        (
            replace(line(0, address="a.net"), meeting=Meeting(Discovery.SRV, "example.net")),
            "members[1].address: 10.0.0.2: an IP address cannot stand in a record: give a DNS name",
        ),
        (
            replace(THREE, meeting=Meeting(Discovery.SERVICE)),
            "discovery_url: expected one of discovery_url and discovery_endpoints",
        ),
        (
            replace(THREE, meeting=Meeting(Discovery.SERVICE, endpoints=("http://a:2379",))),
            "discovery_endpoints: etcd 3.5.21 has it not yet: give discovery_url",
        ),
        (
            replace(
                THREE,
                meeting=Meeting(Discovery.SERVICE, url="http://a/x"),
                release=ReleasePlan("3.7.0", Source.TARBALL, "/t"),
            ),
            "discovery_url: etcd 3.7 has no longer the old discovery: give discovery_endpoints",
        ),
        (
            replace(THREE, release=ReleasePlan("", Source.TARBALL, "/t")),
            "release.version: expected the version that is in it, such as 3.5.21",
        ),
        (
            replace(THREE, release=ReleasePlan("3.5.21", Source.TARBALL, "/t", "abc")),
            "release.sha256: expected 64 hexadecimal digits in lower case",
        ),
        (
            replace(THREE, release=ReleasePlan("3.3.1", Source.TARBALL, "/t")),
            "version: etcd 3.3.1: the console brings up 3.4 and newer",
        ),
        (
            KubeBootstrap(image="etcd:latest"),
            "version: etcd:latest: its tag does not tell which etcd it is: say version",
        ),
        (KubeBootstrap(storage="8 GB"), "storage: '8 GB': expected a quantity such as 8Gi or 100m"),
        (
            KubeBootstrap(tls=Tls.GIVEN),
            "secrets: expected the Secrets for clients and for peers, for tls: given",
        ),
        (
            KubeBootstrap(tls=Tls.AUTO),
            "tls: auto: nobody outside a pod could check what etcd makes there: take made",
        ),
    ],
)
def test_what_cannot_be_is_said_at_its_place(plan: Bootstrap, said: str) -> None:
    problem = first(problems(plan))
    assert problem is not None
    assert sentence(problem) == said


@pytest.mark.parametrize(
    ("plan", "advice"),
    [
        (
            replace(
                THREE, release=ReleasePlan("3.5.21", Source.URL, "http://x/etcd-v3.5.12-linux-amd64.tar.gz")
            ),
            "3.5.21, and by its name the tarball is etcd 3.5.12",
        ),
        (KubeBootstrap(members=1), "one voter"),
        (KubeBootstrap(members=2), "2 voters: that fails with either of the two"),
        (KubeBootstrap(members=4), "4 voters: that survives no more failures than 3"),
        (KubeBootstrap(members=9), "seven are enough"),
        (KubeBootstrap(auth=True), "plain text"),
        (KubeBootstrap(storage=""), "no claims"),
        (KubeBootstrap(version="3.5.1"), "etcd 3.5.1 can corrupt its data"),
        (replace(THREE, tls=Tls.AUTO), "for a trial only"),
        (replace(THREE, account="root"), "etcd needs no root"),
        (replace(THREE, release=ReleasePlan("3.5.21", Source.URL, "https://x")), "not checked"),
        (line(1, peer_port=1000), "below 1024 only root may listen"),
    ],
)
def test_what_could_be_better_forbids_nothing(plan: Bootstrap, advice: str) -> None:
    found = problems(plan)
    assert first(found) is None
    assert any(advice in problem.text for problem in found)


def test_the_version_is_told_by_the_image() -> None:
    assert version_of(KubeBootstrap(image="reg:5000/etcd:v3.4.29")) == (3, 4, 29)
    assert version_of(KubeBootstrap(image="reg:5000/etcd")) is None


def test_hosts_as_they_are_written() -> None:
    words = ("a", "u@a", "u@a:22", "10.0.0.1:22", "[::1]:22", "fe80::1")
    assert [bare_host(w) for w in words] == ["a", "a", "a", "10.0.0.1", "::1", "fe80::1"]


def test_settings_of_a_founding_and_of_a_founded_member() -> None:
    member = THREE.members[0]
    new = settings.host_settings(THREE, member, "prod", founded=False)
    whole = "m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380"
    assert new["initial-cluster"] == whole
    assert (new["initial-cluster-state"], new["name"], new["data-dir"]) == ("new", "m1", "/var/lib/etcd/m1")
    assert new["listen-client-urls"] == "http://10.0.0.1:2379,http://127.0.0.1:2379"
    srv = replace(THREE, meeting=Meeting(Discovery.SRV, "example.net."))
    assert settings.host_settings(srv, member, "prod", founded=False)["discovery-srv"] == "example.net"
    after = settings.host_settings(srv, member, "prod", founded=True)
    assert (after["initial-cluster"], after["initial-cluster-state"]) == (whole, "existing")
    assert "discovery-srv" not in after


def test_a_name_is_no_address_to_listen_on() -> None:
    plan = line(0, address="etcd-1.example.net")
    found = settings.host_settings(plan, plan.members[0], "prod", founded=False)
    assert found["listen-peer-urls"] == "http://0.0.0.0:2380"
    assert found["advertise-client-urls"] == "http://etcd-1.example.net:2379"
    six = line(0, address="fd00::1")
    found = settings.host_settings(six, six.members[0], "prod", founded=False)
    assert found["listen-client-urls"] == "http://[fd00::1]:2379,http://127.0.0.1:2379"


def test_another_table_has_another_token() -> None:
    tokens = {settings.token_of(plan, "prod") for plan in (THREE, line(1, peer_port=3380), line(1, name="x"))}
    assert len(tokens) == 3
    assert settings.token_of(replace(THREE, token="t"), "prod") == "t"


def test_flags_say_the_same_as_the_file() -> None:
    plan = replace(THREE, tls=Tls.MADE, settings={"quota-backend-bytes": 8, "pre-vote": True})
    flags = settings.as_flags(settings.host_settings(plan, plan.members[0], "prod", founded=False))
    assert {
        "--cert-file=/etc/etcd/tls/m1/server.pem",
        "--client-cert-auth=true",
        "--peer-trusted-ca-file=/etc/etcd/tls/m1/peer-ca.pem",
        "--quota-backend-bytes=8",
        "--pre-vote=true",
    } <= set(flags)
    service = replace(THREE, meeting=Meeting(Discovery.SERVICE, endpoints=("http://a:1", "http://b:1")))
    flags = settings.as_flags(settings.host_settings(service, THREE.members[0], "prod", founded=False))
    token = settings.token_of(service, "prod")
    assert {"--discovery-endpoints=http://a:1,http://b:1", f"--discovery-token={token}"} <= set(flags)


def test_the_records_of_dns_name_every_member_twice() -> None:
    plan = replace(
        line(0, address="e1.example.net"), tls=Tls.MADE, meeting=Meeting(Discovery.SRV, "example.net")
    )
    records = settings.srv_records(plan)
    assert len(records) == 6
    assert records[0] == "_etcd-server-ssl._tcp.example.net. 300 IN SRV 0 0 2380 e1.example.net."
