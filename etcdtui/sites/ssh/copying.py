"""A file of this machine copied to a host over SFTP, checked by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from etcdtui.errors import NodeError, OutcomeUnknown, SiteError
from etcdtui.model.text import clean
from etcdtui.sites.ssh.shell import checked

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

FOLDER = ".local/state/etcdtui"
WORTH_TELLING = 16 * 1024 * 1024
"""Bytes from which on it is said how far a copy is."""
HASH_TIMEOUT = 120.0


def put(host: Host, local: str, tell: Callable[[str], None]) -> str:
    """Copy a file into the account's home; its path there. One that is there already is taken.

    Raises:
        NodeError: it cannot be read here, or not be written there.
        SiteError: the connection broke.
    """
    try:
        with Path(local).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = Path(local).stat().st_size
    except OSError as error:
        raise NodeError(f"{local}: {error.strerror}") from None
    home = checked(
        host.shell.run(["sh", "-c", 'cd && mkdir -p -m 700 "$1" && cd "$1" && pwd', "sh", FOLDER]), host.name
    ).text.strip()
    path = f"{home}/snapshot-{digest[:16]}.db"
    if _hash(host, path) != digest:
        _send(host, local, path, size, tell)
        if _hash(host, path) != digest:
            raise NodeError(
                f"{host.name}: {path} is not what was sent", "look at its disk, then finish the plan"
            )
    return path


def _send(host: Host, local: str, path: str, size: int, tell: Callable[[str], None]) -> None:
    from paramiko.ssh_exception import SSHException

    told = [0]

    def progress(done: int, total: int) -> None:
        quarter = 4 * done // max(1, total)
        if total >= WORTH_TELLING and quarter > told[0]:
            told[0] = quarter
            tell(f"{host.name}: {quarter * 25} % of {total // 1_000_000} MB copied")

    try:
        with host.link.transport(10.0).open_sftp_client() as sftp:
            sftp.open(path, "w").close()
            sftp.chmod(path, 0o600)
            sftp.put(local, path, callback=progress, confirm=True)
    except (SSHException, EOFError) as error:
        raise SiteError(
            f"{host.name}: copying broke: {clean(str(error), 120) or 'connection lost'}"
        ) from None
    except OSError as error:
        why = clean(str(error), 120) or "connection lost"
        raise NodeError(f"{host.name}: {path}: {why} ({size} bytes are needed)") from None


def _hash(host: Host, path: str) -> str:
    try:
        done = host.shell.run(["sha256sum", "--", path], timeout=HASH_TIMEOUT)
    except OutcomeUnknown as error:
        raise SiteError(error.message) from None
    return done.text.partition(" ")[0] if done.code == 0 else ""


def take_away(host: Host, path: str) -> None:
    """Delete what was copied."""
    host.shell.run(["rm", "-f", "--", path])
