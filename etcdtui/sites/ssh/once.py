"""One start with ``--force-new-cluster``, by a means that the next start no longer has."""

from __future__ import annotations

from dataclasses import replace

from etcdtui.errors import NodeError
from etcdtui.sites.ssh import control, disk, probe, source
from etcdtui.sites.ssh.facts import ONCE, Runs
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.settings import changed_manifest, variable

# Gone as soon as etcd has read it, whatever becomes of the console meanwhile; a reboot takes it too.
_UNIT = r"""
folder=/run/systemd/system/$1.d; file=$folder/zz-etcdtui-once.conf
trap 'rm -f "$file"; rmdir "$folder" 2>/dev/null; systemctl daemon-reload' EXIT
mkdir -p "$folder"; printf '[Service]\nEnvironment=%s=true\n' "$2" > "$file"
systemctl daemon-reload && systemctl start --no-block "$1" || exit 1
n=0
while [ $n -lt 100 ]; do
    pid=$(systemctl show -p MainPID --value "$1")
    if [ "$pid" != 0 ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = etcd ]; then exit 0; fi
    n=$((n + 1)); sleep 0.1
done
"""


def describe_once(host: Host) -> str:
    """What is done, in words."""
    facts = host.facts
    if facts.runs is Runs.SYSTEMD:
        return f"systemctl start --no-block {facts.unit}, {variable(ONCE)}=true for this start alone"
    if facts.runs is Runs.STATIC_POD:
        return (
            f"add --{ONCE} to {probe.beside(facts.manifest)} until the next start; mv it to {facts.manifest}"
        )
    return f"its command line and --{ONCE}, this once"


def start_once(host: Host) -> str:
    """Start a stopped etcd so; what was done.

    Raises:
        NodeError: it holds no data, or does not start; the message says why.
    """
    look = host.look(deep=True)
    if any(not p.frozen for p in look.processes):
        return f"{host.name}: runs already"
    disk.stopped(host, "founded anew")
    if not disk.holds_member(host):
        raise NodeError(f"{host.name}: {disk.data_dir(host)} holds no member: nothing to start anew from")
    before = source.read(host)
    if before.config_file:
        raise NodeError(
            f"{host.name}: etcd reads {before.config_file} alone", f"set {ONCE} there for one start by hand"
        )
    if before.runs is Runs.SYSTEMD:
        disk.run(host, ["sh", "-c", _UNIT, "sh", before.unit, variable(ONCE)])
    elif before.runs is Runs.STATIC_POD:
        disk.write(
            host, probe.beside(before.manifest), changed_manifest(before.manifest_text, {ONCE: "true"})
        )
        control.run(host, control.move_in(host))
    else:
        host.record()
        facts = host.facts
        host.facts = replace(facts, argv=(*facts.argv, f"--{ONCE}"))
        try:
            command = control.control_of(host).start(host)
        finally:
            host.facts = facts
        control.run(host, command)
    return f"{control.started(host)}, as a new cluster"
