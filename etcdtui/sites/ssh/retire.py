"""A host that is to run no member any more: its data and what starts its etcd moved aside."""

from __future__ import annotations

from typing import Any

from etcdtui.errors import NodeError
from etcdtui.sites.ssh import disk, probe, source
from etcdtui.sites.ssh.facts import Facts, Runs
from etcdtui.sites.ssh.host import RETIRED, Host
from etcdtui.sites.ssh.source import UNITS, Source

_BACK = 'for f; do [ -e "$f" ] || [ ! -e "$f.$0" ] || mv -nT -- "$f.$0" "$f" || exit 1; done'


def describe_retire(host: Host) -> str:
    """What is done, in the words of a shell."""
    facts = host.facts
    data = f"mv {facts.data_dir}/member {facts.data_dir}.aside-<time>/"
    if facts.runs is Runs.SYSTEMD:
        return (
            f"systemctl disable {facts.unit}; {data}; mv its unit and environment files FILE.retired-<time>"
        )
    if facts.runs is Runs.STATIC_POD:
        aside = probe.beside(facts.manifest)
        return f"{data}; mv {aside} {aside}.retired-<time>"
    return f"{data}; forget its command line"


def retire(host: Host) -> str:
    """Give a stopped node up; what was done. Raises NodeError."""
    if host.stated.command and not host.stated.config_file:
        raise NodeError(
            f"{host.name}: its command line is stated in the profile", "take the host out of the profile"
        )
    look = disk.stopped(host, "given up")
    before, ending = source.read(host), disk.stamp()
    place = disk.aside(host, f"aside-{ending}")
    files = _files(before, look.unit.get("FragmentPath", ""))
    host.keep(RETIRED, _memo(host, before, files, f"retired-{ending}"))
    if before.runs is Runs.SYSTEMD:
        disk.run(host, ["systemctl", "-q", "disable", before.unit])
    disk.rename(host, files, f"retired-{ending}")
    if before.runs is Runs.SYSTEMD:
        disk.run(host, ["systemctl", "daemon-reload"])
    if before.runs is Runs.PROCESS:
        host.drop_command(ending)
    host.forget()
    host.look(deep=True)
    return f"{host.name}: given up" + (f"; its data is in {place}" if place else "; it held no data")


def _files(before: Source, fragment: str) -> list[str]:
    """Everything that sets this unit's etcd up and belongs to no package."""
    config = [before.config_file] if before.config_file else []
    if before.runs is not Runs.SYSTEMD:
        return [probe.beside(before.manifest)] if before.runs is Runs.STATIC_POD else config
    held = [path for path, text in before.files.items() if probe.environment_lines(text)]
    own = [fragment] if fragment.startswith(f"{UNITS}/") else []
    return [*held, before.drop_in_path, *config, *own]


def _memo(host: Host, before: Source, files: list[str], ending: str) -> dict[str, Any]:
    facts = host.facts
    return {
        "runs": str(before.runs), "unit": before.unit, "enabled": before.enabled, "manifest": before.manifest,
        "files": files, "ending": ending, "argv": list(facts.argv), "log": facts.log_file, "uid": facts.uid,
    }  # fmt: skip


def remembers(host: Host) -> bool:
    """Whether it is known how etcd was run there before the host was given up."""
    return bool(host.kept(RETIRED))


def take_back(host: Host) -> bool:
    """Set a host up as it was before it was given up; whether it was. Raises NodeError."""
    memo = host.kept(RETIRED)
    try:
        runs = Runs(memo.get("runs", ""))
        files, ending = [str(path) for path in memo["files"]], str(memo["ending"])
        facts = Facts(runs=runs, unit=memo["unit"], manifest=memo["manifest"], uid=int(memo["uid"]))
    except (ValueError, KeyError, TypeError):
        return False
    host.forget(facts)
    disk.run(host, ["sh", "-c", _BACK, ending, *files])
    if runs is Runs.SYSTEMD:
        disk.run(host, ["systemctl", "daemon-reload"])
        if memo["enabled"]:
            disk.run(host, ["systemctl", "-q", "enable", facts.unit])
    elif runs is Runs.PROCESS:
        host.keep_command(memo["argv"], memo["log"], facts.uid)
    host.forget(Facts() if runs is Runs.PROCESS else facts)
    host.look(deep=True)
    return not host.spare
