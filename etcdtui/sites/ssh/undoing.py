"""Taking a bring-up on hosts back that was not gone on with: what its receipts name, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from etcdtui.errors import SiteError
from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Runner
from etcdtui.sites.founding import Piece
from etcdtui.sites.ssh import installing, laying, paper, receipt
from etcdtui.sites.ssh.shell import Done

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

Run = Callable[..., Done]
Stop = Callable[["Host", MemberPlan], str]

UNDO = "undo "
"""Begins the names of these pieces; the rest is the name of what they take back."""
_ONLY = "only what the bring-up has made, by the receipt on each host"


def with_way_back(
    piece: Piece, boot: HostsBootstrap, each: Callable[[Callable[[MemberPlan], str]], str]
) -> Piece:
    """The piece with what takes it back, where it makes something.

    Args:
        each: words about every host, joined.
    """
    systemd = boot.runner is Runner.SYSTEMD
    match piece.id:
        case "release":
            link = installing.link_of(boot)
            made = "have the link lead to the release that it led to"
            call = f"ln -sfn its former target, or rm: {link}; the release stays beside the others"
        case "places":
            made = "move the data aside and remove the directories"
            call = each(lambda m: "mv, or rmdir where it is empty: {0} to {0}.undone.TIME".format(
                settings.data_dir(boot, m)))  # fmt: skip
        case "tls":
            made = "remove the certificates from the hosts"
            call = f"rm {each(lambda m: f'{settings.tls_dir(boot, m)}/*.pem')}; they are kept here"
        case "files":
            made = "remove the configuration" + (" and the units" if systemd else "")
            call = "rm " + each(lambda m: " ".join(_files(boot, m)))
        case "announce":
            made = "take the announcement at the discovery service back"
            call = "delete the keys of that token"
        case "start":
            made = "stop all members"
            call = each(lambda m: f"systemctl disable --now {paper.unit_name(boot, m)}" if systemd
                        else f"kill -TERM the etcd of {settings.data_dir(boot, m)}.pid")  # fmt: skip
        case _:
            return piece
    back = Piece(f"{UNDO}{piece.id}", made, f"{call}; {_ONLY}", ends=piece.starts)
    return replace(piece, undo=back)


def undo(host: Host, boot: HostsBootstrap, member: MemberPlan, piece: str, run: Run, stop: Stop) -> str:
    """Take one of them back on a host; what was done, in words. Idempotent.

    Args:
        piece: its name, with `UNDO`.
        stop: ends the member.

    Raises:
        SiteError: naming the host.
    """
    noted = receipt.path(boot, member)
    match piece.removeprefix(UNDO):
        case "release":
            return receipt.link_back(host, noted, installing.link_of(boot), installing.target_of(boot), run)
        case "places":
            data = settings.data_dir(boot, member)
            if any(receipt.has(host, noted, f"{kind} {data}", run) for kind in ("data", "held")):
                # Whatever the order: data is never moved away from under a member.
                _stopped(host, boot, member, run, stop)
            return receipt.data_back(host, noted, data, run)
        case "tls":
            return receipt.files_back(host, noted, "", laying.certificate_paths(boot, member), run)
        case "files":
            unit = f"{paper.UNITS}/{paper.unit_name(boot, member)}"
            files = _files(boot, member)
            return receipt.files_back(host, noted, unit if unit in files else "", files, run)
        case "start":
            return _stopped(host, boot, member, run, stop)
    raise SiteError(f"{host.name}: there is nothing to do that is called {piece}")


def _files(boot: HostsBootstrap, member: MemberPlan) -> list[str]:
    return [file.path for file in paper.files(boot, member, "", founded=False)]


def _stopped(host: Host, boot: HostsBootstrap, member: MemberPlan, run: Run, stop: Stop) -> str:
    """A member whose configuration was there before is somebody's who runs it: it is left alone."""
    if not receipt.has(host, receipt.path(boot, member), f"file {settings.config_file(boot, member)}", run):
        return f"{host.name}: no member runs there that the bring-up has made"
    return stop(host, member)
