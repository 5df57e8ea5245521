"""What a bring-up makes on a host, noted there before it is made, so that it and nothing else can be undone.

The receipt lies beside the member's configuration until the cluster stands. Its lines: ``dir``, ``file``,
``data`` for what was not there, ``held`` for a data directory that was there and empty, ``was`` for a file
that was replaced and lies beside itself as ``.before``, ``link`` with what it led to, ``announced``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from etcdtui.model.bootstrap import HostsBootstrap, MemberPlan
from etcdtui.sites.ssh.shell import Done, checked

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

Run = Callable[..., Done]

NOTE = r"""
receipt=$1; shift
noted() { [ -n "$receipt" ] && grep -qxF -- "$*" "$receipt" 2>/dev/null; }
note() {
    [ -n "$receipt" ] || return 0
    made=; at=$(dirname "$receipt")
    while [ ! -d "$at" ]; do made="dir $at
$made"; at=$(dirname "$at"); done
    mkdir -p "$(dirname "$receipt")"
    [ -z "$made" ] || printf '%s' "$made" >> "$receipt"
    noted "$*" && return 0
    printf '%s\n' "$*" >> "$receipt"
    sync "$receipt" 2>/dev/null || sync
}
folders() {
    [ ! -d "$1" ] || return 0
    folders "$(dirname "$1")"
    note dir "$1"
    mkdir -p "$1"
}
"""
"""Begins a script whose first argument is the receipt, empty for none. Paths have no spaces in them."""

_DROP = r"""
set -e
receipt=$1; shift
[ -e "$receipt" ] || { echo "nothing of a bring-up that is not over is there"; exit 0; }
noted() { grep -qxF -- "$*" "$receipt" 2>/dev/null; }
drop() {
    grep -vxF -- "$*" "$receipt" > "$receipt.part" || :
    mv -f "$receipt.part" "$receipt"
}
finish() {
    ! grep -qv '^dir ' "$receipt" || return 0
    made=$(sed -n 's/^dir //p' "$receipt" | tac)
    rm -f -- "$receipt"
    for folder in $made; do rmdir -- "$folder" 2>/dev/null || :; done
}
aside() {
    to=$1.undone.$(date -u +%Y%m%dT%H%M%SZ)
    mv -T -- "$1" "$to"
    echo "data moved to $to"
}
"""
_FILES = (
    _DROP
    + r"""
unit=$1; shift
if [ -n "$unit" ] && noted "file $unit" && [ -e "$unit" ]; then
    systemctl disable --quiet --now "$(basename "$unit")" || :
fi
for file in "$@"; do
    if noted "file $file"; then
        [ ! -e "$file" ] || { rm -f -- "$file"; echo "removed $file"; }
        drop "file $file"
    fi
    if noted "was $file"; then
        [ ! -e "$file.before" ] || { mv -f -- "$file.before" "$file"; echo "$file is as it was"; }
        drop "was $file"
    fi
done
[ -z "$unit" ] || systemctl daemon-reload
finish
"""
)
_DATA = (
    _DROP
    + r"""
data=$1
if noted "data $data"; then
    if [ -d "$data" ]; then rmdir -- "$data" 2>/dev/null && echo "removed $data" || aside "$data"; fi
    drop "data $data"
    rm -f -- "$data.pid"
elif noted "held $data"; then
    if [ -d "$data" ] && [ -n "$(ls -A "$data" | head -n 1)" ]; then
        aside "$data"
        mkdir -m 700 -- "$data" && chown --reference="$to" -- "$data"
    fi
    drop "held $data"
    rm -f -- "$data.pid"
fi
finish
"""
)
_LINK = (
    _DROP
    + r"""
link=$1 target=$2
was=$(sed -n "s|^link $link ||p" "$receipt" | head -n 1)
if [ -n "$was" ]; then
    if [ "$(readlink "$link")" = "$target" ]; then
        if [ "$was" = - ]; then rm -f -- "$link"; echo "removed $link"
        else ln -sfn -- "$was" "$link.$$" && mv -T -- "$link.$$" "$link"; echo "$link leads to $was again"; fi
    fi
    drop "link $link $was"
fi
finish
"""
)


def path(plan: HostsBootstrap, member: MemberPlan) -> str:
    """Where a member's receipt lies on its host."""
    return f"{plan.config_dir.rstrip('/')}/{member.name}.unfinished"


def script(text: str, receipt: str, *words: str) -> list[str]:
    """A command of a script that may `NOTE` what it makes."""
    return ["sh", "-c", f"{NOTE}{text}", "sh", receipt, *words]


def has(host: Host, receipt: str, line: str, run: Run) -> bool:
    """Whether something was noted. Raises NodeError when that cannot be told."""
    done = checked(run(script('! noted "$1" || echo yes', receipt, line)), host.name)
    return done.text.strip() == "yes"


def note(host: Host, receipt: str, line: str, run: Run) -> None:
    """Note something that is made elsewhere. Raises NodeError."""
    checked(run(script('set -e; note "$1"', receipt, line)), host.name)


def done_with(host: Host, receipt: str, run: Run) -> None:
    """Nothing of it is to be taken back any more. Raises NodeError."""
    checked(run(["rm", "-f", "--", receipt]), host.name)


def files_back(host: Host, receipt: str, unit: str, files: Sequence[str], run: Run) -> str:
    """Remove those of the files that were made, and bring those back that were replaced. Raises NodeError.

    Args:
        unit: the file of the unit, among them, which is disabled before; empty for none.
    """
    return _said(host, run(["sh", "-c", _FILES, "sh", receipt, unit, *files], timeout=120))


def data_back(host: Host, receipt: str, data: str, run: Run) -> str:
    """Move the data directory aside, or remove an empty one; nothing may run on it. Raises NodeError."""
    return _said(host, run(["sh", "-c", _DATA, "sh", receipt, data], timeout=60))


def link_back(host: Host, receipt: str, link: str, target: str, run: Run) -> str:
    """Have the link lead to where it led, unless somebody has laid it anew since. Raises NodeError."""
    return _said(host, run(["sh", "-c", _LINK, "sh", receipt, link, target]))


def dropped(host: Host, receipt: str, line: str, run: Run) -> None:
    """Take a line out that needs nothing more on the host. Raises NodeError."""
    checked(run(["sh", "-c", f'{_DROP}drop "$1"; finish', "sh", receipt, line]), host.name)


def _said(host: Host, done: Done) -> str:
    lines = checked(done, host.name).text.splitlines()
    return f"{host.name}: {', '.join(lines) or 'nothing was made'}"
