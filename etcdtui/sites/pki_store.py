"""The CA of a cluster and what it signed, kept on the console's machine for its operator alone."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from etcdtui.errors import SiteError
from etcdtui.etcd.api import TlsMaterial
from etcdtui.sites.pki import Names, Pair, issue, make_ca, still_good

OPERATOR = Names("etcdtui")
"""The client certificate of the operator."""


def utc_now() -> datetime.datetime:
    """Now, aware."""
    return datetime.datetime.now(datetime.UTC)


class PkiStore:
    """A directory of mode 0700 with ``ca.pem``, ``ca-key.pem`` and a pair of files for every certificate.

    Whatever is there and still good is used again, so that a bring-up that goes on changes nothing.

    Args:
        now: the time that certificates are judged by.
    """

    def __init__(self, directory: Path, cluster: str, now: Callable[[], datetime.datetime] = utc_now) -> None:
        self.directory = directory
        self._cluster = cluster
        self._now = now

    def ca(self) -> Pair:
        """The CA, made when there is none. Raises SiteError when its files cannot be used."""
        with self._alone():
            return self._read("ca") or self._write("ca", make_ca(f"{self._cluster} etcd CA", self._now()))

    def pair(self, name: str, names: Names) -> Pair:
        """The pair of that name, made, or made anew when it is for other names or about to expire."""
        ca = self.ca()
        with self._alone():
            found = self._read(name)
            if found is not None and still_good(found, ca, names, self._now()):
                return found
            return self._write(name, issue(ca, names, self._now()))

    def client(self) -> TlsMaterial:
        """What the operator's console shows: the CA and a client certificate."""
        pair = self.pair("client", OPERATOR)
        return TlsMaterial(self.ca().cert, pair.cert, pair.key, "")

    @property
    def bundle(self) -> tuple[Path, Path, Path]:
        """Where the operator's CA, certificate and key lie, for etcdctl and for the profile."""
        return self._paths("ca")[0], *self._paths("client")

    def describe(self) -> str:
        """What it writes here, for a review."""
        return f"here {self.directory}/ (0700): ca.pem, client.pem, client-key.pem and the rest, each 0600"

    # -- files -------------------------------------------------------------------------------------

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self.directory / f"{name}.pem", self.directory / f"{name}-key.pem"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and other consoles from making the same at the same time."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if stat.S_IMODE(self.directory.stat().st_mode) & 0o077:
                self.directory.chmod(0o700)
            descriptor = os.open(self.directory, os.O_RDONLY)
        except OSError as error:
            raise SiteError(f"{self.directory}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self, name: str) -> Pair | None:
        cert, key = self._paths(name)
        try:
            return Pair(cert.read_bytes(), key.read_bytes())
        except FileNotFoundError as error:
            # A key alone is what an interrupted making leaves: nothing was signed with it.
            if name == "ca" and cert.exists():
                text = f"{error.filename}: the key of the cluster's CA is missing"
                raise SiteError(text, f"bring it back, or move {self.directory} aside") from None
            return None
        except OSError as error:
            raise SiteError(f"{error.filename}: {error.strerror}") from None

    def _write(self, name: str, pair: Pair) -> Pair:
        cert, key = self._paths(name)
        try:
            # The key first: a certificate without one would not be made anew.
            for path, text in ((key, pair.key), (cert, pair.cert)):
                part = path.with_suffix(".part")
                part.unlink(missing_ok=True)
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
        except OSError as error:
            raise SiteError(f"{error.filename or cert}: {error.strerror}") from None
        return pair
