"""A member's place on a host given up: stopped, its data moved aside or deleted, our files taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from etcdtui.model import etcd_settings as settings
from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan, Runner
from etcdtui.sites.ssh import paper, receipt
from etcdtui.sites.ssh.shell import Done, checked

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

Run = Callable[..., Done]

STOP_TIMEOUT = 120.0
DELETE = 300.0
"""Seconds: a database of 8 GiB and its log on a slow disk."""
_ASIDE = r"""
[ -e "$1" ] || { echo "no data there"; exit 0; }
to=$1.destroyed.$(date -u +%Y%m%dT%H%M%SZ)
mv -T -- "$1" "$to" && echo "data moved to $to"
"""
_DELETE = r"""
[ -e "$1" ] || { echo "no data there"; exit 0; }
rm -rf -- "$1" && echo "deleted $1"
"""
# Only what says that etcdtui wrote it.
_FILES = r"""
unit=$1 config=$2 tls=$3 receipt=$4 pid=$5
for file in "$unit" "$config"; do
    if [ -n "$file" ] && grep -q 'ritten by etcdtui' "$file" 2>/dev/null; then
        rm -f -- "$file" && echo "removed $file"
        [ "$file" = "$config" ] && [ -d "$tls" ] && rm -rf -- "$tls" && echo "removed $tls"
        rmdir -- "$(dirname "$tls")" 2>/dev/null
    fi
    # As later changes found it.
    for was in "$file".before-*; do
        grep -q 'ritten by etcdtui' "$was" 2>/dev/null && rm -f -- "$was" && echo "removed $was"
    done
done
rm -f -- "$receipt"
[ -z "$pid" ] || rm -f -- "$pid"
[ -z "$unit" ] || systemctl daemon-reload
:
"""


def disable(host: Host, plan: HostsBootstrap, member: MemberPlan, run: Run) -> str:
    """Stop a unit and keep it from starting at boot. Raises NodeError."""
    unit = paper.unit_name(plan, member)
    script = 'systemctl cat "$1" >/dev/null 2>&1 || exit 0; systemctl disable --quiet --now "$1"'
    checked(run(["sh", "-c", script, "sh", unit], timeout=STOP_TIMEOUT), host.name)
    return f"{host.name}: {unit} stopped and disabled"


def data_away(host: Host, path: str, run: Run, *, delete: bool) -> str:
    """Move a data directory aside, beside itself, or delete it. Raises NodeError."""
    script = _DELETE if delete else _ASIDE
    done = checked(run(["sh", "-c", script, "sh", path], timeout=DELETE), host.name)
    return f"{host.name}: {done.text.strip()}"


def files_away(host: Host, plan: HostsBootstrap, member: MemberPlan, run: Run) -> str:
    """Remove unit, configuration and certificates, where etcdtui wrote them. Raises NodeError."""
    systemd = plan.runner is Runner.SYSTEMD
    words = [
        f"{paper.UNITS}/{paper.unit_name(plan, member)}" if systemd else "",
        settings.config_file(plan, member),
        settings.tls_dir(plan, member),
        receipt.path(plan, member),
        "" if systemd else f"{settings.data_dir(plan, member)}.pid",
    ]
    done = checked(run(["sh", "-c", _FILES, "sh", *words], timeout=60), host.name)
    return f"{host.name}: {', '.join(done.text.splitlines()) or 'nothing of ours was there'}"
