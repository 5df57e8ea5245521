"""A release of etcd brought to a host: fetched, its checksum verified, unpacked beside older ones, linked."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etcdtui.errors import NodeError, SiteError
from etcdtui.model.bootstrap import HostsBootstrap, Source
from etcdtui.model.text import clean, si_bytes
from etcdtui.sites.ssh import receipt
from etcdtui.sites.ssh.shell import Done, checked

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

FETCH_TIMEOUT = 30.0
"""Seconds of silence after which fetching counts as failed."""
UNPACK_TIMEOUT = 120.0
HOST_FETCH_TIMEOUT = 600.0
CHUNK = 1 << 18
PARCELS = ".cache/etcdtui"
"""Where tarballs are put on a host, in the account's home; several hosts may share it."""

Run = Callable[..., Done]

_THERE = r"""
[ -x "$1/etcd" ] && "$1/etcd" --version 2>/dev/null | sed -n 's/^etcd Version: *//p'
echo "link $(readlink "$2" 2>/dev/null)"
"""
# Unpacked under a name of its own and renamed: a release is there as a whole or not at all.
_UNPACK = r"""
set -e
tarball=$1 target=$2 wanted=$3
version() { "$1/etcd" --version 2>/dev/null | sed -n 's/^etcd Version: *//p'; }
no() { echo "$*" >&2; exit 1; }
folders "$(dirname "$target")"
part=$target.part.$$
mkdir -p "$part"
trap 'rm -rf "$part"' EXIT
tar -xzf "$tarball" -C "$part" --strip-components=1 --no-same-owner || no "no tarball, or not a whole one"
[ -x "$part/etcd" ] || no "there is no etcd in it"
found=$(version "$part")
[ -n "$found" ] || no "the etcd in it cannot be run on this machine ($(uname -m))"
[ "$found" = "$wanted" ] || no "the etcd in it is $found, and the plan says $wanted"
chmod 755 "$part"
# Members of one machine share it: one after the other where there is flock.
exec 9<"$(dirname "$target")"
flock -w 60 9 2>/dev/null || :
[ "$(version "$target")" != "$wanted" ] || exit 0
if [ -e "$target" ]; then mv -T "$target" "$target.damaged.$(date +%s)"; fi
mv -T "$part" "$target"
"""
_LINK = r"""
set -e
target=$1 link=$2 was=$(readlink "$2" 2>/dev/null || echo -)
# Members of one machine share the link: who finds it laid already has changed nothing.
if [ "$was" != "$target" ] && ! grep -qF -- "link $link " "$receipt" 2>/dev/null; then
    note link "$link" "$was"
fi
ln -sfn -- "$target" "$link.$$" && mv -T -- "$link.$$" "$link"
"""
_FETCH = r"""
set -e
cd && mkdir -p "$3"
if command -v curl >/dev/null; then curl -fsSL -o "$3/$2.$$" "$1"
else wget -q -O "$3/$2.$$" "$1"; fi
mv "$3/$2.$$" "$3/$2"
"""
_SUM = '[ -e "$1" ] && sha256sum "$1" | cut -d" " -f1 || :'


def target_of(plan: HostsBootstrap) -> str:
    """The release's directory on the hosts."""
    return f"{plan.install_dir.rstrip('/')}/v{plan.release.version}"


def link_of(plan: HostsBootstrap) -> str:
    """The link to the release that runs."""
    return f"{plan.install_dir.rstrip('/')}/current"


def tarball_name(plan: HostsBootstrap) -> str:
    """The file's name."""
    return plan.release.where.rstrip("/").rpartition("/")[2].partition("?")[0] or "etcd.tar.gz"


# -- here --------------------------------------------------------------------------------------


def local_tarball(plan: HostsBootstrap, cache: Path, tell: Callable[[str], None]) -> tuple[Path, str]:
    """The tarball on this machine and its SHA-256, fetched when the plan says so.

    Raises:
        SiteError: it is not there, cannot be fetched, or is another than the checksum says.
    """
    release = plan.release
    path = Path(release.where) if release.source is Source.TARBALL else cache / tarball_name(plan)
    if release.source is Source.URL and not (path.exists() and release.sha256 == _sha256(path)):
        _fetch(release.where, path, tell)
    found = _sha256(path)
    if not release.sha256:
        _see_whole(path)
    elif found != release.sha256:
        raise SiteError(
            f"{path}: its SHA-256 is {found}, expected {release.sha256}",
            "fetch it again, or correct `sha256`",
        )
    return path, found


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from None
    return digest.hexdigest()


def _see_whole(path: Path) -> None:
    """Read all of it before hosts are sent it, where no checksum tells of damage. Raises SiteError."""
    try:
        with tarfile.open(path, "r|gz") as tar:
            names = [member.name for member in tar if member.isfile()]
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise SiteError(f"{path}: no tarball, or not a whole one: {clean(str(error), 100)}") from None
    if not any(re.fullmatch(r"(\./)?[^/]+/etcd", name) for name in names):
        raise SiteError(f"{path}: there is no etcd in it")


