"""The pieces of a bring-up on hosts as lines for the review: the exact commands and files; pure."""

from __future__ import annotations

from collections.abc import Callable

from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Runner, Source
from etcdtui.sites.ssh import installing, laying, paper

Each = Callable[[Callable[[MemberPlan], str]], str]
"""Words about every host, joined."""


def release(boot: HostsBootstrap) -> str:
    """Where it comes from, its checksum, where it is unpacked and linked."""
    plan, target = boot.release, installing.target_of(boot)
    how = {
        Source.TARBALL: f"copy {plan.where} over SFTP",
        Source.URL: f"fetch {plan.where} here and copy it over SFTP",
        Source.HOST_URL: f"have every host fetch {plan.where}",
    }[plan.source]
    checksum = f", SHA-256 {plan.sha256}" if plan.sha256 else ""
    by_way = f"~/{installing.PARCELS}/{installing.tarball_name(boot)}"
    return f"{how} to {by_way}{checksum}; tar -xzf into {target}; ln -sfn {target} {installing.link_of(boot)}"


def places(boot: HostsBootstrap, each: Each) -> str:
    """The account and the data directories."""
    account = f"useradd --system {boot.account}; " if boot.runner is Runner.SYSTEMD else ""
    return account + each(lambda m: f"mkdir -m 700 {settings.data_dir(boot, m)}")


def files(boot: HostsBootstrap, cluster: str, each: Each) -> str:
    """Every file with its owner and mode."""

    def words(member: MemberPlan) -> str:
        return ", ".join(
            f"{file.path} ({f'{laying.owner_of(boot, file)} '.lstrip()}{file.mode:04o})"
            for file in paper.files(boot, member, cluster, founded=False)
        )

    return f"{each(words)}; `etcdtui render {cluster}` prints them"


def start(boot: HostsBootstrap, each: Each) -> str:
    """How every member is started."""
    if boot.runner is Runner.SYSTEMD:
        return each(lambda m: f"systemctl start --no-block {paper.unit_name(boot, m)}")
    return each(lambda m: f"nohup {' '.join(paper.command_line(boot, m))} &")
