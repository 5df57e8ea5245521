"""How a host starts its etcd, as its files say it, and the same files with other settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from etcdtui.errors import NodeError
from etcdtui.sites.ssh import facts as found
from etcdtui.sites.ssh import probe
from etcdtui.sites.ssh.facts import Runs
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.settings import (
    Changes,
    changed_environment,
    changed_file,
    changed_flags,
    changed_manifest,
    drop_in,
    with_exec_start,
)

UNITS = "/etc/systemd/system"
"""Where an administrator's units lie; they win over those of packages."""


@dataclass(frozen=True, slots=True)
class Source:
    """How a host starts its etcd."""

    runs: Runs
    argv: tuple[str, ...] = ()
    """The command line of the unit, of the process or of the container."""
    settings: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    unit_text: str = ""
    drop_ins: bool = False
    """Whether the unit has drop-ins."""
    own_drop_in: str = ""
    """The text of ours."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """``ETCD_*`` of the unit's ``Environment``."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Environment files of the unit, in the order they are read; empty for one that is not there."""
    config_file: str = ""
    """``--config-file``: beside it etcd reads nothing else."""
    config_text: str = ""
    manifest: str = ""
    manifest_text: str = ""
    user: str = ""
    """The account of the unit."""
    enabled: bool = False

    @property
    def drop_in_path(self) -> str:
        """Where our drop-in for the unit lies."""
        return f"{UNITS}/{self.unit}.d/etcdtui.conf"


def read(host: Host) -> Source:
    """Read how a host starts its etcd. Raises SiteError, NodeError where that is not known."""
    look, facts = host.look(deep=True), host.facts
    if facts.runs is Runs.SYSTEMD:
        made = _of_unit(host, look)
    elif facts.runs is Runs.STATIC_POD:
        aside = probe.beside(facts.manifest)
        text = host.text(facts.manifest if look.manifest == "present" else aside)
        made = Source(facts.runs, facts.argv, manifest=facts.manifest, manifest_text=text)
    elif facts.runs is Runs.PROCESS:
        made = Source(facts.runs, facts.argv)
    else:
        raise NodeError(f"{host.name}: it is not known how its etcd is run: {facts.why}")
    made = replace(made, settings=dict(facts.settings))
    flags = probe.flags(list(made.argv))
    env: dict[str, str] = dict(made.environment)
    for text in made.files.values():
        env |= probe.environment_lines(text)
    path = flags.get("config-file") or env.get("ETCD_CONFIG_FILE", "")
    return replace(made, config_file=path, config_text=host.text(path)) if path else made


def _of_unit(host: Host, look: probe.Look) -> Source:
    unit = look.unit
    paths = [line.partition(" (")[0].strip() for line in unit.get("EnvironmentFiles", "").splitlines()]
    pairs = (word.partition("=") for word in found.words(unit.get("Environment", "")))
    made = Source(
        Runs.SYSTEMD,
        found.exec_start(unit.get("ExecStart", "")),
        unit=host.facts.unit,
        unit_text=host.text(unit.get("FragmentPath", "")),
        drop_ins=bool(unit.get("DropInPaths")),
        environment={key: value for key, _, value in pairs if key.startswith("ETCD_")},
        files={path: host.text(path) for path in paths if path},
        user=unit.get("User", ""),
        enabled=unit.get("UnitFileState") == "enabled",
    )
    return replace(made, own_drop_in=host.text(made.drop_in_path))


def changed(source: Source, changes: Changes) -> dict[str, str]:
    """The files that have to be written for other settings, by path; those of a process are none.

    Raises:
        NodeError: a file is not what it should be.
    """
    try:
        if source.config_file:
            return {source.config_file: changed_file(source.config_text, changes)}
        if source.runs is Runs.STATIC_POD:
            return {probe.beside(source.manifest): changed_manifest(source.manifest_text, changes)}
    except ValueError as error:
        raise NodeError(f"{source.config_file or source.manifest}: {error}", "mend it there") from None
    return _changed_unit(source, changes) if source.runs is Runs.SYSTEMD else {}


def _changed_unit(source: Source, changes: Changes) -> dict[str, str]:
    """Each setting where it stands now: etcd does not start with a flag and a variable for the same."""
    given = probe.flags(list(source.argv))
    flags = {name: value for name, value in changes.items() if name in given}
    rest = {name: value for name, value in changes.items() if name not in given}
    out: dict[str, str] = {}
    if rest and source.files:
        holding = [path for path, text in source.files.items() if probe.environment_lines(text)]
        path = (holding or list(source.files))[-1]
        for other in holding:
            held = probe.variables(probe.environment_lines(source.files[other]))
            mine = rest if other == path else {k: v for k, v in rest.items() if k in held}
            out[other] = changed_environment(source.files[other], mine)
        out.setdefault(path, changed_environment(source.files[path], rest))
    elif rest and not source.environment:
        flags |= rest
    environment = dict(source.environment) if "\nEnvironment=" in source.own_drop_in else {}
    if rest and not source.files and source.environment:
        lines = "".join(f"{key}={value}\n" for key, value in source.environment.items())
        environment = probe.environment_lines(changed_environment(lines, rest))
    argv = changed_flags(source.argv, flags) if flags or "\nExecStart=" in source.own_drop_in else None
    if argv is not None or environment:
        out[source.drop_in_path] = drop_in(argv, environment)
    return out


def copied(source: Source, changes: Changes, *, has_unit: bool) -> dict[str, str]:
    """The files for a host that is to start etcd as another one does.

    Args:
        has_unit: whether it has a unit of that name, such as a package's.
    """
    out = changed(source, changes)
    if source.runs is not Runs.SYSTEMD:
        return out
    for path, text in source.files.items():
        if text:
            out.setdefault(path, text)
    if not has_unit:
        argv = changed_flags(source.argv, {k: v for k, v in changes.items() if _flagged(source, k)})
        out[f"{UNITS}/{source.unit}"] = with_exec_start(source.unit_text, argv)
        if not source.drop_ins and "\nEnvironment=" not in out.get(source.drop_in_path, ""):
            out.pop(source.drop_in_path, None)
    return out


def _flagged(source: Source, name: str) -> bool:
    """Whether a setting goes into the unit's command line."""
    if source.config_file:
        return False
    in_variables = bool(source.files) or bool(source.environment)
    return name in probe.flags(list(source.argv)) or not in_variables


def command_of(source: Source, changes: Changes) -> list[str]:
    """The command line of a process with other settings; what it had from variables becomes flags."""
    given = probe.flags(list(source.argv))
    if source.config_file:
        return list(source.argv)
    from_variables = {k: v for k, v in source.settings.items() if k not in given and k not in changes}
    return changed_flags(source.argv, {**from_variables, **changes})
