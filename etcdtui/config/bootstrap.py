"""The mapping ``bootstrap`` of a profile: a cluster that is to be, read from the file and checked."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TypeVar

import yaml

from etcdtui.config.tree import Tree, did_you_mean
from etcdtui.model import bootstrap_checks as checks
from etcdtui.model.bootstrap import (
    CLIENT_PORT,
    PEER_PORT,
    Bootstrap,
    Discovery,
    GivenTls,
    HostsBootstrap,
    KubeBootstrap,
    Meeting,
    MemberPlan,
    ReleasePlan,
    Runner,
    Setting,
    Source,
    Spread,
    Tls,
    bare_host,
)

_Word = TypeVar("_Word", bound=StrEnum)
_COMMON = ("token", "tls", "auth", "settings")
_MEETING = ("discovery", "srv_domain", "discovery_url", "discovery_endpoints", "discovery_token")
HOSTS_KEYS = (
    *_COMMON, *_MEETING, "members", "given", "release",
    "run", "unit", "data_dir", "config_dir", "install_dir", "account",
)  # fmt: skip
KUBE_KEYS = (
    *_COMMON,
    *(
        f.name
        for f in dataclasses.fields(KubeBootstrap)
        if f.name not in {g.name for g in dataclasses.fields(Bootstrap)}
    ),
)
MEMBER_KEYS = tuple(f.name for f in dataclasses.fields(MemberPlan))
GIVEN_KEYS = tuple(f.name for f in dataclasses.fields(GivenTls))
RELEASE_KEYS = ("version", "sha256", *Source)


def hosts_bootstrap(tree: Tree, hosts: tuple[str, ...], *, client: bool) -> HostsBootstrap:
    """A new cluster on hosts.

    Args:
        hosts: the profile's; each gets a member unless a table says otherwise.
        client: whether the profile names a client certificate.
    """
    tree.only(HOSTS_KEYS)
    standard = HostsBootstrap()
    given, release = tree.child("given"), tree.child("release")
    plan = HostsBootstrap(
        token=tree.text("token", "a word"),
        tls=_word(tree, "tls", Tls, Tls.NONE),
        auth=tree.boolean("auth"),
        settings=_settings(tree),
        members=_members(tree, hosts),
        meeting=_meeting(tree),
        given=_given(given) if given else GivenTls(),
        release=_release(release) if release else ReleasePlan(),
        runner=_word(tree, "run", Runner, Runner.SYSTEMD),
        unit=_unit(tree.text("unit", "the name of a systemd unit", standard.unit)),
        data_dir=tree.text("data_dir", "a path on the hosts", standard.data_dir),
        config_dir=tree.text("config_dir", "a path on the hosts", standard.config_dir),
        install_dir=tree.text("install_dir", "a path on the hosts", standard.install_dir),
        account=tree.text("account", "the name of an account", standard.account),
    )
    return _checked(tree, plan, client)


def kube_bootstrap(tree: Tree, *, client: bool) -> KubeBootstrap:
    """A new cluster as a StatefulSet; `client` as in `hosts_bootstrap`."""
    tree.only(KUBE_KEYS)
    standard = KubeBootstrap()
    run_as = tree.integer("run_as", 0, 2**31 - 1)
    secrets = tree.texts("secrets", "two Secrets, that for clients and that for peers")
    if tree.has("secrets") and len(secrets) != 2:
        tree.fail("expected two Secrets, that for clients and that for peers", name="secrets", got=False)
    plan = KubeBootstrap(
        token=tree.text("token", "a word"),
        tls=_word(tree, "tls", Tls, Tls.NONE),
        auth=tree.boolean("auth"),
        settings=_settings(tree),
        members=tree.integer("members", 1, 99) or standard.members,
        image=tree.text("image", "an image", standard.image),
        version=tree.text("version", "etcd's version in quotes"),
        storage=_unless_none(tree, "storage", standard.storage),
        storage_class=tree.text("storage_class", "the name of a StorageClass"),
        cpu=tree.text("cpu", "a quantity such as 100m", standard.cpu),
        memory=tree.text("memory", "a quantity such as 256Mi", standard.memory),
        memory_limit=tree.text("memory_limit", "a quantity such as 2Gi"),
        spread=_word(tree, "spread", Spread, Spread.PREFERRED),
        run_as=standard.run_as if run_as is None else run_as,
        secrets=(secrets[0], secrets[1]) if secrets else ("", ""),
        cluster_domain=tree.text("cluster_domain", "a domain", standard.cluster_domain),
    )
    return _checked(tree, plan, client)


_Plan = TypeVar("_Plan", HostsBootstrap, KubeBootstrap)


def _checked(tree: Tree, plan: _Plan, client: bool) -> _Plan:
    """The plan, when nothing forbids it; else ConfigError at the key that does."""
    if plan.tls is Tls.GIVEN and not client:
        where = "tls or tls_secret" if isinstance(plan, KubeBootstrap) else "tls"
        text = f"the members will ask every client for a certificate: name yours as {where} of the profile"
        tree.fail(text, name="tls", got=False)
    problem = checks.first(checks.problems(plan))
    if problem is not None:
        key = problem.where.partition(".")[0].partition("[")[0]
        tree.fail(problem.text, name=key, got=False, dotted=problem.where)
    return plan


def _word(tree: Tree, name: str, words: type[_Word], default: _Word) -> _Word:
    text = tree.text(name, "one of " + ", ".join(words), default)
    if text not in list(words):
        tree.fail(f"expected one of {', '.join(words)}{_near(text, words)}", name=name, got=False)
    return words(text)


def _near(text: str, words: type[_Word]) -> str:
    near = did_you_mean(text, [str(word) for word in words])
    return near if near.startswith("; did") else ""


def _unless_none(tree: Tree, name: str, default: str) -> str:
    value = tree.text(name, "a quantity such as 8Gi, or none", default)
    return "" if value == "none" else value


def _unit(name: str) -> str:
    return name if name.endswith(".service") else f"{name}.service"


def _members(tree: Tree, hosts: tuple[str, ...]) -> tuple[MemberPlan, ...]:
    if not tree.has("members"):
        return tuple(MemberPlan(host, bare_host(host)) for host in hosts)
    return tuple(_member(line, hosts) for line in tree.mappings("members", "a list of members"))


def _member(tree: Tree, hosts: tuple[str, ...]) -> MemberPlan:
    tree.only(MEMBER_KEYS)
    host = tree.text("host", "one of the profile's hosts")
    if not host:
        tree.fail("expected a key host", got=False)
    if host not in hosts:
        tree.fail(f"is none of the profile's hosts{did_you_mean(host, hosts)}", name="host", got=False)
    return MemberPlan(
        host=host,
        name=tree.text("name", "a name", bare_host(host)),
        address=tree.text("address", "a host name or address"),
        client_port=tree.integer("client_port", 1, 65535) or CLIENT_PORT,
        peer_port=tree.integer("peer_port", 1, 65535) or PEER_PORT,
    )


def _meeting(tree: Tree) -> Meeting:
    return Meeting(
        by=_word(tree, "discovery", Discovery, Discovery.STATIC),
        domain=tree.text("srv_domain", "a domain"),
        url=tree.text("discovery_url", "the URL that the discovery service gave"),
        endpoints=tree.endpoints("discovery_endpoints"),
        token=tree.text("discovery_token", "a word"),
    )


def _given(tree: Tree) -> GivenTls:
    tree.only(GIVEN_KEYS)
    return GivenTls(**{key: str(path) if (path := tree.path(key)) else "" for key in GIVEN_KEYS})


def _release(tree: Tree) -> ReleasePlan:
    tree.only(RELEASE_KEYS)
    said = [source for source in Source if tree.has(source)]
    if len(said) > 1:
        tree.fail(f"expected only one of {' and '.join(said)}", name=said[1], got=False)
    source = said[0] if said else Source.THERE
    where = str(tree.path(source) or "") if source is Source.TARBALL else tree.text(source, "where it is")
    return ReleasePlan(
        version=tree.text("version", "etcd's version in quotes").removeprefix("v"),
        source=source,
        where=where,
        sha256=tree.text("sha256", "the tarball's checksum").lower(),
    )


def _settings(tree: Tree) -> dict[str, Setting]:
    """Further settings of etcd: plain values only."""
    found = tree.child("settings")
    out: dict[str, Setting] = {}
    for name, (_, node) in found.items.items() if found else ():
        assert found is not None  # noqa: S101  # without it there is nothing to go through
        if not isinstance(node, yaml.ScalarNode) or not found.has(name):
            found.fail("expected a text, a number, true or false", node, name)
        value = yaml.safe_load(yaml.serialize(node))
        if not isinstance(value, Setting):
            found.fail("expected a text, a whole number, true or false", node, name)
        out[name] = value
    return out
