"""Files and data directories of a host: written as a whole, moved aside and back, never deleted."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from etcdtui.errors import NodeError
from etcdtui.model.cluster import RunState
from etcdtui.sites.ssh import probe
from etcdtui.sites.ssh.facts import Runs
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.shell import Done, checked
from etcdtui.sites.ssh.words import describe

# Beside the target, so that the last move is one of names alone. What was there is kept, once a second.
_WRITE = """
set -e; umask 022; part=$1.etcdtui-part
mkdir -p -- "$(dirname "$1")"; cat > "$part"
if [ -e "$1" ]; then
    chmod --reference="$1" -- "$part"; chown --reference="$1" -- "$part"; cp -p -- "$1" "$1.before-$3"
else chmod "$2" -- "$part"; fi
sync -- "$part"; mv -fT -- "$part" "$1"
"""
# The directory itself stays, with its owner: it may be a file system of its own.
_PLACE = """
set -e; data=$1 up=$(dirname "$1") place=$1.$2
if [ -d "$data" ] && [ "$(stat -c %d -- "$data")" != "$(stat -c %d -- "$up")" ]; then place=$data/$2; fi
"""
_ASIDE = (
    _PLACE
    + """
if [ -e "$data/member" ]; then
    if [ -e "$place/member" ]; then
        echo "$place/member is there already, and $data holds other data" >&2; exit 1
    fi
    mkdir -p -m 700 -- "$place"; mv -nT -- "$data/member" "$place/member"
fi
if [ -e "$place/member" ]; then echo "$place"; fi
"""
)
_BACK = (
    _PLACE
    + """
[ -e "$place/member" ] || exit 0
if [ -e "$data/member" ]; then echo "$data holds the data of a member: move it aside first" >&2; exit 1; fi
mkdir -p -m 700 -- "$data"; mv -nT -- "$place/member" "$data/member"; echo "$data"
"""
)
_ROOM = """
set -e
if [ -e "$1/member" ]; then echo "$1 holds the data of a member: move it aside first" >&2; exit 1; fi
[ ! -d "$1" ] || exit 0
mkdir -p -m 755 -- "$(dirname "$1")"; mkdir -m 700 -- "$1"
[ -z "$2" ] || chown "$2" -- "$1"
"""
_RENAME = 'for f; do [ ! -e "$f" ] || mv -nT -- "$f" "$f.$0" || exit 1; done'
MOVE_TIMEOUT = 60.0


def stamp() -> str:
    """Now, for the end of a name."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def rooted(host: Host) -> bool:
    """Whether root is needed for what its etcd owns."""
    return host.facts.runs is not Runs.PROCESS or host.facts.uid not in (-1, host.uid)


def run(host: Host, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = MOVE_TIMEOUT) -> Done:
    """Run a command with the rights that its etcd's files need. Raises NodeError with its complaint."""
    host.shell.can_be_root_silently()
    call: Callable[..., Done] = host.shell.sudo if rooted(host) else host.shell.run
    return checked(call(argv, stdin=stdin, timeout=timeout), host.name)


def write(host: Host, path: str, text: str, mode: int = 0o644) -> bool:
    """Write a file unless it is so already; what was there is kept beside it. Whether it was written."""
    if host.text(path) == text:
        return False
    script = ["sh", "-c", _WRITE, "sh", path, f"{mode:o}", stamp()]
    run(host, script, stdin=text.encode())
    return True


def rename(host: Host, paths: Sequence[str], ending: str) -> None:
    """Give files that are there another ending, under which nothing reads them."""
    run(host, ["sh", "-c", _RENAME, ending, *paths])


def data_dir(host: Host) -> str:
    """Its data directory in full. Raises NodeError."""
    path = host.facts.data_dir
    if not path.startswith("/"):
        raise NodeError(
            f"{host.name}: where its data directory is, is not known in full ({path or 'nothing'})"
        )
    if host.facts.settings.get("wal-dir"):
        raise NodeError(f"{host.name}: its WAL lies apart from its data (--wal-dir)", "move both by hand")
    return posixpath.normpath(path)


def aside(host: Host, name: str) -> str:
    """Move the member's data aside; where it is, empty when there is none. Raises NodeError."""
    return run(host, ["sh", "-c", _ASIDE, "sh", data_dir(host), name]).text.strip()


def back(host: Host, name: str) -> str:
    """Move it back; where to, empty when nothing is there. Raises NodeError."""
    return run(host, ["sh", "-c", _BACK, "sh", data_dir(host), name]).text.strip()


def make_room(host: Host, path: str, owner: str) -> None:
    """See to an empty data directory. Raises NodeError when it holds a member's data."""
    run(host, ["sh", "-c", _ROOM, "sh", posixpath.normpath(path), owner])


def holds_member(host: Host) -> bool:
    """Whether its data directory holds a member's data."""
    return bool(run(host, ["sh", "-c", '[ ! -e "$1/member" ] || echo yes', "sh", data_dir(host)]).text)


def stopped(host: Host, what: str) -> probe.Look:
    """A look at a host whose etcd does not run. Raises NodeError when it does."""
    look = host.look(deep=True)
    state, detail, _ = describe(look, host.facts, host.stated, "")
    waits = look.unit.get("SubState") == "auto-restart"
    if waits or state in (RunState.RUNNING, RunState.STARTING, RunState.FROZEN):
        raise NodeError(f"{host.name}: it runs ({detail}): it cannot be {what}", "stop it first")
    return look


_NOTE = (
    _PLACE
    + """
if [ -e "$data/member" ] && [ -e "$place/member" ]; then
    echo "$place/member is there already, and $data holds other data" >&2; exit 1
fi
mkdir -p -m 700 -- "$place"
[ ! -e "$place/$3" ] || exit 0
cat > "$place/$3.part"; sync -- "$place/$3.part"; mv -- "$place/$3.part" "$place/$3"
"""
)


def leave_note(host: Host, name: str, note: str, text: str) -> None:
    """Write a note where `aside` moves data to, unless one is there. Raises NodeError."""
    run(host, ["sh", "-c", _NOTE, "sh", data_dir(host), name, note], stdin=text.encode())


def place_of(host: Host, name: str) -> str:
    """Where `aside` moves data to."""
    return run(host, ["sh", "-c", f'{_PLACE}echo "$place"', "sh", data_dir(host), name]).text.strip()


def take_note(host: Host, path: str) -> None:
    """Take a note away, and its directory when nothing is left there."""
    script = 'rm -f -- "$1"; rmdir --ignore-fail-on-non-empty -- "$(dirname "$1")"'
    run(host, ["sh", "-c", script, "sh", path])
