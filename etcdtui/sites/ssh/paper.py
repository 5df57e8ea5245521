"""What is written on a host for a member of a new cluster: configuration file and unit, as texts; pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Runner, Source
from etcdtui.sites.ssh.facts import Stated

UNITS = "/etc/systemd/system"
_SHARED = ("/", "/var", "/var/lib", "/srv", "/opt", "/mnt", "/data", "/home")
"""Directories that a unit is not given as a whole."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file on a host."""

    path: str
    text: str
    mode: int
    group: str = "root"
    """It belongs to root and to this group, unless no root is there."""


def program(plan: HostsBootstrap) -> str:
    """The etcd that is started."""
    if plan.release.source is Source.THERE:
        return plan.release.where or "etcd"
    return f"{plan.install_dir.rstrip('/')}/current/etcd"


def unit_name(plan: HostsBootstrap, member: MemberPlan) -> str:
    """The member's systemd unit."""
    return plan.unit.replace("{name}", member.name)


def files(plan: HostsBootstrap, member: MemberPlan, cluster: str, *, founded: bool) -> tuple[HostFile, ...]:
    """The files of a member, those with secrets left out.

    Args:
        founded: see `etcdtui.model.etcd_settings.host_settings`.
    """
    config = config_text(plan, member, cluster, founded=founded)
    out = [HostFile(settings.config_file(plan, member), config, 0o640, plan.account)]
    if plan.runner is Runner.SYSTEMD:
        unit = f"{UNITS}/{unit_name(plan, member)}"
        out.append(HostFile(unit, unit_text(plan, member, cluster), 0o644))
    return tuple(out)


def config_text(plan: HostsBootstrap, member: MemberPlan, cluster: str, *, founded: bool) -> str:
    """The configuration file."""
    return headed(member, cluster, settings.host_settings(plan, member, cluster, founded=founded))


def headed(member: MemberPlan, cluster: str, found: Mapping[str, Any]) -> str:
    """Settings as a configuration file that says who wrote it."""
    return f"# Member {member.name} of {cluster}, written by etcdtui.\n{settings.as_yaml(found)}"


def command_line(plan: HostsBootstrap, member: MemberPlan) -> tuple[str, ...]:
    """How etcd is started."""
    return (program(plan), f"--config-file={settings.config_file(plan, member)}")


def classic(plan: HostsBootstrap, member: MemberPlan, cluster: str) -> str:
    """The same as one command with all its flags, as a person would type it."""
    flags = settings.as_flags(settings.host_settings(plan, member, cluster, founded=False))
    return " \\\n  ".join([program(plan), *(shlex.quote(flag) for flag in flags)])


def stated(plan: HostsBootstrap, member: MemberPlan) -> Stated:
    """How the site finds and starts the member."""
    if plan.runner is Runner.SYSTEMD:
        return Stated(unit=unit_name(plan, member))
    beside = settings.data_dir(plan, member)
    return Stated(pid_file=f"{beside}.pid", command=command_line(plan, member), log_file=f"{beside}.log")


def unit_text(plan: HostsBootstrap, member: MemberPlan, cluster: str) -> str:
    """The systemd unit: an account of its own, told when it is ready, and nothing it does not need."""
    own = _writable(settings.data_dir(plan, member))
    home = "false" if own.startswith(("/home/", "/root/", "/run/user/")) else "true"
    low = min(member.client_port, member.peer_port) < 1024
    capability = "CAP_NET_BIND_SERVICE" if low else ""
    lines = [
        "# Written by etcdtui.",
        "[Unit]",
        f"Description=etcd, member {member.name} of {cluster}",
        "Documentation=https://etcd.io/docs/",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "# etcd says that it is ready once it has found a quorum, however long that takes.",
        "Type=notify",
        "TimeoutStartSec=infinity",
        f"User={plan.account}",
        f"ExecStart={' '.join(command_line(plan, member))}",
        "Restart=on-failure",
        "RestartSec=5s",
        "LimitNOFILE=65536",
        "OOMScoreAdjust=-500",
        "IOSchedulingClass=best-effort",
        "IOSchedulingPriority=0",
        "UMask=0077",
        "NoNewPrivileges=true",
        f"CapabilityBoundingSet={capability}",
        *([f"AmbientCapabilities={capability}"] if low else []),
        "ProtectSystem=strict",
        f"ReadWritePaths={own}",
        f"ProtectHome={home}",
        "PrivateTmp=true",
        "PrivateDevices=true",
        "ProtectKernelTunables=true",
        "ProtectKernelModules=true",
        "ProtectControlGroups=true",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "RestrictNamespaces=true",
        "RestrictRealtime=true",
        "LockPersonality=true",
        "SystemCallArchitectures=native",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _writable(data_dir: str) -> str:
    """What etcd may write to: the directory above its data, which may be moved aside and made anew."""
    parent = str(PurePosixPath(data_dir).parent)
    return data_dir if parent in _SHARED else parent
