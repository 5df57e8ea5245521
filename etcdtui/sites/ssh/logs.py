"""The log of a host's etcd: the journal, the container's file, or the file a process writes to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from etcdtui.errors import NodeError, SiteError
from etcdtui.model.text import clean
from etcdtui.sites.local.logs import best_line
from etcdtui.sites.ssh.facts import Runs
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.shell import checked

# A kubelet's runtime puts time, stream and F(ull) or P(artial) before each line.
_CRI = re.compile(r"^\S+ (?:stdout|stderr) [FP] ")
# What systemd says of a unit in its journal.
_MANAGER = re.compile(r"^(\S+\.service: |(Start|Stopp)(ing|ed) |Failed to start )")
_FIND = """
f=$(ls -t /var/log/pods/*_etcd-*/etcd/*.log 2>/dev/null | head -n 1)
if [ -z "$f" ]; then echo 'no log of an etcd container in /var/log/pods' >&2; exit 1; fi
"""
_POD = _FIND + 'exec tail "$@" "$f"'
# The first lines whose own stamp is that moment or a later one; a line without goes with the one before.
_FROM = r"""
[ -r "$f" ] || { echo "$f cannot be read" >&2; exit 1; }
awk -v from="$1" '
found { print; next }
{
    line = $0
    if (match(line, /"ts":"[0-9]/)) line = substr(line, RSTART + 6)
    line = substr(line, 1, 19)
    sub(/T/, " ", line)
    if (line ~ /^[0-9][0-9][0-9][0-9]-/ && line >= from) { found = 1; print }
}' "$f" | head -n "$2"
"""
_JOURNAL_FROM = 'journalctl --no-pager -q -o cat -u "$1" --since "$2" | head -n "$3"'


def tail(host: Host, lines: int) -> tuple[str, ...]:
    """The last lines, oldest first; untrusted text. Raises SiteError."""
    if not host.detected:
        host.look()
    return _read(host, _command(host, lines, follow=False))


def since(host: Host, moment: str, lines: int) -> tuple[str, ...]:
    """The first lines from a moment of the host's clock on; untrusted text. Raises SiteError."""
    if not host.detected:
        host.look()
    facts = host.facts
    if facts.runs is Runs.SYSTEMD:
        argv = [_JOURNAL_FROM, "sh", facts.unit, moment, str(lines)]
    elif facts.runs is Runs.STATIC_POD:
        argv = [_FIND + _FROM, "sh", moment, str(lines)]
    else:
        argv = ["f=$3; " + _FROM, "sh", moment, str(lines), _file(host)]
    return _read(host, ["sh", "-c", *argv])


def _read(host: Host, argv: list[str]) -> tuple[str, ...]:
    text = checked(host.shell.elevated(argv), f"{host.name}: its log").text
    if not text.strip() and host.facts.runs is Runs.SYSTEMD and not host.shell.can_be_root_silently():
        raise NodeError(
            f"{host.name}: {host.link.hop.user} may not read the journal of {host.facts.unit}",
            "put the account into the group systemd-journal, or allow it sudo without a password",
        )
    return tuple(_plain(host, line) for line in text.splitlines())


def follow(host: Host, stop: Callable[[], bool], lines: int = 0) -> Iterator[str]:
    """The last lines and new ones until `stop()`; untrusted text. Raises SiteError."""
    root = host.shell.can_be_root_silently()
    for line in host.shell.lines(_command(host, lines, follow=True), stop, root=root):
        yield _plain(host, line)


def last_words(host: Host) -> str:
    """The line of the log that tells best why etcd ended; empty when there is none."""
    try:
        lines = [line for line in tail(host, 40) if line.strip() and not _MANAGER.match(line)]
    except SiteError:
        return ""
    return clean(best_line(lines) or (lines[-1] if lines else ""), 300)


def _command(host: Host, lines: int, *, follow: bool) -> list[str]:
    facts = host.facts
    if facts.runs is Runs.SYSTEMD:
        argv = ["journalctl", "--no-pager", "-q", "-o", "cat", "-u", facts.unit, "-n", str(lines)]
        return [*argv, "-f"] if follow else argv
    more = ["-n", str(lines), *(["-F"] if follow else [])]
    if facts.runs is Runs.STATIC_POD:
        return ["sh", "-c", _POD, "sh", *more]
    return ["tail", *more, "--", _file(host)]


def _file(host: Host) -> str:
    if host.facts.log_file:
        return host.facts.log_file
    raise NodeError(f"{host.name}: it is not known where its log is", "state `log_file` in the profile")


def _plain(host: Host, line: str) -> str:
    return _CRI.sub("", line) if host.facts.runs is Runs.STATIC_POD else line
