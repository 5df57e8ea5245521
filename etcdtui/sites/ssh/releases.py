"""Another etcd for a host: releases unpacked beside each other, and the link that says which one runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError, SiteError
from etcdtui.model.text import clean
from etcdtui.model.versions import parse_version
from etcdtui.sites.base import Release
from etcdtui.sites.ssh.facts import Runs
from etcdtui.sites.ssh.shell import checked

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

# Of /opt/etcd/etcd, where /opt/etcd leads to /opt/etcd-v3.5.1, the releases are /opt/*/etcd. The program
# itself may be the link too, as /usr/local/bin/etcd to /opt/etcd-v3.5.1/etcd.
_FIND = r"""
version() { "$1" --version 2>/dev/null | sed -n 's/^etcd Version: *//p'; }
program=$(command -v "$1") || { echo "there is no $1" >&2; exit 1; }
link=$(dirname "$program"); ending=
if [ ! -L "$link" ]; then link=$program; ending=/etcd; fi
echo "current $(version "$program") $program"
[ -L "$link" ] || exit 0
echo "link $link"
real=$(dirname "$(readlink -f "$program")")
for each in "$(dirname "$real")"/*/etcd; do
    folder=$(dirname "$each")
    [ -x "$each" ] && [ ! -L "$folder" ] && echo "release $(version "$each") $folder$ending"
done
:
"""
# A link is replaced as a whole: there is no moment without it.
_SWITCH = 'ln -sfn -- "$1" "$2.etcdtui" && mv -T -- "$2.etcdtui" "$2"'


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a host can run."""

    current: str = ""
    """The version it starts next."""
    program: str = ""
    link: str = ""
    """The link that leads to it; empty when there is none, so that nothing can be switched."""
    releases: dict[str, str] = field(default_factory=dict)
    """What the link can lead to, by version."""


def shelf_of(host: Host) -> Shelf:
    """Look at what a host can run. Raises SiteError."""
    if not host.detected:
        host.look()
    if host.facts.runs is Runs.STATIC_POD:
        raise NodeError(
            f"{host.name}: the image in {host.facts.manifest} says which etcd runs", "change it there"
        )
    argv = host.facts.argv
    program = argv[0] if argv and "/" in argv[0] else host.facts.binary or "etcd"
    done = checked(host.shell.elevated(["sh", "-c", _FIND, "sh", program]), f"{host.name}: its etcd")
    current = found = link = ""
    releases: dict[str, str] = {}
    for line in done.text.splitlines():
        word, _, rest = line.partition(" ")
        version, _, path = rest.partition(" ")
        if word == "current":
            current, found = version, path
        elif word == "link":
            link = rest
        elif word == "release" and parse_version(version) is not None:
            releases[version] = path
    return Shelf(current, found, link, releases)


class SshReleases:
    """Upgradable: the part of `etcdtui.sites.ssh.site.SshSite` that gives nodes another etcd."""

    name: str

    def hosts(self) -> dict[str, Host]:
        """The hosts by name."""
        raise NotImplementedError

    def _host(self, node: str) -> Host:
        raise NotImplementedError

    def releases(self) -> tuple[Release, ...]:
        """The releases that every host which is reached can be switched to, oldest first."""
        from etcdtui.sites.ssh.link import Status

        shelves = [shelf_of(h) for h in self.hosts().values() if h.link.status is Status.UP]
        if not shelves:
            raise SiteError(f"{self.name}: no host is reached")
        common = set.intersection(*(set(shelf.releases) for shelf in shelves))
        order = sorted(common, key=lambda version: parse_version(version) or (0, 0, 0))
        return tuple(Release(version, shelves[0].releases[version]) for version in order)

    def node_release(self, node: str) -> str:
        """The version the node will be started with next; empty when that cannot be told."""
        try:
            return shelf_of(self._host(node)).current
        except SiteError:
            return ""

    def describe_switch(self, node: str, version: str) -> str:
        """The link that is laid anew."""
        host = self._host(node)
        shelf = shelf_of(host)
        target = shelf.releases.get(version, "?")
        return host.shell.describe([], root=True, words=f"ln -sfn {target} {shelf.link or '?'}")

    def switch_release(self, node: str, version: str) -> str:
        """Have the link lead to that release; the etcd that runs goes on until it is restarted.

        Raises:
            NodeError: there is no such release, or no link.
        """
        host = self._host(node)
        shelf = shelf_of(host)
        if shelf.current == version:
            return f"{node}: starts with etcd {version} already"
        if not shelf.link:
            raise NodeError(
                f"{node}: its etcd {clean(shelf.program)} is not behind a link",
                "unpack releases beside each other and have a link lead to the one that runs",
            )
        if version not in shelf.releases:
            there = ", ".join(shelf.releases) or "none"
            raise NodeError(f"{node}: there is no etcd {version} beside {shelf.link}", f"found: {there}")
        argv = ["sh", "-c", _SWITCH, "sh", shelf.releases[version], shelf.link]
        checked(host.shell.sudo(argv), node)
        return f"{node}: {shelf.link} leads to etcd {version} from now on"
