"""A host beside the plan table set up for a member as the bring-up set up the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etcdtui.errors import NodeError
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import CLIENT_PORT, PEER_PORT, HostsBootstrap, MemberPlan, Runner, Source, Tls
from etcdtui.model.text import clean
from etcdtui.sites.base import NewNode
from etcdtui.sites.local.spec import initial_cluster_flag
from etcdtui.sites.pki_store import PkiStore, utc_now
from etcdtui.sites.ssh import brought, installing, laying, paper, receipt
from etcdtui.sites.ssh.facts import Facts, Runs
from etcdtui.sites.ssh.paper import HostFile
from etcdtui.sites.ssh.releases import shelf_of
from etcdtui.sites.ssh.shell import Done, checked

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

Run = Callable[..., Done]

_PROGRAM = 'command -v -- "$1" >/dev/null'


def line_for(node: NewNode, name: str) -> MemberPlan:
    """The line that the plan table would have for it."""
    peer, client = urlsplit(node.peer_url), urlsplit(node.client_url)
    return MemberPlan(
        node.name, name, peer.hostname or "", client.port or CLIENT_PORT, peer.port or PEER_PORT
    )


def describe(boot: HostsBootstrap, member: MemberPlan, sibling: Host, store: PkiStore) -> str:
    """What will be laid there.

    Raises:
        SiteError: a certificate that the operator brings is not there or no good, or the members run another
            release.
    """
    same_release(boot, sibling)
    parts = []
    if boot.release.source is not Source.THERE:
        parts.append(f"install etcd {boot.release.version} into {installing.target_of(boot)}")
    if boot.tls is Tls.GIVEN:
        laying.certificates(boot, member, store)
        if wrong := [text for forbids, text in brought.faults(boot, member, utc_now()) if forbids]:
            raise NodeError(f"{member.host}: {'; '.join(wrong)}")
    if boot.tls in (Tls.GIVEN, Tls.MADE):
        parts.append(f"{settings.tls_dir(boot, member)}/*.pem")
    parts.append(settings.config_file(boot, member))
    if boot.runner is Runner.SYSTEMD:
        parts.append(f"{paper.UNITS}/{paper.unit_name(boot, member)}")
    urls = f"peer {settings.peer_url(boot, member)}, client {settings.client_url(boot, member)}"
    return f"as the bring-up did: {', '.join(parts)}; named {member.name}, {urls}"


def same_release(boot: HostsBootstrap, sibling: Host) -> None:
    """Raises NodeError when the members were given another release since than the plan has."""
    planned = boot.release.version
    runs = shelf_of(sibling).current if planned else ""
    if runs and runs != planned:
        raise NodeError(
            f"{sibling.name} runs etcd {clean(runs)}, and the plan would install {planned} on further hosts",
            "say that version in `bootstrap: release` of the profile",
        )


def set_up(
    host: Host,
    boot: HostsBootstrap,
    member: MemberPlan,
    cluster: str,
    members: Mapping[str, str],
    store: PkiStore,
    tarball: tuple[Path, str] | None,
    run: Run,
) -> str:
    """Lay everything a member needs to join; idempotent, and data is never touched.

    Args:
        cluster: the profile's name.
        members: peer URLs, joined by commas, by member name, its own among them.
        tarball: as in `etcdtui.sites.ssh.installing.install`.

    Raises:
        SiteError: naming the host.
    """
    if boot.release.source is Source.THERE:
        program = paper.program(boot)
        if run(["sh", "-c", _PROGRAM, "sh", program]).code:
            raise NodeError(f"{host.name}: there is no {program}", "install it there as on its siblings")
    else:
        installing.install(host, boot, run, tarball, lambda _: None)
    laying.make_places(host, boot, member, run)
    if boot.tls in (Tls.MADE, Tls.GIVEN):
        laying.lay_certificates(host, boot, member, store, run)
    found = settings.host_settings(boot, member, cluster, founded=True)
    text = paper.headed(member, cluster, {**found, "initial-cluster": initial_cluster_flag(members)})
    config = HostFile(settings.config_file(boot, member), text, 0o640, boot.account)
    laying.write(host, config, run, owner=laying.owner_of(boot, config))
    if boot.runner is Runner.SYSTEMD:
        _unit(host, boot, member, cluster, run)
    else:
        stated = paper.stated(boot, member)
        host.keep_command(stated.command, stated.log_file, host.uid)
        host.forget()
    # It is taken back by giving the host up, as any that was prepared.
    receipt.done_with(host, receipt.path(boot, member), run)
    host.look(deep=True)
    return f"{host.name}: set up as the bring-up did, to join as {member.name}"


def _unit(host: Host, boot: HostsBootstrap, member: MemberPlan, cluster: str, run: Run) -> None:
    name = paper.unit_name(boot, member)
    unit = HostFile(f"{paper.UNITS}/{name}", paper.unit_text(boot, member, cluster), 0o644)
    laying.write(host, unit, run, owner="root:root")
    checked(run(["systemctl", "daemon-reload"], timeout=60), host.name)
    checked(run(["systemctl", "enable", "--quiet", name], timeout=60), host.name)
    host.forget(Facts(runs=Runs.SYSTEMD, unit=name))
