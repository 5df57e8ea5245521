"""A profile of the configuration opened as a site: files read, passwords fetched, nothing dialled."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from etcdtui import paths
from etcdtui.config import (
    ClientProfile,
    EndpointsProfile,
    KubeProfile,
    LocalProfile,
    Profile,
    SshProfile,
    TlsPaths,
)
from etcdtui.errors import NotOffered, UsageError
from etcdtui.model.text import clean
from etcdtui.sites.base import Connectable

if TYPE_CHECKING:
    from etcdtui.etcd.api import Credentials, TlsMaterial
    from etcdtui.model.bootstrap import Bootstrap
    from etcdtui.sites.asking import Asker, Chooser
    from etcdtui.sites.base import Site
    from etcdtui.sites.kube.site import KubeReading
    from etcdtui.sites.local.site import LocalSite

AskPassword = Callable[[str], str]
"""Asks a person; it is given the prompt."""

CONNECT = 30.0
"""Seconds that connecting to all hosts of a site may take before the console says what is missing."""
SET_NAME = "etcd"
"""Name of a new StatefulSet that the profile leaves open."""
PASSWORD_COMMAND_TIMEOUT = 60.0
"""Seconds a password command may take: a person may have to unlock a store."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A site that a console is about to show."""

    site: Site
    prepare: Callable[[], str] | None = None
    """Work that may take seconds, such as starting the nodes; what it did, in a line. Raises SiteError."""
    instead: Callable[[], Profile | None] = lambda: None
    """The profile to open in the place of this one, once `prepare` has had it chosen; else None."""
    finish: Callable[[], str] = lambda: ""
    """Undoes `prepare` after the console, as far as the profile wants it; also while it still runs.
    What is left running, in a line."""


def open_site(
    profile: Profile,
    *,
    environ: Mapping[str, str] = os.environ,
    ask: AskPassword | None = None,
    asker: Asker | None = None,
) -> Site:
    """The site of a profile, as it is: nothing is created, started or stopped.

    Args:
        environ: where ``ETCDCTL_PASSWORD`` is looked up for a user without a password.
        ask: asks for a password that is nowhere else; None where nobody can be asked.
        asker: asks later, when a host wants a password or shows an unknown key; None for nobody.

    Raises:
        UsageError: a file or a password is missing or wrong.
        SiteError: there is no such local cluster.
        NotOffered: this kind of profile cannot be opened yet.
    """
    if isinstance(profile, EndpointsProfile):
        return _endpoints(profile, environ, ask)
    if isinstance(profile, LocalProfile):
        return _attach(profile)
    if isinstance(profile, SshProfile):
        from etcdtui.sites.ssh.build import open_ssh

        user = _etcd_user(profile)
        credentials = _credentials(user, environ, ask) if user.user else None
        return open_ssh(profile, _tls(profile.tls) if profile.tls else None, credentials, asker)
    if isinstance(profile, KubeProfile):
        return _kube(profile, environ, ask)
    raise NotOffered(
        f"profile {profile.name}: opening a cluster of kind {profile.kind} is not built yet",
        "an endpoints profile with the members' client URLs works today",
    )


def open_for_console(
    profile: Profile,
    *,
    environ: Mapping[str, str] = os.environ,
    ask: AskPassword | None = None,
    asker: Asker | None = None,
    chooser: Chooser | None = None,
) -> Opening:
    """The site of a profile and what a console does with it; a local cluster is created when there is none.

    Args and errors are those of `open_site`.

    Args:
        chooser: asks which cluster is meant where several could be; None for nobody.
    """
    if isinstance(profile, KubeProfile):
        return _kube_for_console(profile, _kube(profile, environ, ask), chooser)
    if not isinstance(profile, LocalProfile):
        other = open_site(profile, environ=environ, ask=ask, asker=asker)
        return Opening(other, (lambda: other.connect(CONNECT)) if isinstance(other, Connectable) else None)
    from etcdtui.sites.local.demo import open_demo

    site = open_demo(
        profile.directory, nodes=profile.nodes, name=profile.name, launch=False, binary=profile.binary
    )

    def prepare() -> str:
        # Nobody waits to see whether a node ends at once: the console watches them all.
        site.launch(settle=0)
        return "; ".join((f"{len(site.node_names())} nodes in {site.directory}", *site.notes))

    def finish() -> str:
        site.close(stop=not profile.keep)
        left = [node.name for node in site.nodes() if node.pid is not None]
        if not left:
            return ""
        command = "etcdtui demo --stop" + (f" --dir {profile.directory}" if profile.directory else "")
        return (
            f"{', '.join(left)} {'goes' if len(left) == 1 else 'go'} on running; `{command}` stops what runs"
        )

    return Opening(site, prepare, finish=finish)


def stop_local(profile: LocalProfile) -> tuple[str, ...]:
    """Stop every node of a local cluster; their names. Raises SiteError."""
    return _attach(profile).shutdown(everything=True)


def _attach(profile: LocalProfile) -> LocalSite:
    from etcdtui.sites.local.binaries import Binary, probe
    from etcdtui.sites.local.demo import attach_demo
    from etcdtui.sites.local.site import LocalSite

    if profile.binary is None:
        return attach_demo(profile.directory)
    binary = Binary(str(profile.binary), probe(profile.binary))
    return LocalSite(profile.directory or paths.demo_dir(), binary=binary)


