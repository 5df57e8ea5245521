"""A daemon that holds the mount namespace in which containerd, kubelet and controller manager run.

The fixed directories that these programs write (PRIVATE) are the lab's own there, and the pods'
mounts are seen there only: they all vanish with the namespace, and nothing is shared with another
containerd or kubelet of the machine.
Run as: unshare --mount --propagation private python -m tests.labs.kube.mountns FLAGS
"""

import argparse
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.labs.kube import settings

PRIVATE = {
    "/run/containerd": "run/rc",
    "/var/log/pods": "pod-logs",
    "/var/log/containers": "pod-log-links",
    "/var/lib/kubelet": "kubelet",
    "/var/lib/cni": "cni/lib",
    "/tmp/hostpath_pv": "volumes",
}
KEPT = ("/proc", "/sys", "/dev")


def main() -> None:
    parser = argparse.ArgumentParser()
    settings.add_flags(parser)
    s = settings.from_args(parser.parse_args())
    needed = [
        str(s.state_dir),
        str(s.cache_dir),
        str(Path(__file__).resolve()),
        sys.base_prefix,
        sys.prefix,
        "/usr",
        "/etc/ssl",
        *PRIVATE,
    ]
    # copies of other programs' mounts (pods and network namespaces of another lab) would pin them here
    mounts = [
        re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), line.split()[1])
        for line in Path("/proc/self/mounts").read_text().splitlines()
    ]
    for m in reversed(mounts):
        inside = (
            m == "/"
            or any((x + "/").startswith(m + "/") for x in needed)
            or any((m + "/").startswith(k + "/") for k in KEPT)
        )
        if not inside:
            subprocess.run(["umount", "-l", m], check=False)
    for target, source in PRIVATE.items():
        (s.state_dir / source).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", s.state_dir / source, target], check=True)
    subprocess.run(
        ["mount", "--make-rshared", "/"], check=True
    )  # within this namespace; the host is not reached
    (s.state_dir / "run/mountns.ready").touch()
    signal.pause()


if __name__ == "__main__":
    main()
