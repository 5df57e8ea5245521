"""Certificates that the operator brings: every fault is one sentence naming the file."""

from __future__ import annotations

import base64
import datetime
from dataclasses import replace
from pathlib import Path

from etcdtui.model.bootstrap import Discovery, GivenTls, HostsBootstrap, Meeting, MemberPlan, Tls
from etcdtui.sites.kube.preflight import secret_faults
from etcdtui.sites.pki import Names, Pair, issue, make_ca
from etcdtui.sites.pki_store import utc_now
from etcdtui.sites.ssh.brought import client_faults, faults

MEMBER = MemberPlan("a", "m1", "10.0.0.1")


def put(root: Path, name: str, pair: Pair) -> tuple[str, str]:
    cert, key = root / f"{name}.pem", root / f"{name}-key.pem"
    cert.write_bytes(pair.cert)
    key.write_bytes(pair.key)
    return str(cert), str(key)


def test_every_fault_is_told(tmp_path: Path) -> None:
    now = utc_now()
    ca, other = make_ca("one", now), make_ca("two", now)
    trusted, _ = put(tmp_path, "ca", ca)
    strange, _ = put(tmp_path, "strange", other)
    names = Names("m1", ("10.0.0.1", "*.example.net"), server=True)
    cert, _ = put(tmp_path, "m1", issue(ca, names, now))
    _, wrong_key = put(tmp_path, "m2", issue(ca, names, now))
    client, client_key = put(tmp_path, "client", issue(ca, replace(names, server=False), now))
    plan = HostsBootstrap(members=(MEMBER,), tls=Tls.GIVEN)

    def said(
        given: GivenTls, member: MemberPlan = MEMBER, days: float = 0, by: HostsBootstrap = plan
    ) -> list[str]:
        at = now + datetime.timedelta(days=days)
        return [f"{'✖' if bad else '▲'} {text}" for bad, text in faults(replace(by, given=given), member, at)]

    good = GivenTls(trusted, str(tmp_path / "{name}.pem"), str(tmp_path / "{name}-key.pem"))
    assert said(good) == []
    assert said(good, replace(MEMBER, address="b.example.net")) == []
    has = "its subjectAltName has *.example.net, 10.0.0.1"
    for address in ("10.0.0.2", "a.b.example.net", "example.net"):
        there = said(good, replace(MEMBER, address=address))
        assert there == [f"✖ {cert}: it is not valid for {address}: {has}"]
    srv = replace(plan, meeting=Meeting(Discovery.SRV, domain="example.org."))
    assert said(good, by=srv) == [f"✖ {cert}: it is not valid for example.org: {has}"]
    assert said(replace(good, key=wrong_key)) == [
        f"✖ {wrong_key}: this key does not belong to the certificate {cert}"
    ]
    assert said(replace(good, ca=strange)) == [f"✖ {cert}: the CA in {strange} has not issued it"]
    assert said(replace(good, cert=client, key=client_key)) == [
        f"✖ {client}: it is not for servers (extendedKeyUsage serverAuth)"
    ]
    ends = now + datetime.timedelta(days=1825)
    assert said(good, days=1800) == [f"▲ {cert}: it expires on {ends:%Y-%m-%d}"]
    assert said(good, days=1826) == [f"✖ {cert}: it expired on {ends:%Y-%m-%d %H:%M} UTC"]
    begins = now - datetime.timedelta(minutes=5)
    assert said(good, days=-1) == [f"✖ {cert}: it is not valid before {begins:%Y-%m-%d %H:%M} UTC"]
    (words,) = said(replace(good, peer_ca=str(tmp_path / "none.pem")))
    assert words.startswith(f"✖ {tmp_path}/none.pem: cannot read CA certificates")
    mine = issue(ca, Names("op"), now).cert
    assert client_faults(replace(plan, given=good), mine, now) == ()
    assert client_faults(plan, issue(other, Names("op"), now).cert, now) == ()
    assert client_faults(replace(plan, given=good), issue(other, Names("op"), now).cert, now) == (
        f"tls: your own certificate: the CA in {trusted}, whom the members trust, has not issued it",
    )
    (tmp_path / "m1.pem").write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    assert "damaged certificate or key" in said(good)[0]


def test_so_are_those_of_a_secret() -> None:
    ca = make_ca("one", utc_now())
    pair = issue(ca, Names("etcd", ("*.etcd.kv.svc.cluster.local",), server=True), utc_now())
    files = {"ca.crt": ca.cert, "tls.crt": pair.cert, "tls.key": pair.key}

    def said(host: str = "etcd-0.etcd.kv.svc.cluster.local", name: str = "", text: bytes = b"") -> list[str]:
        found = {**files, name: text}
        data = {key: base64.b64encode(value).decode() for key, value in found.items() if value}
        return list(secret_faults("Secret kv/mine", {"data": data}, [host], peer=True))

    assert said() == []
    assert said(name="tls.key") == ["Secret kv/mine: expected ca.crt, tls.crt, tls.key"]
    assert said(name="tls.key", text=ca.key) == [
        "Secret kv/mine: tls.key: this key does not belong to the certificate Secret kv/mine: tls.crt"
    ]
    assert said(name="tls.crt", text=b"x")[0].startswith("Secret kv/mine: tls.crt, Secret kv/mine: tls.key")
    assert "it is not valid for etcd-0.other: its subjectAltName has *.etcd." in said("etcd-0.other")[0]
