"""What the lab makes on the host besides processes: a bridge, a root cgroup and some mount points."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

from tests.labs.kube.mountns import PRIVATE
from tests.labs.kube.settings import Settings


def make(s: Settings) -> None:
    if not Path("/sys/class/net", s.bridge).exists():
        _ip("link", "add", s.bridge, "type", "bridge")
        octets = [int(x) for x in s.node_ip.split(".")]
        # Else its address follows the ports.
        _ip("link", "set", s.bridge, "address", "0a:58:" + ":".join(f"{x:02x}" for x in octets))
        _ip("addr", "add", f"{s.node_ip}/{s.network.prefixlen}", "dev", s.bridge)
    _ip("link", "set", s.bridge, "up")
    for root in _cgroup_mounts():
        _make_cgroup(root, s.cgroup)
    made = s.state_dir / "mount-points.json"
    new = [d for d in PRIVATE if not Path(d).exists()] + (
        json.loads(made.read_text()) if made.exists() else []
    )
    made.write_text(json.dumps(sorted(set(new))))
    for d in PRIVATE:
        Path(d).mkdir(parents=True, exist_ok=True)


def remove(s: Settings) -> None:
    for link in Path("/sys/class/net", s.bridge, "brif").glob("*"):
        _ip("link", "del", link.name, check=False)
    if Path("/sys/class/net", s.bridge).exists():
        _ip("link", "del", s.bridge)
    for root in _cgroup_mounts():
        for d, _, _ in os.walk(root / s.cgroup, topdown=False):
            try:
                Path(d).rmdir()
            except OSError as e:
                print("left:", d, e.strerror)
    for m in reversed(Path("/proc/self/mounts").read_text().split("\n")):
        if m and (m.split()[1] + "/").startswith(f"{s.state_dir}/"):
            subprocess.run(["umount", "-l", m.split()[1]], check=False)
    made = s.state_dir / "mount-points.json"
    for d in json.loads(made.read_text()) if made.exists() else []:
        with contextlib.suppress(OSError):
            Path(d).rmdir()
    made.unlink(missing_ok=True)


def left(s: Settings) -> list[str]:
    """What of the lab is on the host still: processes that name its state, mounts, the bridge, cgroups."""
    out = []
    for p in Path("/proc").glob("[0-9]*"):
        try:
            words = (p / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if int(p.name) != os.getpid() and any(str(s.state_dir) + "/" in w + "/" for w in words):
            out.append(f"process {p.name}: {' '.join(words)[:100]}")
    out += [
        f"mount {m.split()[1]}"
        for m in Path("/proc/self/mounts").read_text().splitlines()
        if (m.split()[1] + "/").startswith(f"{s.state_dir}/")
    ]
    out += [f"interface {s.bridge}"] if Path("/sys/class/net", s.bridge).exists() else []
    out += [f"cgroup {r / s.cgroup}" for r in _cgroup_mounts() if (r / s.cgroup).exists()]
    return out


def _ip(*args: str, check: bool = True) -> None:
    subprocess.run(["ip", *args], check=check, stderr=None if check else subprocess.DEVNULL)


def _cgroup_mounts() -> list[Path]:
    return [
        Path(m.split()[1])
        for m in Path("/proc/self/mounts").read_text().splitlines()
        if m.split()[2] in ("cgroup", "cgroup2")
    ]


def _make_cgroup(root: Path, name: str) -> None:
    """The kubelet's root cgroup in one hierarchy; a new cpuset must be given CPUs and memory nodes first."""
    new = root / name
    new.mkdir(exist_ok=True)
    for f in ("cpuset.cpus", "cpuset.mems"):
        if (root / f).exists() and (new / f).exists() and not (new / f).read_text().strip():
            (new / f).write_text((root / f).read_text())
    if root == Path("/sys/fs/cgroup"):  # the unified hierarchy alone: hand its controllers down
        wanted = " ".join("+" + c for c in (root / "cgroup.controllers").read_text().split())
        for d in (root, new):
            (d / "cgroup.subtree_control").write_text(wanted)
