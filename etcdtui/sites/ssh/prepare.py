"""A host set up for a member that joins: its files written, its data directory empty, its programs there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from etcdtui.errors import NodeError
from etcdtui.sites.base import NewNode
from etcdtui.sites.local.spec import initial_cluster_flag
from etcdtui.sites.ssh import disk, source
from etcdtui.sites.ssh.addresses import address_like, member_name
from etcdtui.sites.ssh.facts import Facts, Runs
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.settings import Changes, like
from etcdtui.sites.ssh.shell import shown
from etcdtui.sites.ssh.source import Source

_LISTENING = ("listen-peer-urls", "listen-client-urls", "listen-metrics-urls")


def again(host: Host, node: NewNode, initial_cluster: Mapping[str, str]) -> str:
    """Set a node up for a new membership, where it is set up for an earlier one. Raises NodeError."""
    disk.stopped(host, "prepared")
    before = source.read(host)
    name = node.member or before.settings.get("name") or node.name
    changes = _joining(node, name, initial_cluster)
    already = all(before.settings.get(key) == value for key, value in changes.items())
    disk.make_room(host, disk.data_dir(host), owner(host, before))
    if not already:
        settle(host, before, changes)
    return f"{host.name}: {'was prepared before' if already else 'prepared'} to join as {node.peer_url}"


def after(
    host: Host, sibling: Host, node: NewNode, initial_cluster: Mapping[str, str], names: Mapping[str, str]
) -> str:
    """Set a host up as its sibling is. Raises NodeError.

    Args:
        names: names of members by their nodes.
    """
    pattern = source.read(sibling)
    others = {key for key in initial_cluster if key != node.name}
    name = node.member or member_name(host.name, dict(names), others)
    words = _exchange(host, sibling, pattern, name)
    changes = {
        key: like(value, words) for key, value in pattern.settings.items() if _is_own(key, value, words)
    }
    changes |= {key: value for key, value in _joining(node, name, initial_cluster).items() if value}
    files = [
        value for key, value in {**pattern.settings, **changes}.items() if key.endswith("-file") and value
    ]
    data = changes.get("data-dir") or pattern.settings.get("data-dir", "")
    if not data.startswith("/"):
        raise NodeError(
            f"{sibling.name}: its data directory is not known in full, so that {host.name} has none"
        )
    host.forget(_facts_like(sibling, pattern, host))
    look = host.look(deep=True) if pattern.runs is Runs.SYSTEMD else None
    has_unit = look is not None and look.unit.get("LoadState") == "loaded"
    _has_all(host, pattern, [path for path in files if path.startswith("/")])
    disk.make_room(host, data, owner(host, pattern))
    _write(host, sibling, pattern, changes, has_unit)
    host.look(deep=True)
    return f"{host.name}: prepared as {sibling.name} is, to join as {name} at {node.peer_url}"


def _write(host: Host, sibling: Host, pattern: Source, changes: Changes, has_unit: bool) -> None:
    """Write what starts etcd there, and have what is known of the host found out anew."""
    if pattern.runs is Runs.PROCESS:
        command = source.command_of(pattern, changes)
        uid = host.uid if sibling.facts.uid == sibling.uid else sibling.facts.uid
        host.keep_command(command, sibling.facts.log_file, uid)
        host.forget()
    else:
        for path, text in source.copied(pattern, changes, has_unit=has_unit).items():
            disk.write(host, path, text, 0o600 if pattern.runs is Runs.STATIC_POD else 0o644)
        if pattern.runs is Runs.SYSTEMD:
            disk.run(host, ["systemctl", "daemon-reload"])
            if pattern.enabled:
                disk.run(host, ["systemctl", "-q", "enable", pattern.unit])
        host.forget(_facts_like(sibling, pattern, host))


def settle(host: Host, before: Source, changes: Changes) -> None:
    """Have a stopped node start with other settings from now on. Raises NodeError."""
    if before.runs is Runs.PROCESS and not before.config_file:
        if host.stated.command:
            raise NodeError(f"{host.name}: its command line is stated in the profile", "change it there")
        argv = source.command_of(before, changes)
        host.keep_command(argv, host.facts.log_file, host.facts.uid)
        host.forget(replace(host.facts, argv=tuple(argv), settings=_merged(host.facts.settings, changes)))
    else:
        for path, text in source.changed(before, changes).items():
            disk.write(host, path, text)
        if before.runs is Runs.SYSTEMD:
            disk.run(host, ["systemctl", "daemon-reload"])
        host.forget(host.facts)
    host.look(deep=True)


def _merged(settings: Mapping[str, str], changes: Changes) -> dict[str, str]:
    merged = {**settings, **{k: v for k, v in changes.items() if v is not None}}
    return {key: value for key, value in merged.items() if changes.get(key, "") is not None}


def _joining(node: NewNode, name: str, initial_cluster: Mapping[str, str]) -> dict[str, str]:
    members = dict(initial_cluster)
    if name != node.name and node.name in members:
        members[name] = members.pop(node.name)
    return {
        "name": name,
        "initial-advertise-peer-urls": node.peer_url,
        "advertise-client-urls": node.client_url,
        "initial-cluster": initial_cluster_flag(members),
        "initial-cluster-state": "existing",
    }


def _exchange(host: Host, sibling: Host, pattern: Source, name: str) -> dict[str, str]:
    """What stands for the sibling in its settings, and what stands for the host instead."""
    words = {pattern.settings.get("name", ""): name, sibling.name: host.name}
    for key in ("initial-advertise-peer-urls", "advertise-client-urls", *_LISTENING):
        for url in pattern.settings.get(key, "").split(","):
            seen = urlsplit(url).hostname or ""
            if seen and seen not in words and seen not in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::"):  # noqa: S104
                words[seen] = address_like(host, sibling, url)
    return words


def _is_own(key: str, value: str, words: Mapping[str, str]) -> bool:
    """Whether a setting is the sibling's alone: it names it."""
    return not key.startswith("initial-cluster") and like(value, words) != value


def _facts_like(sibling: Host, pattern: Source, host: Host) -> Facts:
    uid = host.uid if sibling.facts.uid == sibling.uid else sibling.facts.uid
    return Facts(runs=pattern.runs, unit=pattern.unit, manifest=pattern.manifest, uid=uid)


def owner(host: Host, of: Source) -> str:
    """Whose the data directory is, as chown takes it; empty for whoever makes it."""
    if of.runs is Runs.SYSTEMD and of.user:
        return of.user
    return str(host.facts.uid) if disk.rooted(host) and of.runs is Runs.PROCESS else ""


def _has_all(host: Host, pattern: Source, files: list[str]) -> None:
    """Raises NodeError when a program or a file that etcd is started with is not there."""
    program = [pattern.argv[0]] if pattern.argv and pattern.runs is not Runs.STATIC_POD else []
    script = 'for f; do [ -e "$f" ] || command -v -- "$f" >/dev/null || echo "$f"; done'
    lacking = disk.run(host, ["sh", "-c", script, "sh", *program, *files]).text.split("\n")[0]
    if lacking:
        raise NodeError(f"{host.name}: there is no {shown([lacking])}", "install it there as on its siblings")
