"""Data of stopped pods made from a snapshot file, and their databases read, by a pod beside their claims."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from etcdtui.errors import NodeError, NotOffered, SiteError
from etcdtui.model.health import Finding
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean, si_bytes
from etcdtui.sites.kube.helper_pod import SCRATCH
from etcdtui.sites.kube.helpers import LONG, SHORT, Helper
from etcdtui.sites.kube.shelves import OTHER, SYNCED, KubeShelves
from etcdtui.sites.local.spec import initial_cluster_flag

FILE = f"{SCRATCH}/snapshot.db"
TOKEN = "etcdtui-token"  # noqa: S105  # the name of a file
"""Beside the data that was restored: the token of the cluster, which proves that it was completed."""
_BLOCK = 1 << 16
_NEEDED = ("cat", "chmod", "chown", "head", "mkdir", "mv", "rm", "rmdir", "sha256sum", "stat", "sync", "wc")
_HAS = 'for each in "$@"; do command -v "$each" >/dev/null || { echo "there is no $each" >&2; exit 1; }; done'
_LOOK = f"""
if [ -d "$1/member" ]; then cat -- "$1/member/{TOKEN}" 2>/dev/null; exit {OTHER}; fi
rm -rf -- "$2"
"""
_INSTALL = f"""
set -e; data=$1 part=$2
{SYNCED}
printf %s "$3" >"$part/member/{TOKEN}"
synced "$part"
if [ -d "$data" ]; then
    chown "$(stat -c %u:%g "$part")" "$data" 2>/dev/null || :
    if [ -d "$data/member" ]; then exit {OTHER}; fi
    rm -f -- "$data/member"; mv -- "$part/member" "$data/member"; rm -rf -- "$part"
else
    mv -- "$part" "$data"
