"""Which cluster the command line means: a profile of the configuration, or one made from the arguments."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from etcdtui.cli.printing import complain
from etcdtui.config import (
    Config,
    EndpointsProfile,
    KubeProfile,
    LocalProfile,
    Profile,
    SshProfile,
    TlsPaths,
    UiSettings,
    find_file,
    load,
    values,
)
from etcdtui.config.profiles import DEMO
from etcdtui.errors import UsageError
from etcdtui.sites.etcdctl_env import EtcdctlEnvironment, etcdctl_environment, split_user

_PLAIN = ("cacert", "cert", "key", "server_name", "user")


def read_config(args: argparse.Namespace, *, check_keymap: bool = False, required: bool = True) -> Config:
    """The configuration; its warnings go to stderr. Raises ConfigError.

    Args:
        required: whether a file that somebody named must be there.
    """
    file, named = find_file(args.config)
    config = load(file, required=named and required, actions=keymap_ids if check_keymap else None)
    for warning in config.warnings:
        complain(f"warning: {warning}")
    return config


def keymap_ids() -> frozenset[str]:
    """What ``ui.keymap`` may name: the console's own ids and ``action.<id>`` of every action."""
    from etcdtui.ops.registry import ACTIONS
    from etcdtui.ui.keymap import KEYMAP_IDS

    return KEYMAP_IDS | {f"action.{action.id}" for action in ACTIONS}


def choose(args: argparse.Namespace, config: Config, environ: Mapping[str, str] = os.environ) -> Profile:
    """The one cluster that is meant. Raises UsageError naming the profiles there are."""
    profile, image = _meant(args, config, environ), getattr(args, "helper_image", None)
    if not image:
        return profile
    if not isinstance(profile, KubeProfile):
        raise UsageError("--helper-image goes with --context or a profile of kind kube only")
    return dataclasses.replace(profile, helper_image=image)


def _meant(args: argparse.Namespace, config: Config, environ: Mapping[str, str]) -> Profile:
    ways = {
        f"the profile {args.profile}": args.profile,
        "--local": args.local,
        "--endpoints": args.endpoints,
        "--ssh": getattr(args, "ssh", None),
        "--context": args.context,
    }
    given = [way for way, value in ways.items() if value]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} name two clusters", "give one of them")
    _only_with(args, ("dir",), "--local", args.local)
    _only_with(args, ("jump",), "--ssh", getattr(args, "ssh", None))
    _only_with(args, ("namespace", "statefulset", "static_pods", "tls_secret"), "--context", args.context)
    if args.profile:
        _only_with(args, _PLAIN, "--endpoints", None)
        return by_name(args.profile, config)
    if getattr(args, "ssh", None):
        return _ssh(args)
    if args.context:
        return _kube(args)
    if args.local:
        return local(args.dir)
    if not args.endpoints and not any(getattr(args, name) for name in _PLAIN) and config.default:
        return by_name(config.default, config)
    return _plain(args, config, environ)


def _ssh(args: argparse.Namespace) -> SshProfile:
    """Hosts of the command line."""
    given = args.cacert or args.cert or args.key or args.server_name
    user, password = split_user(args.user, "") if args.user else ("", "")
    if password:
        raise UsageError("--user with --ssh takes a name alone", "set ETCDCTL_PASSWORD, or wait to be asked")
    return SshProfile(
        name=args.ssh[0],
        hosts=args.ssh,
        jump=args.jump or (),
        tls=_files(args.cacert, args.cert, args.key, args.server_name or "") if given else None,
        etcd_user=user,
    )


def _kube(args: argparse.Namespace) -> KubeProfile:
    """A StatefulSet of the command line."""
    if args.statefulset and args.static_pods:
        raise UsageError("--statefulset and --static-pods name two clusters", "give one of them")
    given = args.cacert or args.cert or args.key or args.server_name
    user, password = (
        split_user(args.user, os.environ.get("ETCDCTL_PASSWORD", "")) if args.user else ("", None)
    )
    return KubeProfile(
        name=kube_name(args.context, args.namespace, args.statefulset),
        context=args.context,
        namespace=args.namespace or "",
        statefulset=args.statefulset or "",
        static_pods=args.static_pods,
        tls=_files(args.cacert, args.cert, args.key, args.server_name or "") if given else None,
        tls_secret=args.tls_secret or "",
        user=user,
        password=password,
    )


