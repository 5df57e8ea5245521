"""What is taken from Debian: packages by apt-get, and the source of Kubernetes by a private apt setting."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.labs.kube import K8S_VERSION

NEEDED = [
    "golang-go",
    "rsync",
    "jq",
    "dpkg-dev",  # to build
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iproute2",
    "openssl",
    "util-linux",  # to run
    "etcd-server",
    "etcd-client",
    "busybox-static",  # control plane and images
]
POLICY = Path("/usr/sbin/policy-rc.d")


def missing() -> list[str]:
    def installed(name: str) -> bool:
        r = subprocess.run(
            ["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True
        )
        return r.stdout == "installed"

    names = [n for n in NEEDED if not installed(n)]
    if not shutil.which("kubectl"):
        names.append("kubernetes-client")
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        names.append("python3-pip")
    return names


def install() -> None:
    """Installs what is missing, keeping the packages' own daemons (etcd, containerd) from being started."""
    names = missing()
    if not names:
        return
    print("installing", *names, flush=True)
    guard = not POLICY.exists()
    if guard:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    try:
        subprocess.run(["apt-get", "-q", "update"], check=True, env=env, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["apt-get", "-q", "-y", "--no-install-recommends", "install", *names], check=True, env=env
        )
    finally:
        if guard:
            POLICY.unlink(missing_ok=True)


def source_lines(etc: Path = Path("/etc/apt")) -> str:
    """The machine's own package sources, as one-line deb-src entries."""
    lines = []
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else []:
            if m := re.match(r"\s*deb(-src)?\s+(.*)", line):
                lines.append("deb-src " + m.group(2))
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        text = "\n".join(x for x in path.read_text().splitlines() if not x.startswith("#"))
        for stanza in re.split(r"\n\s*\n", text):
            keys = {
                k.lower(): v.split()
                for k, v in re.findall(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.M)
            }
            if "deb" not in keys.get("types", []) or keys.get("enabled") == ["no"]:
                continue
            signed = keys.get("signed-by", [])
            option = f"[signed-by={signed[0]}] " if len(signed) == 1 and signed[0].startswith("/") else ""
            for uri in keys["uris"]:
                for suite in keys["suites"]:
                    lines.append(f"deb-src {option}{uri} {suite} {' '.join(keys.get('components', []))}")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def fetch_source(work: Path) -> Path:
    """Downloads, verifies, unpacks and patches Debian's Kubernetes; gives the unpacked tree."""
    apt = work / "apt"
    for half in work.glob("kubernetes-*/"):  # of a build that was cut off
        shutil.rmtree(half)
    for d in ("lists/partial", "cache/archives/partial"):
        (apt / d).mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(source_lines())
    options = [
        f"-oDir::State::Lists={apt}/lists",
        f"-oDir::Etc::SourceList={apt}/sources.list",
        "-oDir::Etc::SourceParts=/dev/null",
        f"-oDir::Cache={apt}/cache",
        "-oAPT::Sandbox::User=root",
        "-oAcquire::Languages=none",
    ]
    subprocess.run(["apt-get", "-q", *options, "update"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["apt-get", "-q", *options, "source", "kubernetes"], check=True, cwd=work, stdout=subprocess.DEVNULL
    )
    trees = [p for p in work.glob("kubernetes-*") if p.is_dir()]
    if len(trees) != 1 or K8S_VERSION not in trees[0].name:
        raise SystemExit(
            f"expected Debian's source of Kubernetes {K8S_VERSION}, found {[p.name for p in trees]}"
        )
    return trees[0]