fi
synced "$data"
"""


class KubeRestores(KubeShelves):
    """The capabilities Rehearsing, Restorable and Salvaging."""

    # -- beforehand ------------------------------------------------------------------------

    def describe_rehearsal(self) -> str:
        """The pod that is tried. Raises SiteError where it is known already that nothing can be restored."""
        etcd = self.picture().etcd
        if etcd.scripted and etcd.initial_size is None:
            raise NotOffered(
                f"{etcd.name}: nothing tells what its scripts do with data that is there",
                "restore by hand, as their maker says",
            )
        self.describe_stop_all()
        call = self.describe_helper(etcd.pod(0))
        if not self.has_shell():
            raise self.no_shell()
        return f"{call}, with empty directories; etcdutl version"

    def restoring(self) -> tuple[Finding, ...]:
        """Whether snapshots can be restored, as far as it can be told without trying."""
        try:
            self.describe_rehearsal()
        except SiteError as error:
            return (Finding("restore", Severity.WARNING, str(error)),)
        return (Finding("restore", Severity.OK, "snapshots can be restored, as far as can be told"),)

    def rehearse(self) -> str:
        """Bring up a helper pod without a claim, look for what is needed in it, and delete it.

        Raises:
            SiteError: it may not be made, does not come up, or lacks a program; the message names it.
        """
        helper = self.trial()
        try:
            self.script(helper, _HAS, *_NEEDED)
            tool = self._tool(helper)
        finally:
            self.dismiss(helper.pod, wait=False)
        return f"a helper pod comes up, with {tool[1]}"

    # -- restoring -------------------------------------------------------------------------

    def describe_restore(self, node: str, snapshot: str) -> str:
        """What is run in the pod, without the members that the plan gives it."""
        words = f"etcdutl snapshot restore {FILE} --name {node} --data-dir {self.place(node).data_dir}"
        return f"in {self.describe_helper(node)}: {snapshot} > {FILE}; {words}"

    def restore_node(
        self, node: str, snapshot: str, initial_cluster: Mapping[str, str], token: str, *, bump: int = 0
    ) -> str:
        """Copy the file there, restore it beside the data directory, and move it in; what was done.

        A pod with a file in the ConfigMap has the new token and members in it from then on. Done again
        with the same token, it says so and leaves the data alone.

        Raises:
            NodeError: it runs, holds the data of a member, or the tool refuses; its own words say why.
        """
        helper = self.helper(node, initial_cluster[node])
        data, part = helper.place.data_dir, helper.place.beside("etcdtui-part")
        looked = self.script(helper, _LOOK, data, part, allow=(OTHER,))
        if looked.code == OTHER:
            if looked.out.strip() != token:
                raise NodeError(f"{node}: {data} holds the data of a member", "move it aside first")
            self.dismiss(helper.pod, wait=False)
            return f"{node}: was restored before"
        flag = initial_cluster_flag(initial_cluster)
        text = self.file_of(node)
        if text is not None:
            changes = {"name": node, "initial-cluster": flag, "initial-cluster-token": token}
            self.rewrite(node, text, {**changes, "initial-cluster-state": "existing"})
        self._upload(helper, Path(snapshot))
        tool, words = self._tool(helper)
        argv = [
            tool, "snapshot", "restore", FILE, "--data-dir", part, "--name", node,
            "--initial-cluster", flag, "--initial-cluster-token", token,
            "--initial-advertise-peer-urls", initial_cluster[node],
        ]  # fmt: skip
        if bump and self._knows(helper, tool, "--bump-revision"):
            argv += ["--bump-revision", str(bump), "--mark-compacted"]
        self.run(helper, argv, etcd=True, timeout=LONG)
        if self.script(helper, _INSTALL, data, part, token, allow=(OTHER,)).code == OTHER:
            raise NodeError(f"{node}: {data} holds the data of a member", "move it aside first")
        self.dismiss(helper.pod, wait=False)
        return f"{node}: restored from {snapshot} with {words}"

    def _upload(self, helper: Helper, path: Path) -> None:
        """The file, unless it is there already: whole, as its sha256 says. Raises SiteError."""
        try:
            size, wanted = path.stat().st_size, _digest_of(path)
            if self._digest(helper, FILE) != wanted:
                self.chronicle.tell(Severity.OK, f"{helper.node}: copying {path.name}, {si_bytes(size)}")
                self.put(helper, _blocks(path), size, FILE)
        except OSError as error:
            raise SiteError(f"{path}: {error.strerror}") from None
        if self._digest(helper, FILE) != wanted:
            raise NodeError(f"{helper.node}: {path.name} arrived damaged", "try again")

    def _digest(self, helper: Helper, path: str) -> str:
        """The sha256 in hex of a file there; empty for none."""
        text = '[ ! -e "$1" ] || sha256sum -- "$1"'
        return self.script(helper, text, path).out.partition(" ")[0].lstrip("\\")

    def _tool(self, helper: Helper) -> tuple[str, str]:
        """``etcdutl``, else ``etcdctl``, and the same with its version. Raises SiteError."""
        for tool in ("etcdutl", "etcdctl"):
            try:
                said = self.run(helper, [tool, "version"], etcd=True).out
            except NodeError:
                continue
            version = said.partition("\n")[0].rpartition(" ")[2]
            return tool, f"{tool} {clean(version, 40)}"
        image = clean(self.picture().etcd.image, 120)
        raise NodeError(f"{helper.node}: there is neither etcdutl nor etcdctl in {image} to restore with")

    def _knows(self, helper: Helper, tool: str, flag: str) -> bool:
        ran = self.run(helper, [tool, "snapshot", "restore", "--help"], etcd=True, timeout=SHORT)
        return flag in ran.out + ran.err

    # -- what a stopped node holds ---------------------------------------------------------

    def describe_salvage(self, node: str) -> str:
        """What is run in the pod."""
        return f"in {self.describe_helper(node)}: cat {self.place(node).data_dir}/member/snap/db"

    def salvage(self, node: str) -> tuple[int, Iterator[bytes]]:
        """The size of the database of a stopped node, and all of it, as `Salvaging` has it."""
        helper = self.helper(node)
        path = f"{helper.place.data_dir}/member/snap/db"
        said = self.script(helper, '[ ! -e "$1" ] || wc -c <"$1"', path).out.strip()
        if not said.isdecimal():
            raise NodeError(f"{node}: {path}: there is no database", "name another node")
        return int(said), self._read(helper, path, int(said))

    def _read(self, helper: Helper, path: str, size: int) -> Iterator[bytes]:
        digest, came = hashlib.sha256(), 0
        for piece in self.pieces_of(helper, ["cat", path]):
            digest.update(piece)
            came += len(piece)
            yield piece
        if came != size or digest.hexdigest() != self._digest(helper, path):
            raise NodeError(f"{helper.node}: {path} arrived damaged, {si_bytes(came)} of it", "try again")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
