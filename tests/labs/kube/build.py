"""Builds the four Kubernetes programs, the pause program and the image archives into the cache."""

import fcntl
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.labs.kube import K8S_VERSION, images, packages
from tests.labs.kube.settings import Settings

PROGRAMS = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"]
# cloud providers and dockershim left out; nokmem: kernels since 5.16 refuse or ignore memory.kmem limits
TAGS = "providerless,dockerless,nokmem"


def build(s: Settings, keep: bool = False) -> None:
    """Make what is missing in the cache; a second build waits for the first and then finds it all."""
    s.cache_dir.mkdir(parents=True, exist_ok=True)
    with (s.cache_dir / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(s, keep)


def _build(s: Settings, keep: bool) -> None:
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
        GOGC="400",  # a fifth of the compiler's time goes into tidying its memory; this halves that
    )
    env.pop("GOROOT", None)
    env["PATH"] = "/usr/bin:" + env["PATH"]  # Debian's go, before any other
    if lacking := [p for p in PROGRAMS if not (s.bin_dir / p).exists()]:
        _kubernetes(s, work, env, lacking)
    if not (s.bin_dir / "pause").exists():
        here = Path(__file__).parent
        _go(s, [str(here / "pause.go")], "-s -w", env, here)
    images.make_all(s)
    if not keep:
        shutil.rmtree(work, ignore_errors=True)
    step(f"built in {s.cache_dir}")


def _kubernetes(s: Settings, work: Path, env: dict[str, Any], lacking: list[str]) -> None:
    tree = work / "go/src/k8s.io/kubernetes"  # a GOPATH build: everything is in the tree's vendor/
    if not tree.exists():
        step("fetching the source of Kubernetes from Debian")
        work.mkdir(parents=True, exist_ok=True)
        unpacked = packages.fetch_source(work)
        tree.parent.mkdir(parents=True, exist_ok=True)
        unpacked.rename(tree)
    # Only the API server is compiled from the OpenAPI definitions: the others need not wait for them.
    with ThreadPoolExecutor(1) as beside:
        definitions = beside.submit(_openapi, tree, env) if "kube-apiserver" in lacking else None
        _programs(s, tree, env, [p for p in lacking if p != "kube-apiserver"])
        if definitions is not None:
            definitions.result()
            _programs(s, tree, env, ["kube-apiserver"])


def _programs(s: Settings, tree: Path, env: dict[str, Any], names: list[str]) -> None:
    if names:
        step("compiling " + ", ".join(names))
        _go(s, ["k8s.io/kubernetes/cmd/" + name for name in names], _version_flags(), env, tree)


def _openapi(tree: Path, env: dict[str, Any]) -> None:
    """Generate what the source package lacks and the API server is not compiled without."""
    if (tree / "pkg/generated/openapi/zz_generated.openapi.go").exists():
        return
    step("generating the OpenAPI definitions")
    subprocess.run(
        ["nice", "-n", "5", "make", "gen_openapi", f"KUBE_GIT_VERSION=v{K8S_VERSION}"],
        cwd=tree,
        check=True,
        env=dict(env, PWD=str(tree)),
        stdout=subprocess.DEVNULL,
    )
    step("the OpenAPI definitions are there")


def _version_flags() -> str:
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
    return "-s -w " + " ".join(f"-X {k}={v}" for k, v in values.items())


def _go(s: Settings, what: list[str], ldflags: str, env: dict[str, Any], cwd: Path) -> None:
    """Compile programs into the cache, all with one call: one is linked while the next is compiled."""
    part = s.cache_dir / "bin.part"
    part.mkdir(parents=True, exist_ok=True)
    s.bin_dir.mkdir(parents=True, exist_ok=True)
    command = ["go", "build", "-trimpath", "-tags", TAGS, "-ldflags", ldflags, "-o", f"{part}/", *what]
    subprocess.run(["nice", "-n", "5", *command], check=True, cwd=cwd, env=dict(env, PWD=str(cwd)))
    for made in sorted(part.iterdir()):
        made.rename(s.bin_dir / made.name)
        step(f"  {made.name}: {(s.bin_dir / made.name).stat().st_size / 2**20:.1f} MiB")
    part.rmdir()


_START = time.monotonic()


def step(text: str) -> None:
    print(f"[{time.monotonic() - _START:5.1f} s] {text}", flush=True)