def _fetch(url: str, path: Path, tell: Callable[[str], None]) -> None:
    if not url.startswith(("http://", "https://")):
        raise SiteError(f"{clean(url)}: expected a URL of http or https")
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT) as answer, part.open("wb") as file:  # noqa: S310
            whole, size = int(answer.headers.get("Content-Length") or 0), 0
            while chunk := answer.read(CHUNK):
                size += file.write(chunk)
                tell(f"fetching {path.name}: {si_bytes(size)}" + (f" of {si_bytes(whole)}" if whole else ""))
        if whole and size != whole:
            raise SiteError(f"{clean(url)}: ended after {size} of {whole} bytes")
        part.replace(path)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise SiteError(f"{clean(url)}: {clean(str(reason), 200)}") from None


# -- there -------------------------------------------------------------------------------------


def install(
    host: Host,
    plan: HostsBootstrap,
    run: Run,
    tarball: tuple[Path, str] | None,
    tell: Callable[[str], None],
    noted: str = "",
) -> str:
    """Have the release unpacked and linked on a host; what was done, in words.

    Args:
        noted: the receipt in which the link is noted; empty for none.
        run: runs a command with the rights that the directories need.
        tarball: the file here and its SHA-256; None when the host fetches it by itself.

    Raises:
        SiteError: naming the host and what failed.
    """
    target, link, wanted = target_of(plan), link_of(plan), plan.release.version
    there = run(["sh", "-c", _THERE, "sh", target, link]).text.splitlines()
    linked = there[-1].removeprefix("link ") if there else ""
    did = []
    if wanted not in there[:-1]:
        parcel = _bring(host, plan, tarball, tell)
        unpack = receipt.script(_UNPACK, noted, parcel, target, wanted)
        checked(run(unpack, timeout=UNPACK_TIMEOUT), f"{host.name}: {parcel}")
        now = run(["sh", "-c", _THERE, "sh", target, link]).text.splitlines()
        if wanted not in now[:-1]:
            raise NodeError(f"{host.name}: {target}/etcd does not say that it is etcd {wanted}")
        did.append(f"unpacked etcd {wanted} into {target}")
    if linked != target:
        checked(run(receipt.script(_LINK, noted, target, link)), host.name)
        did.append(f"{link} leads to it")
    return f"{host.name}: {', '.join(did) or f'etcd {wanted} is there already'}"


def _bring(
    host: Host, plan: HostsBootstrap, tarball: tuple[Path, str] | None, tell: Callable[[str], None]
) -> str:
    """Have the tarball on the host, checked; its path there."""
    name = tarball_name(plan)
    making = checked(host.shell.run(["sh", "-c", 'cd && mkdir -p "$1" && pwd', "sh", PARCELS]), host.name)
    parcel = f"{making.text.strip()}/{PARCELS}/{name}"
    digest = tarball[1] if tarball else plan.release.sha256
    if digest and _sum_there(host, parcel) == digest:
        return parcel
    if tarball is not None:
        _upload(host, tarball[0], parcel, tell)
    else:
        tell(f"{host.name} fetches {name}")
        script = ["sh", "-c", _FETCH, "sh", plan.release.where, name, PARCELS]
        checked(
            host.shell.run(script, timeout=HOST_FETCH_TIMEOUT), f"{host.name}: {clean(plan.release.where)}"
        )
    found = _sum_there(host, parcel)
    if digest and found != digest:
        raise NodeError(f"{host.name}: {name}: its SHA-256 there is {found}, expected {digest}")
    return parcel


def _sum_there(host: Host, parcel: str) -> str:
    return host.shell.run(["sh", "-c", _SUM, "sh", parcel], timeout=60).text.strip()


def _upload(host: Host, path: Path, parcel: str, tell: Callable[[str], None]) -> None:
    """Copy a file over SFTP, under another name until it is whole."""
    from paramiko.ssh_exception import SSHException

    size = path.stat().st_size

    def progress(sent: int, _whole: int) -> None:
        tell(f"{host.name}: {si_bytes(sent)} of {si_bytes(size)} copied")

    try:
        sftp: Any = host.link.transport(10.0).open_sftp_client()
        try:
            sftp.get_channel().settimeout(60.0)
            part = f"{parcel}.{host.name}"
            sftp.put(os.fspath(path), part, callback=progress)
            sftp.posix_rename(part, parcel)
        finally:
            sftp.close()
    except (SSHException, EOFError, OSError) as error:
        raise NodeError(f"{host.name}: {path.name} could not be copied: {clean(str(error), 120)}") from None
