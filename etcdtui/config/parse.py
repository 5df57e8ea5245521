"""Turns the keys of a configuration file into the typed settings, one function a mapping."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import yaml

from etcdtui.config.profiles import (
    DEMO,
    NAME,
    NAME_HAS,
    ChangeLock,
    Config,
    EndpointsProfile,
    HostTls,
    KubeProfile,
    LocalProfile,
    Profile,
    SshHost,
    SshProfile,
    TlsPaths,
    UiSettings,
)
from etcdtui.config.tree import Tree, did_you_mean
from etcdtui.config.values import MAX_NODES

if TYPE_CHECKING:
    from etcdtui.model.bootstrap import HostsBootstrap, KubeBootstrap

Actions = Callable[[], Collection[str]]

TOP_KEYS = ("default", "profiles", "ui")
UI_KEYS = tuple(f.name for f in dataclasses.fields(UiSettings))
LOCK_KEYS = tuple(f.name for f in dataclasses.fields(ChangeLock))
SSH_HOST_KEYS = tuple(f.name for f in dataclasses.fields(SshHost))
HOST_TLS_KEYS = tuple(f.name for f in dataclasses.fields(HostTls))
TLS_KEYS = tuple(f.name for f in dataclasses.fields(TlsPaths))


def profile_keys(profile: type[Profile]) -> tuple[str, ...]:
    """The keys a profile of that kind may have in the file."""
    return ("kind", *(f.name for f in dataclasses.fields(profile) if f.name != "name"))


def parse(tree: Tree, file: Path, actions: Actions | None) -> Config:
    """A whole file."""
    tree.only(TOP_KEYS)
    ui = tree.child("ui")
    found = tree.child("profiles")
    profiles = {name: profile(name, child) for name, child in found.children()} if found else {}
    default = tree.text("default", "the name of a profile")
    if default and default != DEMO and default not in profiles:
        known = did_you_mean(default, {*profiles, DEMO})
        tree.fail(f"there is no profile {default!r}{known}", name="default", got=False)
    return Config(ui_settings(ui, actions) if ui else UiSettings(), profiles, default, file)


def ui_settings(tree: Tree, actions: Actions | None) -> UiSettings:
    """The mapping ``ui``."""
    tree.only(UI_KEYS)
    standard = UiSettings()
    keymap = tree.child("keymap")
    return UiSettings(
        theme=tree.text("theme", "the name of a theme"),
        refresh=tree.seconds("refresh") or standard.refresh,
        timeout=tree.seconds("timeout") or standard.timeout,
        keymap=_keymap(keymap, actions) if keymap else {},
        read_only=tree.boolean("read_only"),
    )


def _keymap(tree: Tree, actions: Actions | None) -> dict[str, str]:
    if actions is not None:
        known = actions()
        for name, (node, _) in tree.items.items():
            if name not in known:
                tree.fail(f"unknown action{did_you_mean(name, known)}", node, name, got=False)
    return {name: _keys(tree, name) for name in tree.items}


def _keys(tree: Tree, name: str) -> str:
    node = tree.items[name][1]
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    keys: list[str] = []
    for item in items:
        # A digit is a key too, so the scalar is taken as it was written, whatever YAML makes of it.
        words = item.value.split(",") if isinstance(item, yaml.ScalarNode) else [""]
        keys += [word.strip() for word in words]
    if not keys or any(not key or " " in key for key in keys):
        tree.fail("expected a key or a list of keys, such as ctrl+r or [q, f10]", name=name, got=False)
    return ",".join(keys)


class _Common(TypedDict):
    name: str
    description: str
    refresh: float | None
    timeout: float | None
    read_only: bool
    change_lock: ChangeLock


def profile(name: str, tree: Tree) -> Profile:
    """One mapping of ``profiles``."""
    if not re.fullmatch(NAME, name):
        tree.fail(f"expected a name of {NAME_HAS}", got=False)
    kind = tree.text("kind", "one of " + ", ".join(KINDS))
    if not kind:
        tree.fail(f"expected a key kind, one of {', '.join(KINDS)}", got=False)
    if kind not in KINDS:
        tree.fail(f"unknown kind of profile{did_you_mean(kind, KINDS)}", name="kind", got=False)
    cls, build = KINDS[kind]
    tree.only(profile_keys(cls))
    common = _Common(
        name=name,
        description=tree.text("description"),
        refresh=tree.seconds("refresh"),
        timeout=tree.seconds("timeout"),
        read_only=tree.boolean("read_only"),
        change_lock=_change_lock(lock) if (lock := tree.child("change_lock")) else ChangeLock(),
    )
    return build(tree, common)


def _change_lock(tree: Tree) -> ChangeLock:
    tree.only(LOCK_KEYS)
    standard = ChangeLock()
    return ChangeLock(
        enabled=tree.boolean("enabled") if tree.has("enabled") else standard.enabled,
        key=tree.text("key", "a key of etcd", standard.key),
        ttl=tree.integer("ttl", 2, 3600) or standard.ttl,
    )


def _local(tree: Tree, common: _Common) -> Profile:
    return LocalProfile(
        **common,
        directory=tree.path("directory"),
        nodes=tree.integer("nodes", 1, MAX_NODES),
        binary=tree.path("binary"),
        keep=tree.boolean("keep"),
    )


class _Client(TypedDict):
    tls: TlsPaths | None
    user: str
    password: str | None
    password_file: Path | None
    password_command: tuple[str, ...]


def _client(tree: Tree) -> _Client:
    """The keys of `ClientProfile`."""
    tls = tree.child("tls")
    given = [key for key in ("password", "password_file", "password_command") if tree.has(key)]
    if len(given) > 1:
        tree.fail(f"expected only one of {' and '.join(given)}", name=given[1], got=False)
    if given and not tree.has("user"):
        tree.fail("expected a key user beside it", name=given[0], got=False)
    return _Client(
        tls=_tls(tls) if tls else None,
        user=tree.text("user", "the name of an etcd user"),
        password=tree.text("password", "a password") or None,
        password_file=tree.path("password_file"),
        password_command=tree.texts("password_command", "a list of a command and its arguments"),
    )


def _endpoints(tree: Tree, common: _Common) -> Profile:
    endpoints = tree.endpoints("endpoints")
    if not endpoints:
        tree.fail("expected a key endpoints with a list of host:port", got=False)
    return EndpointsProfile(**common, **_client(tree), endpoints=endpoints)


def _tls(tree: Tree) -> TlsPaths:
    tree.only(TLS_KEYS)
    _pair(tree)
    server_name = tree.text("server_name", "a host name")
    return TlsPaths(tree.path("ca"), tree.path("cert"), tree.path("key"), server_name)


JUMP_EXPECTED = "a jump host, or a list of them, as [user@]host[:port]"


def _ssh(tree: Tree, common: _Common) -> Profile:
    hosts = tree.texts("hosts", "a list of hosts")
    if not hosts:
        tree.fail("expected a key hosts with a list of hosts", got=False)
    tls, on_host, to_be = tree.child("tls"), tree.child("host_tls"), tree.child("bootstrap")
    if tls and on_host:
        tree.fail("expected only one of tls and host_tls", name="host_tls", got=False)
    if tree.has("etcd_password_file") and tree.has("etcd_password_command"):
        tree.fail("expected only one of etcd_password_file and etcd_password_command",
                  name="etcd_password_command", got=False)  # fmt: skip
    settings = tree.child("host_settings")
    one = _ssh_host(tree)
    return SshProfile(
        **common,
        hosts=hosts,
        jump=one.jump or (),
        **{key: getattr(one, key) for key in SSH_HOST_KEYS if key not in ("address", "jump")},
        identities_only=tree.boolean("identities_only"),
        known_hosts=tree.path("known_hosts"),
        strict_host_keys=tree.boolean("strict_host_keys") if tree.has("strict_host_keys") else None,
        ssh_config=tree.path("ssh_config"),
        connect_timeout=tree.seconds("connect_timeout"),
        alive_interval=tree.seconds("alive_interval"),
        host_settings={n: _ssh_host(c, SSH_HOST_KEYS) for n, c in settings.children()} if settings else {},
        discover=tree.boolean("discover"),
        sudo=tree.boolean("sudo") if tree.has("sudo") else True,
        etcdctl=tree.boolean("etcdctl"),
        tls=_tls(tls) if tls else None,
        host_tls=_host_tls(on_host) if on_host else None,
        etcd_user=tree.text("etcd_user", "the name of an etcd user"),
        etcd_password_file=tree.path("etcd_password_file"),
        etcd_password_command=tree.texts("etcd_password_command", "a list of a command and its arguments"),
        bootstrap=_hosts_bootstrap(to_be, hosts, bool(tls or on_host)) if to_be else None,
    )


def _pair(tree: Tree) -> None:
    for one, other in (("cert", "key"), ("key", "cert")):
        if tree.has(one) and not tree.has(other):
            tree.fail(f"expected a key {other} beside it", name=one, got=False)


def _ssh_host(tree: Tree, known: Collection[str] = ()) -> SshHost:
    """What may be said of all hosts and of one; `known` checks the keys of one."""
    if known:
        tree.only(known)
    empty = tree.has("jump") and isinstance(tree.items["jump"][1], yaml.SequenceNode)
    jump = () if empty and not tree.items["jump"][1].value else tree.texts("jump", JUMP_EXPECTED, one=True)
    ways = [key for key in ("unit", "manifest", "pid_file") if tree.has(key)]
    if len(ways) > 1:
        tree.fail(f"expected only one of {' and '.join(ways)}", name=ways[1], got=False)
    return SshHost(
        address=tree.text("address", "a host name or address") if known else "",
        user=tree.text("user", "the name of an account"),
        port=tree.integer("port", 1, 65535),
        identity_file=tree.path("identity_file"),
        certificate_file=tree.path("certificate_file"),
        jump=jump if tree.has("jump") else None,
        proxy_command=tree.text("proxy_command", "a command"),
        unit=tree.text("unit", "the name of a systemd unit"),
        manifest=tree.text("manifest", "a path on the host"),
        pid_file=tree.text("pid_file", "a path on the host"),
        command=tree.texts("command", "a list of a command and its arguments"),
        log_file=tree.text("log_file", "a path on the host"),
    )


def _host_tls(tree: Tree) -> HostTls:
    tree.only(HOST_TLS_KEYS)
    _pair(tree)
    ca, cert, key = (tree.text(name, "a path on the host") for name in ("ca", "cert", "key"))
    return HostTls(ca, cert, key, tree.text("server_name", "a host name"))


def _kube(tree: Tree, common: _Common) -> Profile:
    if tree.has("tls") and tree.has("tls_secret"):
        tree.fail("expected only one of tls and tls_secret", name="tls_secret", got=False)
    to_be = tree.child("bootstrap")
    if tree.boolean("static_pods") and (tree.has("statefulset") or to_be):
        tree.fail("static_pods goes with neither statefulset nor bootstrap", name="static_pods", got=False)
    return KubeProfile(
        **common,
        **_client(tree),
        context=tree.text("context", "the name of a kubeconfig context"),
        namespace=tree.text("namespace", "the name of a namespace"),
        statefulset=tree.text("statefulset", "the name of a StatefulSet"),
        static_pods=tree.boolean("static_pods"),
        kubeconfig=tree.path("kubeconfig"),
        tls_secret=tree.text("tls_secret", "the name of a Secret"),
        helper_image=tree.text("helper_image", "an image with a shell"),
        bootstrap=_kube_bootstrap(to_be, tree.has("tls") or tree.has("tls_secret")) if to_be else None,
    )


def _hosts_bootstrap(tree: Tree, hosts: tuple[str, ...], client: bool) -> HostsBootstrap:
    # Few profiles have it, and a launch pays for what it uses.
    from etcdtui.config.bootstrap import hosts_bootstrap

    return hosts_bootstrap(tree, hosts, client=client)


def _kube_bootstrap(tree: Tree, client: bool) -> KubeBootstrap:
    from etcdtui.config.bootstrap import kube_bootstrap

    return kube_bootstrap(tree, client=client)


KINDS: dict[str, tuple[type[Profile], Callable[[Tree, _Common], Profile]]] = {
    "local": (LocalProfile, _local),
    "endpoints": (EndpointsProfile, _endpoints),
    "ssh": (SshProfile, _ssh),
    "kube": (KubeProfile, _kube),
}
