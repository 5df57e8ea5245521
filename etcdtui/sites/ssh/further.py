"""Members that came after the bring-up, on hosts beside the plan table's: torn down with the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Runner
from etcdtui.sites.founding import Piece
from etcdtui.sites.ssh import disk, razing, retire, source
from etcdtui.sites.ssh.shell import Done
from etcdtui.sites.ssh.together import PATIENT_LOOK, STOP_TIMEOUT

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

Run = Callable[..., Done]

ALSO = " also "
"""Parts a piece's name from the hosts that it is done on too: the plan that was agreed to names them."""


def hosts(there: Mapping[str, Host], planned: Collection[str], peer_urls: Sequence[str]) -> tuple[Host, ...]:
    """The hosts whose etcd was set up to join members of the plan.

    Args:
        planned: names of the plan's hosts.
        peer_urls: those of the plan's members.
    """
    own = {url.rstrip("/") for url in peer_urls}
    found = [host for name, host in there.items() if name not in planned and not host.spare]
    return tuple(host for host in found if own & _joined(host))


def _joined(host: Host) -> set[str]:
    pairs = host.facts.settings.get("initial-cluster", "").split(",")
    return {pair.partition("=")[2].strip().rstrip("/") for pair in pairs}


def along(
    pieces: tuple[Piece, ...], later: Sequence[Host], describe_stop: Callable[[str], str]
) -> tuple[Piece, ...]:
    """The pieces of a tear-down, on further hosts too. Raises NodeError where one's data is not known."""
    if not later:
        return pieces
    names = ",".join(host.name for host in later)

    def words(piece: Piece, host: Host) -> str:
        if piece.ends:
            return describe_stop(host.name)
        if piece.id.startswith("data"):
            return disk.data_dir(host)
        return "give it up: mv what starts its etcd FILE.retired-TIME"

    return tuple(
        replace(
            piece,
            id=f"{piece.id}{ALSO}{names}",
            call="; ".join([piece.call, *(f"{host.name}: {words(piece, host)}" for host in later)]),
        )
        for piece in pieces
    )


def split(piece: str) -> tuple[str, list[str]]:
    """A piece's own name, and the further hosts that it is done on."""
    name, _, also = piece.partition(ALSO)
    return name, also.split(",") if also else []


def reached(host: Host) -> str:
    """See that a host can be acted on. Raises SiteError."""
    host.look(PATIENT_LOOK)
    return host.name


def stop(host: Host, stop: Callable[[str, float], str]) -> str:
    """End its etcd. Raises NodeError."""
    return f"{host.name}: given up already" if host.spare else stop(host.name, STOP_TIMEOUT)


def data_away(host: Host, *, delete: bool) -> str:
    """Move its data directory aside, or delete it. Raises NodeError."""
    if host.spare:
        return f"{host.name}: given up already"
    disk.stopped(host, "taken away")
    return razing.data_away(host, disk.data_dir(host), partial(disk.run, host), delete=delete)


def give_up(host: Host, boot: HostsBootstrap, run: Run) -> str:
    """Have nothing there start etcd any more; what is as the bring-up lays it goes. Raises NodeError."""
    if host.spare:
        return f"{host.name}: given up already"
    if host.stated.command and not host.stated.config_file:
        return f"{host.name}: the profile states how its etcd is started: take the host out of it"
    member = MemberPlan(host.name, host.facts.member_name)
    if source.read(host).config_file != settings.config_file(boot, member):
        return retire.retire(host)
    disk.stopped(host, "given up")
    if boot.runner is Runner.SYSTEMD:
        razing.disable(host, boot, member, run)
    said = razing.files_away(host, boot, member, run)
    if boot.runner is Runner.PROCESS:
        host.drop_command(disk.stamp())
    host.forget()
    host.look(deep=True)
    return said
