"""``bootstrap`` without a profile: the wizard, then its profile written and the console opened on it."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etcdtui.cli.target import read_config
from etcdtui.config import Config, KubeProfile, Profile, SshProfile, TlsPaths, find_file
from etcdtui.config.draft import HOSTS, KUBE, Draft
from etcdtui.config.paper import as_yaml
from etcdtui.config.profiles import DEMO
from etcdtui.config.writer import save, see_writable, with_profile
from etcdtui.errors import ConfigError, SiteError, UsageError
from etcdtui.model.bootstrap import HostsBootstrap, KubeBootstrap
from etcdtui.ops import auth
from etcdtui.runtime import quitting
from etcdtui.sites.base import Connectable
from etcdtui.sites.build import open_site
from etcdtui.sites.founding import Founding, Sight
from etcdtui.sites.rendering import render

if TYPE_CHECKING:
    from etcdtui.sites.asking import Asker
    from etcdtui.sites.base import Site

CONNECT = 15.0
"""Seconds that connecting to all hosts may take before those that are missing are said to be."""


def wanted(args: argparse.Namespace) -> bool:
    """Whether these arguments name no cluster that is planned already."""
    named = args.profile or args.local or args.endpoints
    return args.action == "bootstrap" and not (named or args.yes or args.dry_run or args.save)


def wizard(args: argparse.Namespace) -> int:
    """Ask, write the profile down, and open the console with the bring-up's review."""
    from etcdtui.cli.launch import console
    from etcdtui.ui.asking import ConsoleAsker
    from etcdtui.ui.wizard.app import WizardApp

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        hint = "with a profile that has a mapping `bootstrap`: etcdtui bootstrap PROFILE --dry-run"
        raise UsageError("the wizard needs a terminal", hint)
    config = read_config(args, required=False)
    file = find_file(args.config)[0]
    see_writable(file)
    asker = ConsoleAsker()
    with quitting.asked_by_signal():
        behind = Behind(file, config, asker)
        try:
            draft = WizardApp(first_draft(args), behind, theme=config.ui.theme, asker=asker).run()
        finally:
            behind.close()
    if draft is None:
        if quitting.received():
            return 128 + quitting.received()
        print("nothing was written, nothing was done")
        return 0
    try:
        written = with_profile(file, draft.name, draft.mapping())
        save(written)
    except ConfigError:
        # What was typed is not to be typed again.
        sys.stdout.write(as_yaml({draft.name: draft.mapping()}))
        raise
    print(f"{file} has the profile {draft.name} now; `etcdtui bootstrap {draft.name}` goes on with it")
    return console(args, read_config(args, required=False), written.profile, begin="bootstrap")


def first_draft(args: argparse.Namespace) -> Draft:
    """What the arguments say already."""
    draft = Draft()
    if args.ssh:
        draft.rows = [{"host": host} for host in args.ssh]
        draft.values["jump"] = ",".join(args.jump or ())
    if args.context:
        draft.values |= {"kind": KUBE, "context": args.context, "namespace": args.namespace or ""}
        draft.values["statefulset"] = args.statefulset or ""
    return draft


def profile_of(draft: Draft) -> Profile:
    """The profile as far as it is said, to look at its places; the one in the file is read from there."""
    plan, said = draft.plan(), draft.mapping()

    def path(key: str) -> Path | None:
        return Path(said[key]) if said.get(key) else None

    if draft.kind == HOSTS:
        assert isinstance(plan, HostsBootstrap)  # noqa: S101  # the kind says so
        return SshProfile(
            name=draft.name,
            hosts=tuple(said["hosts"]),
            jump=tuple(said.get("jump", ())),
            user=said.get("user", ""),
            identity_file=path("identity_file"),
            tls=_files(said.get("tls", {})),
            bootstrap=plan,
        )
    assert isinstance(plan, KubeBootstrap)  # noqa: S101  # as above
    return KubeProfile(
        name=draft.name,
        context=said.get("context", ""),
        namespace=said.get("namespace", ""),
        statefulset=said.get("statefulset", ""),
        kubeconfig=path("kubeconfig"),
        tls_secret=said.get("tls_secret", ""),
        bootstrap=plan,
    )


def _files(said: Mapping[str, str]) -> TlsPaths | None:
    ca, cert, key = (Path(said[name]) if name in said else None for name in ("ca", "cert", "key"))
    return TlsPaths(ca, cert, key) if said else None


class Behind:
    """Holds a draft against the file, the hosts and Kubernetes; `etcdtui.ui.wizard.ports.Backstage`."""

    def __init__(self, file: Path, config: Config, asker: Asker) -> None:
        self._path = file
        self._config = config
        self._asker = asker
        self._site: Site | None = None
        self._way: dict[str, Any] = {}

    @property
    def file(self) -> str:
        """Where the profile will be written."""
        return str(self._path)

    def taken(self, name: str) -> bool:
        """Whether a profile has that name."""
        return name == DEMO or name in self._config.profiles

    def look(self, draft: Draft) -> tuple[Sight, ...]:
        """Look at every place; connections stay for the next look, as long as they lead to the same hosts."""
        way = {key: value for key, value in draft.mapping().items() if key != "bootstrap"}
        if self._site is None or way != self._way:
            self.close()
            self._site, self._way = self._plain(profile_of(draft)), way
            if isinstance(self._site, Connectable) and draft.kind == HOSTS:
                # Where nobody is reached the look tells it of each.
                with contextlib.suppress(SiteError):
                    self._site.connect(CONNECT)
        site = self._site
        assert isinstance(site, Founding)  # noqa: S101  # the profile has a plan
        site.replan(draft.plan())
        return site.survey()

    def _plain(self, profile: Profile) -> Site:
        """The site of a profile, as nobody: users are asked for when all else is done."""
        if isinstance(profile, SshProfile) and profile.bootstrap is not None:
            profile = replace(profile, etcd_user="", bootstrap=replace(profile.bootstrap, auth=False))
        elif isinstance(profile, KubeProfile) and profile.bootstrap is not None:
            profile = replace(profile, user="", bootstrap=replace(profile.bootstrap, auth=False))
        return open_site(profile, asker=self._asker)

    def preview(self, draft: Draft) -> Sequence[tuple[str, str]]:
        """The profile, the steps with their calls, every file or manifest."""
        profile = with_profile(self._path, draft.name, draft.mapping()).profile
        site = self._plain(profile)
        try:
            assert isinstance(site, Founding)  # noqa: S101  # the profile has a plan
            pieces = site.pieces()
            advice = site.advice()
        finally:
            site.close()
        calls = [(piece.title, piece.call) for piece in pieces]
        if draft.plan().auth:
            calls += [(step.title, step.call) for step in (auth.root_step(""), auth.enable_step(""))]
        steps = "\n".join(f"{n}. {title}\n   {call}" for n, (title, call) in enumerate(calls, 1))
        return (
            *((("To be considered", "\n".join(advice)),) if advice else ()),
            (f"Written into {self._path}", as_yaml({draft.name: draft.mapping()})),
            ("Carried out then, after you have seen it once more", steps),
            ("Files and commands" if draft.kind == HOSTS else "Manifests", render(profile)),
        )

    def close(self) -> None:
        """Give the connections back."""
        if self._site is not None:
            self._site.close()
            self._site = None
