"""Builds the four Kubernetes programs, the pause program and the image archives into the cache."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.labs.kube import K8S_VERSION, images, packages
from tests.labs.kube.settings import Settings

PROGRAMS = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"]
# cloud providers and dockershim left out; nokmem: kernels since 5.16 refuse or ignore memory.kmem limits
TAGS = "providerless,dockerless,nokmem"


def build(s: Settings, keep: bool = False) -> None:
    packages.install()
    work = s.cache_dir / "build"
    env = dict(
        os.environ,
        GO111MODULE="off",
        GOPATH=str(work / "go"),
        GOCACHE=str(work / "gocache"),
        GOFLAGS="",
        GOTOOLCHAIN="local",
        GOPROXY="off",
        CGO_ENABLED="0",
    )
    env.pop("GOROOT", None)
    env["PATH"] = "/usr/bin:" + env["PATH"]  # Debian's go, before any other
    if not all((s.bin_dir / p).exists() for p in PROGRAMS):
        _kubernetes(s, work, env)
    if not (s.bin_dir / "pause").exists():
        _go(
            s.bin_dir / "pause",
            [str(Path(__file__).with_name("pause.go"))],
            "-s -w",
            env,
            Path(__file__).parent,
        )
    images.make_all(s)
    if not keep:
        shutil.rmtree(work, ignore_errors=True)
    print("built in", s.cache_dir)


def _kubernetes(s: Settings, work: Path, env: dict[str, Any]) -> None:
    tree = work / "go/src/k8s.io/kubernetes"  # a GOPATH build: everything is in the tree's vendor/
    if not tree.exists():
        step("fetching the source of Kubernetes from Debian")
        work.mkdir(parents=True, exist_ok=True)
        unpacked = packages.fetch_source(work)
        tree.parent.mkdir(parents=True, exist_ok=True)
        unpacked.rename(tree)
    if not (tree / "pkg/generated/openapi/zz_generated.openapi.go").exists():
        step(
            "generating the OpenAPI definitions"
        )  # not in the source package; the API server does not compile without
        subprocess.run(
            ["nice", "-n", "5", "make", "gen_openapi", f"KUBE_GIT_VERSION=v{K8S_VERSION}"],
            cwd=tree,
            check=True,
            env=dict(env, PWD=str(tree)),
            stdout=subprocess.DEVNULL,
        )
    step("compiling " + ", ".join(PROGRAMS))
    base, client = (
        "k8s.io/kubernetes/vendor/k8s.io/component-base/version",
        "k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version",
    )
    major, minor, _ = K8S_VERSION.split(".")
    values = {
        f"{base}.gitVersion": "v" + K8S_VERSION,
        f"{base}.gitMajor": major,
        f"{base}.gitMinor": minor,
        f"{base}.gitTreeState": "archive",
        f"{client}.gitVersion": "v" + K8S_VERSION,
    }
    flags = "-s -w " + " ".join(f"-X {k}={v}" for k, v in values.items())
    for p in PROGRAMS:
        _go(s.bin_dir / p, ["k8s.io/kubernetes/cmd/" + p], flags, env, tree)


def _go(out: Path, what: list[str], ldflags: str, env: dict[str, Any], cwd: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    subprocess.run(
        [
            "nice",
            "-n",
            "5",
            "go",
            "build",
            "-trimpath",
            "-tags",
            TAGS,
            "-ldflags",
            ldflags,
            "-o",
            str(part),
            *what,
        ],
        check=True,
        cwd=cwd,
        env=dict(env, PWD=str(cwd)),
    )
    part.rename(out)
    step(f"  {out.name}: {out.stat().st_size / 2**20:.1f} MiB")


_START = time.monotonic()


def step(text: str) -> None:
    print(f"[{time.monotonic() - _START:5.1f} s] {text}", flush=True)