def kube_name(context: str, namespace: str | None, statefulset: str | None) -> str:
    """What a cluster of Kubernetes is called that no profile names."""
    return "/".join(word for word in (context, namespace, statefulset) if word)


def _only_with(args: argparse.Namespace, names: tuple[str, ...], other: str, value: object) -> None:
    for name in names:
        if getattr(args, name, None) and not value:
            flag = "-J" if name == "jump" else "--" + name.replace("_", "-")
            raise UsageError(f"{flag} goes with {other} only")


def by_name(name: str, config: Config) -> Profile:
    """A profile of the configuration, or the built-in demo. Raises UsageError."""
    if name in config.profiles:
        return config.profiles[name]
    if name == DEMO:
        return local(None)
    from etcdtui.config.tree import did_you_mean

    known = did_you_mean(name, {*config.profiles, DEMO})
    raise UsageError(f"there is no profile {name!r}{known}", _where(config))


def local(directory: str | None) -> LocalProfile:
    """The embedded cluster, in its usual directory or another."""
    return LocalProfile(name=DEMO, directory=Path(directory).expanduser().absolute() if directory else None)


def _where(config: Config) -> str:
    file = config.file or find_file(None)[0]
    return f"profiles are read from {file}" if config.file else f"there is no configuration file {file}"


def _plain(args: argparse.Namespace, config: Config, environ: Mapping[str, str]) -> Profile:
    """Endpoints of the command line; what it leaves open comes from etcdctl's variables."""
    env = etcdctl_environment(environ)
    endpoints = args.endpoints or env.endpoints
    if not endpoints:
        names = ", ".join(sorted({*config.profiles, DEMO}))
        raise UsageError(
            f"no cluster is named: give a profile ({names}), --endpoints or ETCDCTL_ENDPOINTS",
            "`etcdtui demo` starts a cluster to try it on",
        )
    user, password = env.user, env.password
    if args.user:
        user, password = split_user(args.user, environ.get("ETCDCTL_PASSWORD", ""))
    return EndpointsProfile(
        name=endpoints[0].split("://")[-1],
        endpoints=endpoints,
        tls=_tls(args, env),
        user=user,
        password=password,
        timeout=max(values.MIN_SPAN, env.command_timeout) if env.command_timeout else None,
    )


def _tls(args: argparse.Namespace, env: EtcdctlEnvironment) -> TlsPaths | None:
    ca, cert, key = args.cacert or env.cacert, args.cert or env.cert, args.key or env.key
    if not (ca or cert or key or args.server_name) and env.insecure_transport:
        return None
    return _files(ca, cert, key, args.server_name or "")


def _files(ca: str, cert: str, key: str, server_name: str) -> TlsPaths:
    def path(word: str) -> Path | None:
        return Path(word).expanduser() if word else None

    return TlsPaths(path(ca), path(cert), path(key), server_name)


def ask_password(*, new: bool = False) -> Callable[[str], str] | None:
    """How to ask for a password on the terminal; None when nobody is there.

    Args:
        new: whether it is about to be given to somebody: then it is asked for twice.
    """
    if not sys.stdin.isatty():
        return None
    import getpass

    def twice(prompt: str) -> str:
        password = getpass.getpass(prompt)
        if getpass.getpass("Once more, so that nobody is locked out: ") != password:
            raise UsageError("the two passwords are not the same", "nothing was done")
        return password

    return twice if new else getpass.getpass


def settings_for(args: argparse.Namespace, config: Config, profile: Profile) -> UiSettings:
    """The ui's settings for this launch: an argument wins over the profile, the profile over ``ui``."""
    ui = config.ui
    if getattr(args, "theme", None) == "":
        raise UsageError("--theme expects a name", "etcdtui themes lists them")
    return dataclasses.replace(
        ui,
        theme=getattr(args, "theme", None) or ui.theme,
        refresh=getattr(args, "refresh", None) or profile.refresh or ui.refresh,
        timeout=getattr(args, "timeout", None) or profile.timeout or max(ui.timeout, profile.least_timeout),
        read_only=bool(getattr(args, "read_only", False)) or profile.read_only or ui.read_only,
    )
