"""Data of stopped pods moved aside within their claims under a name, and back."""

from __future__ import annotations

import yaml

from etcdtui.errors import NodeError
from etcdtui.sites.kube.helpers import KubeHelpers
from etcdtui.sites.kube.picture import Picture

NOTE = "as-it-started"
"""The pod's file of the ConfigMap as it was, beside the data; empty where it has none."""
OTHER, NOTHING = 21, 22
"""Exit codes: other data lies there; nothing lies there."""
_STATE = "initial-cluster-state"
SYNCED = """
# What was moved in a directory is on the disk then: of its own file system alone, where `sync` knows that.
# All the others of a machine may have much to write, or hang.
synced() { sync -f -- "$1" 2>/dev/null || sync; }
"""
_FENCE = """
# An empty node must found no cluster of its own: etcd does not start on a file of that name.
fence() { mkdir -p -- "$1" && chmod 700 -- "$1" && [ -d "$1/member" ] || : >"$1/member"; }
"""
_TO_SHELF = f"""
set -e; data=$1 shelf=$2
if [ -d "$data/member" ] && [ -e "$shelf/member" ]; then exit {OTHER}; fi
mkdir -p -- "$shelf"
if [ -e "$shelf/{NOTE}" ]; then echo noted; fi
"""
_ASIDE = f"""
set -e; data=$1 shelf=$2
{_FENCE}{SYNCED}
if [ -d "$data/member" ]; then mv -- "$data/member" "$shelf/member"; fi
if [ "$3" = fence ]; then fence "$data"; fi
synced "$shelf"
if [ ! -d "$shelf/member" ]; then exit {NOTHING}; fi
"""
_ON_SHELF = f'[ -e "$1/{NOTE}" ] || exit {NOTHING}; cat -- "$1/{NOTE}"'
_BACK = f"""
set -e; data=$1 shelf=$2
{SYNCED}
if [ -d "$shelf/member" ]; then
    if [ -d "$data/member" ]; then exit {OTHER}; fi
    if [ ! -d "$data" ]; then
        mkdir -p -- "$data"; chmod 700 -- "$data"; chown "$(stat -c %u:%g "$shelf/member")" "$data" || :
    fi
    rm -f -- "$data/member"; mv -- "$shelf/member" "$data/member"
elif [ -f "$data/member" ]; then rm -f -- "$data/member"
fi
synced "$shelf"
"""
_CLEAR = f'rm -f -- "$1/{NOTE}"; rmdir -- "$1" 2>/dev/null || :'


class KubeShelves(KubeHelpers):
    """The capability Shelving."""

    def describe_shelve(self, node: str, shelf: str) -> str:
        """The pod that is made, and what is run in it."""
        place = self.place(node)
        moved = f"mv {place.data_dir}/member {place.beside(f'shelf-{shelf}')}/"
        return f"{self.describe_helper(node)}; {moved}"

    def shelve(self, node: str, shelf: str) -> str:
        """Move a stopped node's data to that shelf, on the same claim; where it is.

        Raises:
            NodeError: it runs, or other data lies there.
        """
        helper = self.helper(node)
        data, place = helper.place.data_dir, helper.place.beside(f"shelf-{shelf}")
        looked = self.script(helper, _TO_SHELF, data, place, allow=(OTHER,))
        if looked.code == OTHER:
            raise NodeError(f"{node}: {place} holds data already, and {data} holds other data")
        text = self.file_of(node)
        if "noted" not in looked.out:
            note = (text or "").encode()
            self.put(helper, [note] if note else [], len(note), f"{place}/{NOTE}")
        if text is not None:
            # Before the data goes: an empty node must not found a cluster.
            self.rewrite(node, text, {_STATE: "existing"})
        fence = "fence" if text is None else ""
        moved = self.script(helper, _ASIDE, data, place, fence, allow=(NOTHING,))
        return f"{node}: holds no data" if moved.code == NOTHING else f"{node}: its data is in {place}"

    def describe_unshelve(self, node: str, shelf: str) -> str:
        """What is run in the pod."""
        place = self.place(node)
        return (
            f"in {self.describe_helper(node)}: mv {place.beside(f'shelf-{shelf}')}/member {place.data_dir}/"
        )

    def unshelve(self, node: str, shelf: str) -> str:
        """Move the data on that shelf back and have the node start as it did; what was done.

        Raises:
            NodeError: it runs, or holds other data.
        """
        helper = self.helper(node)
        data, place = helper.place.data_dir, helper.place.beside(f"shelf-{shelf}")
        noted = self.script(helper, _ON_SHELF, place, allow=(NOTHING,))
        if noted.code == NOTHING:
            return f"{node}: nothing of it is in {place}"
        if self.script(helper, _BACK, data, place, allow=(OTHER,)).code == OTHER:
            raise NodeError(f"{node}: {data} holds the data of a member", "move it aside first")
        if noted.out.strip():
            self.write_file_of(node, noted.out)
        self.script(helper, _CLEAR, place)
        return f"{node}: its data is back in {data}"

    # -- the pod's file --------------------------------------------------------------------

    def file_of(self, node: str) -> str | None:
        """A pod's own file in the ConfigMap; None where pods have none. Raises SiteError."""
        picture = self.fresh_picture()
        etcd = picture.etcd
        if "{pod}" not in etcd.config_file:
            return None
        text = picture.config.get(etcd.config_file.format(pod=node))
        if text is None:
            raise NodeError(f"{node}: ConfigMap {etcd.config_map} has no file of it, or may not be read")
        return text

    def rewrite(self, node: str, text: str, changes: dict[str, str]) -> None:
        """Write a pod's file with other settings, unless it has them. Raises SiteError."""
        try:
            settings = yaml.safe_load(text)
            new = {**settings, **changes}
        except (yaml.YAMLError, TypeError) as error:
            raise NodeError(f"{node}: its file in the ConfigMap: {' '.join(str(error).split())}") from None
        if new != settings:
            self.write_file_of(node, yaml.safe_dump(new, sort_keys=False))

    def write_file_of(self, node: str, text: str) -> None:
        """Write a pod's file. Raises SiteError."""
        picture = self.picture()
        key = picture.etcd.config_file.format(pod=node)
        if picture.config.get(key) != text:
            self._write_file(key, text)

    def fresh_picture(self) -> Picture:
        """A picture with the ConfigMap as it is now. Raises SiteError."""
        self.link().touch()
        return self.look()
