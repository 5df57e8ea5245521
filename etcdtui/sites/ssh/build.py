"""A profile of hosts as the plan of its site; nothing is read or dialled here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.config import SshHost, SshProfile
from etcdtui.errors import UsageError
from etcdtui.sites.asking import Asker, Nobody
from etcdtui.sites.ssh.facts import Stated
from etcdtui.sites.ssh.hop import Said, Settings, spot
from etcdtui.sites.ssh.plan import Plan
from etcdtui.sites.ssh.site import SshSite
from etcdtui.sites.ssh.tls import HostFiles

if TYPE_CHECKING:
    from etcdtui.etcd.api import Credentials, TlsMaterial
    from etcdtui.model.bootstrap import HostsBootstrap


def open_ssh(
    profile: SshProfile, tls: TlsMaterial | None, credentials: Credentials | None, asker: Asker | None
) -> SshSite:
    """The site of a profile.

    Raises:
        UsageError: a host or jump host is not written as one.
    """
    try:
        for text in (*profile.hosts, *profile.jump):
            spot(text)
    except UsageError as error:
        raise UsageError(f"profile {profile.name}: {error.message}", error.hint) from None
    files = profile.host_tls
    everywhere = Stated(profile.unit, profile.manifest, profile.pid_file, profile.command, profile.log_file)
    stated = {name: _stated(host, everywhere) for name, host in profile.host_settings.items()}
    if profile.bootstrap is not None:
        stated = {**_to_be(profile.bootstrap, everywhere), **stated}
    plan = Plan(
        name=profile.name,
        hosts=profile.hosts,
        jump=profile.jump,
        ssh=Settings(
            ssh_config=profile.ssh_config,
            default=_default(profile),
            hosts={name: _said(host) for name, host in profile.host_settings.items()},
        ),
        stated={**stated, "": everywhere},
        may_sudo=profile.sudo,
        by_etcdctl=profile.etcdctl,
        tls=tls,
        host_files=HostFiles(files.ca, files.cert, files.key, files.server_name) if files else None,
        credentials=credentials,
        discover=profile.discover or len(profile.hosts) == 1,
    )
    if profile.bootstrap is None:
        return SshSite(plan, asker or Nobody())
    from etcdtui import paths
    from etcdtui.sites.ssh.founding import SshFounding

    return SshFounding(plan, asker or Nobody(), profile.bootstrap, paths.data_dir())


def _stated(host: SshHost, everywhere: Stated) -> Stated:
    own = Stated(host.unit, host.manifest, host.pid_file, host.command, host.log_file)
    return own if own != Stated() else everywhere


def _to_be(boot: HostsBootstrap, everywhere: Stated) -> dict[str, Stated]:
    """How the members of a new cluster will be run, unless the profile states another way."""
    from etcdtui.sites.ssh import paper

    return {member.host: paper.stated(boot, member) for member in boot.members if not everywhere.states()}


def _said(host: SshHost) -> Said:
    return Said(
        address=host.address,
        user=host.user,
        port=host.port,
        identity_files=(str(host.identity_file),) if host.identity_file else (),
        certificate_files=(str(host.certificate_file),) if host.certificate_file else (),
        proxy_command=host.proxy_command,
        jump=host.jump,
    )


def _default(profile: SshProfile) -> Said:
    return Said(
        user=profile.user,
        port=profile.port,
        identity_files=(str(profile.identity_file),) if profile.identity_file else (),
        certificate_files=(str(profile.certificate_file),) if profile.certificate_file else (),
        identities_only=profile.identities_only,
        known_hosts=(str(profile.known_hosts),) if profile.known_hosts else (),
        strict=profile.strict_host_keys,
        proxy_command=profile.proxy_command,
        connect_timeout=profile.connect_timeout,
        alive_interval=profile.alive_interval,
        jump=profile.jump or None,
    )
