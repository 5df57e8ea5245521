"""Data directories of hosts made from a snapshot file, and a start that founds a cluster anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError
from etcdtui.model.severity import Severity
from etcdtui.sites.local.spec import initial_cluster_flag

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

PATIENCE = 600.0
"""Seconds a restore may take; it copies and hashes the whole file."""
_TOOL = r"""
program=$(command -v -- "$1" || echo "$1"); real=$(readlink -f -- "$program" || echo "$program")
for each in "$(dirname "$program")/etcdutl" "$(dirname "$real")/etcdutl" "$(dirname "$real")/etcdctl" \
    "$(command -v etcdutl)" "$(command -v etcdctl)"; do
    if [ -x "$each" ] && [ -f "$each" ]; then tool=$each; break; fi
done
if [ -z "$tool" ]; then echo "there is neither etcdutl nor etcdctl to restore with" >&2; exit 1; fi
export ETCDCTL_API=3
"""
# What a restore that was killed has left is ours, and no member's data.
_RESTORE = r"""
data=$3 up=$(dirname "$3") part=$3.etcdtui-part
if [ "$(stat -c %d -- "$data")" != "$(stat -c %d -- "$up")" ]; then part=$data/etcdtui-part; fi
rm -rf -- "$part"; file=$2 bump=$4; shift 4
if [ "$bump" != 0 ] && "$tool" snapshot restore --help 2>&1 | grep -q -- --bump-revision; then
    set -- "$@" --bump-revision "$bump" --mark-compacted
fi
"$tool" snapshot restore "$file" --data-dir "$part" "$@" >&2 || { rm -rf -- "$part"; exit 1; }
chown -R --reference="$data" -- "$part" && mv -nT -- "$part/member" "$data/member" && rm -rf -- "$part"
echo "$tool"
"""


class SshRestores:
    """Restorable: the part of `etcdtui.sites.ssh.site.SshSite` that gives a node data from a snapshot."""

    def _host(self, node: str) -> Host:
        raise NotImplementedError

    def _tell(self, severity: Severity, text: str) -> None:
        raise NotImplementedError

    def describe_restore(self, node: str, snapshot: str) -> str:
        """The command, without the members that the plan gives it."""
        host = self._host(node)
        words = f"etcdutl snapshot restore {snapshot} --name {host.facts.member_name or node}"
        data = f"--data-dir {host.facts.data_dir or '?'}"
        return host.shell.describe([], root=True, words=f"sftp put {snapshot}; {words} {data}")

    def restore_node(
        self, node: str, snapshot: str, initial_cluster: Mapping[str, str], token: str, *, bump: int = 0
    ) -> str:
        """Copy the file there, restore it beside the data directory, and move it in; what was done.

        The node is started with the new token and members from then on. Done again with the same
        token, it says so and leaves the data alone.

        Raises:
            NodeError: it runs, holds the data of a member, or the tool refuses; its own words say why.
        """
        from etcdtui.sites.ssh import disk, prepare, source
        from etcdtui.sites.ssh.copying import put, take_away

        host = self._host(node)
        disk.stopped(host, "restored")
        before, data = source.read(host), disk.data_dir(host)
        if disk.holds_member(host):
            if before.settings.get("initial-cluster-token") == token:
                return f"{node}: was restored before"
            raise NodeError(f"{node}: {data} holds the data of a member", "move it aside first")
        name = before.settings.get("name") or node
        members = {name if key == node else key: urls for key, urls in initial_cluster.items()}
        disk.make_room(host, data, prepare.owner(host, before))
        flag = initial_cluster_flag(members)
        changes = {
            "initial-cluster": flag, "initial-cluster-state": "existing", "initial-cluster-token": token,
        }  # fmt: skip
        # The token first: data under it proves afterwards that this very restore was completed.
        prepare.settle(host, before, changes)
        path = put(host, snapshot, lambda text: self._tell(Severity.OK, text))
        flags = ["--name", name, "--initial-cluster", flag, "--initial-cluster-token", token]
        flags += ["--initial-advertise-peer-urls", initial_cluster[node]]
        argv = ["sh", "-c", _TOOL + _RESTORE, "sh", _program(host), path, data, str(bump), *flags]
        tool = disk.run(host, argv, timeout=PATIENCE).text.strip()
        take_away(host, path)
        return f"{node}: restored from {snapshot} with {tool}"

    def describe_force_new(self, node: str) -> str:
        """What is done for one start."""
        from etcdtui.sites.ssh import once

        host = self._host(node)
        return host.shell.describe([], root=True, words=once.describe_once(host))

    def start_force_new(self, node: str) -> str:
        """Start a stopped node this once with ``--force-new-cluster``: one member with the old data.

        Raises:
            NodeError: it has no data, or it does not start; the message says why.
        """
        from etcdtui.sites.ssh import once

        return once.start_once(self._host(node))


def _program(host: Host) -> str:
    argv = host.facts.argv
    return host.facts.binary.removesuffix(" (deleted)") or (argv[0] if argv else "") or "etcd"