def _endpoints(profile: EndpointsProfile, environ: Mapping[str, str], ask: AskPassword | None) -> Site:
    from etcdtui.sites.endpoints import EndpointsSite

    return EndpointsSite(
        profile.name,
        profile.endpoints,
        tls=_tls(profile.tls) if profile.tls is not None else None,
        credentials=_credentials(profile, environ, ask) if profile.user else None,
    )


def _etcd_user(profile: SshProfile) -> EndpointsProfile:
    """The etcd user of a profile of hosts, said as one of endpoints is."""
    return EndpointsProfile(
        name=profile.name,
        user=profile.etcd_user or _asked_for(profile.bootstrap),
        password_file=profile.etcd_password_file,
        password_command=profile.etcd_password_command,
    )


def _kube_for_console(profile: KubeProfile, site: KubeReading, chooser: Chooser | None) -> Opening:
    """The site, which asks which etcd is meant where several could be."""
    from etcdtui.sites.kube.choice import Undecided

    other: list[Profile] = []

    def prepare() -> str:
        try:
            return site.connect_and_ask()
        except Undecided as error:
            found = error.candidates
            at = chooser.choose(error.question, [(c.label, c.words) for c in found]) if chooser else None
            if chooser is None or at is None:
                raise
            it = found[at]
            named = replace(profile, namespace=it.namespace, statefulset=it.statefulset)
            other.append(replace(named, static_pods=it.static))
            chooser.leave()
            return ""

    return Opening(site, prepare, lambda: other[0] if other else None)


def _asked_for(boot: Bootstrap | None) -> str:
    """The user that a new cluster will ask for; empty for none."""
    return "root" if boot is not None and boot.auth else ""


def _kube(profile: KubeProfile, environ: Mapping[str, str], ask: AskPassword | None) -> KubeReading:
    from etcdtui.sites.kube.choice import Where
    from etcdtui.sites.kube.site import KubeSite

    name = profile.statefulset
    tls = _tls(profile.tls) if profile.tls is not None else None
    asked = replace(profile, user=profile.user or _asked_for(profile.bootstrap))
    credentials = _credentials(asked, environ, ask) if asked.user else None
    secret = profile.tls_secret
    if profile.static_pods:
        from etcdtui.sites.kube.static import StaticPods

        where = Where(profile.context, profile.namespace, "", profile.kubeconfig, secret)
        return StaticPods(profile.name, where, tls=tls, credentials=credentials)
    where = Where(profile.context, profile.namespace, name, profile.kubeconfig, secret, profile.helper_image)
    if profile.bootstrap is None:
        return KubeSite(profile.name, where, tls=tls, credentials=credentials)
    from etcdtui.sites.kube.founding import KubeFounding

    where = replace(where, statefulset=name or SET_NAME)
    return KubeFounding(
        profile.name, where, profile.bootstrap, paths.data_dir(), tls=tls, credentials=credentials
    )


def _tls(files: TlsPaths) -> TlsMaterial:
    from etcdtui.sites.tls import load_tls

    ca, cert, key = (str(path) if path else "" for path in (files.ca, files.cert, files.key))
    return load_tls(ca, cert, key, files.server_name)


def _credentials(profile: ClientProfile, environ: Mapping[str, str], ask: AskPassword | None) -> Credentials:
    user = clean(profile.user, 60)
    password = profile.password
    if profile.password_file is not None:
        password = _first_line_of_file(profile)
    elif profile.password_command:
        password = _first_line_of_command(profile)
    elif password is None:
        password = environ.get("ETCDCTL_PASSWORD") or None
    if password is None and ask is not None:
        password = ask(f"Password of etcd user {user}: ")
    if password is None:
        raise UsageError(
            f"profile {profile.name}: the password of user {user!r} is not given", "set ETCDCTL_PASSWORD"
        )
    from etcdtui.etcd.api import Credentials

    return Credentials(profile.user, password)


def _first_line_of_file(profile: ClientProfile) -> str:
    file = profile.password_file
    assert file is not None  # noqa: S101  # the caller looked
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"profile {profile.name}: password_file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"profile {profile.name}: password_file {file}: expected UTF-8 text") from None
    return _first_line(text, f"profile {profile.name}: password_file {file} is empty")


def _first_line_of_command(profile: ClientProfile) -> str:
    command = profile.password_command
    import subprocess

    what = f"profile {profile.name}: password_command {clean(command[0])}"
    try:
        # Its stderr is the operator's terminal: a password store asks and complains there.
        done = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=PASSWORD_COMMAND_TIMEOUT, check=False, text=True
        )
    except OSError as error:
        raise UsageError(f"{what}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{what} did not end within {PASSWORD_COMMAND_TIMEOUT:.0f} s") from None
    except UnicodeDecodeError:
        raise UsageError(f"{what}: expected UTF-8 text") from None
    if done.returncode:
        raise UsageError(f"{what} ended with {done.returncode}")
    return _first_line(done.stdout, f"{what} printed nothing")


def _first_line(text: str, empty: str) -> str:
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise UsageError(empty)
    return line
