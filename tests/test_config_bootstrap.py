"""The mapping ``bootstrap`` of a profile: what it gives, and the one line for every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.config import KubeProfile, SshProfile, load
from etcdtui.model.bootstrap import Discovery, MemberPlan, ReleasePlan, Runner, Source, Spread, Tls
from tests.test_config import complaint, write

SSH = "profiles: {p: {kind: ssh, hosts: [u@a:22, b, c], bootstrap: {%s}}}\n"
KUBE = "profiles: {p: {kind: kube, bootstrap: {%s}}}\n"


def test_hosts_give_the_plan_table_unless_there_is_one(tmp_path: Path) -> None:
    profile = load(write(tmp_path, SSH % "run: process, tls: made")).profiles["p"]
    assert isinstance(profile, SshProfile)
    plan = profile.bootstrap
    assert plan is not None
    assert plan.members == (MemberPlan("u@a:22", "a"), MemberPlan("b", "b"), MemberPlan("c", "c"))
    assert (plan.runner, plan.tls, plan.meeting.by) == (Runner.PROCESS, Tls.MADE, Discovery.STATIC)
    text = (
        "members: [{host: b, name: x, address: 10.0.0.1, client_port: 3379, peer_port: 3380}], "
        "release: {version: v3.5.21, tarball: e.tgz, sha256: %s}, unit: kv, settings: {a: 1, b: yes, c: 1h}"
    )
    profile = load(write(tmp_path, SSH % (text % ("AB" * 32)))).profiles["p"]
    assert isinstance(profile, SshProfile)
    plan = profile.bootstrap
    assert plan is not None
    assert plan.members == (MemberPlan("b", "x", "10.0.0.1", 3379, 3380),)
    assert plan.release == ReleasePlan("3.5.21", Source.TARBALL, str(tmp_path / "e.tgz"), "ab" * 32)
    assert plan.unit == "kv.service"
    assert plan.settings == {"a": 1, "b": True, "c": "1h"}


def test_a_stateful_set(tmp_path: Path) -> None:
    text = "members: 5, image: 'e:v3.4.29', storage: none, spread: required, run_as: 0"
    profile = load(write(tmp_path, KUBE % text)).profiles["p"]
    assert isinstance(profile, KubeProfile)
    plan = profile.bootstrap
    assert plan is not None
    assert (plan.members, plan.storage, plan.spread, plan.run_as) == (5, "", Spread.REQUIRED, 0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SSH % "tsl: made", "tsl: unknown key; did you mean tls?"),
        (SSH % "tls: mad", "tls: expected one of none, given, made, auto; did you mean made?"),
        (
            SSH % "tls: given, given: {ca: a, cert: b, key: c}",
            "tls: the members will ask every client for a certificate: name yours as tls of the profile",
        ),
        (SSH % "members: 3", "members: expected a list of members, got a number"),
        (
            SSH % "members: [{host: d}]",
            "members[0].host: is none of the profile's hosts; there is b, c, u@a:22",
        ),
        (SSH % "members: [{name: d}]", "members[0]: expected a key host"),
        (
            SSH % "members: [{host: b, peer_port: 2379}]",
            "members[0].peer_port: 2379 on b is taken by b's client port",
        ),
        (
            SSH % "release: {url: x, tarball: y}",
            "release.url: expected only one of tarball and url",
        ),
        (
            SSH % "settings: {a: [1]}",
            "settings.a: expected a text, a number, true or false, got a list",
        ),
        (SSH % "settings: {name: a}", "settings.name: this one is made from the plan table"),
        (
            KUBE % "secrets: [a]",
            "secrets: expected two Secrets, that for clients and that for peers",
        ),
        (
            KUBE % "tls: given, secrets: [a, b]",
            "tls: the members will ask every client for a certificate: name yours as tls or tls_secret of "
            "the profile",
        ),
        (KUBE % "members: 0", "members: expected a whole number from 1 to 99, got 0"),
        (
            KUBE % "version: 3.5",
            "version: expected etcd's version in quotes, got a number (put it in quotes)",
        ),
    ],
)
def test_every_mistake_is_one_line_at_its_key(tmp_path: Path, text: str, line: str) -> None:
    assert complaint(tmp_path, text) == f"config.yaml:1: profiles.p.bootstrap.{line}"
