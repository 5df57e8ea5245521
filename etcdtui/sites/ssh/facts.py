"""What is known of a node's etcd: how it is run, where its data is, at which URLs it serves."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from etcdtui.sites.ssh import probe
from etcdtui.sites.ssh.probe import Look, Process

ONCE = "force-new-cluster"
"""The flag of one start alone: it belongs to no node's settings."""
MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
"""Where kubeadm puts it (``cmd/kubeadm/app/constants``)."""


class Runs(StrEnum):
    """How a node runs its etcd."""

    UNKNOWN = "unknown"
    SYSTEMD = "systemd unit"
    STATIC_POD = "static pod"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Stated:
    """What a profile states about a node; empty fields are found out."""

    unit: str = ""
    manifest: str = ""
    pid_file: str = ""
    command: tuple[str, ...] = ()
    """The command line that starts a process."""
    log_file: str = ""

    def states(self) -> bool:
        """Whether it states how etcd is run."""
        return bool(self.unit or self.manifest or self.pid_file or self.command)

    @property
    def config_file(self) -> str:
        """The file that the command line names; empty for none."""
        return probe.flags(list(self.command)).get("config-file", "")


@dataclass(frozen=True, slots=True)
class Facts:
    """A node's etcd, as far as it was found out."""

    runs: Runs = Runs.UNKNOWN
    unit: str = ""
    manifest: str = ""
    pid_file: str = ""
    argv: tuple[str, ...] = ()
    """The last command line seen of a process."""
    log_file: str = ""
    binary: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    """etcd's settings by the names of its flags."""
    uid: int = -1
    """The account of a process, by number."""
    why: str = ""
    """Why it is not known how etcd is run."""

    @property
    def member_name(self) -> str:
        """``--name``."""
        return self.settings.get("name", "")

    @property
    def data_dir(self) -> str:
        """``--data-dir``."""
        return self.settings.get("data-dir", "")

    @property
    def client_urls(self) -> tuple[str, ...]:
        """Advertised client URLs."""
        return probe.urls(self.settings.get("advertise-client-urls", ""))

    @property
    def peer_urls(self) -> tuple[str, ...]:
        """Advertised peer URLs."""
        return probe.urls(self.settings.get("initial-advertise-peer-urls", ""))


ReadFile = Callable[[str], str]
"""A file of the host as text, empty when it cannot be read."""


def find(look: Look, stated: Stated, known: Facts, read: ReadFile) -> Facts:
    """Find out how a host runs etcd, from a deep look.

    Args:
        known: what was found before: a command line that ran is remembered.
    """
    process = the_process(look, stated)
    if stated.manifest or (not stated.unit and not stated.pid_file and _is_pod(look, process)):
        return _static(stated.manifest or MANIFEST, process, known, read)
    if stated.pid_file or stated.command:
        return _process(stated, process, known, read)
    if stated.unit:
        return _unit(stated.unit)
    if process is not None and not process.unit and _strays(process, known):
        return _unit(known.unit)
    if process is not None:
        # Which unit's process it is, if any, is for `with_unit` to see: sshd's may be named here.
        return _unit(process.unit) if process.unit else _process(stated, process, known, read)
    if known.runs is not Runs.UNKNOWN:
        return known
    enabled = [name for name, at_boot in look.candidates.items() if at_boot] or list(look.candidates)
    if len(enabled) == 1:
        return _unit(enabled[0])
    if enabled:
        names = ", ".join(enabled)
        return Facts(why=f"several units run etcd ({names}): name one as `unit` in the profile")
    return Facts(why="no etcd runs there and no unit or manifest of it was found")


def _strays(process: Process, known: Facts) -> bool:
    """Whether it runs on the data of a unit that is known, beside it."""
    return known.runs is Runs.SYSTEMD and process.data_dir in ("", known.data_dir)


def _unit(name: str) -> Facts:
    return Facts(runs=Runs.SYSTEMD, unit=name if "." in name else f"{name}.service")


def owns(look: Look, facts: Facts, stated: Stated) -> bool:
    """Whether the unit is really etcd's own, and not that of the login or the job etcd was started from."""
    if stated.unit or facts.unit in look.candidates:
        return True
    pid = look.unit.get("MainPID", "0")
    return any(pid in (str(p.pid), str(p.ppid)) for p in look.processes if p.unit == facts.unit)


def as_process(look: Look, stated: Stated, known: Facts, read: ReadFile) -> Facts:
    """The etcd that runs, taken for one that was started by hand."""
    return _process(stated, the_process(look, stated), known, read)


def with_unit(facts: Facts, look: Look, read: ReadFile) -> Facts:
    """The settings of a systemd unit, from a deep look that asked for it."""
    process = of_unit(look)
    env: dict[str, str] = {}
    for word in words(look.unit.get("Environment", "")):
        key, _, value = word.partition("=")
        env[key] = value
    for line in look.unit.get("EnvironmentFiles", "").splitlines():
        if path := line.partition(" (")[0].strip():
            env |= probe.environment_lines(read(path))
    argv = process.argv if process else exec_start(look.unit.get("ExecStart", ""))
    if process and process.env:
        env |= process.env
    settings = settings_of(argv, env, read)
    binary = process.exe if process and process.exe else (argv[0] if argv else "")
    return Facts(
        runs=Runs.SYSTEMD, unit=facts.unit, argv=tuple(argv), binary=binary, settings=settings,
    )  # fmt: skip


def settings_of(argv: tuple[str, ...] | list[str], env: Mapping[str, str], read: ReadFile) -> dict[str, str]:
    """etcd's settings: a file alone, else flags over variables (``server/etcdmain/config.go``)."""
    given = probe.flags(list(argv))
    values = probe.variables(env)
    for once in (given, values):
        once.pop(ONCE, None)
    if file := given.get("config-file") or values.get("config-file"):
        return _of_file(read(file))
    return {**values, **given}


def _of_file(text: str) -> dict[str, str]:
    import yaml

    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    if not isinstance(found, dict):
        return {}
    out = {str(k): str(v) for k, v in found.items() if isinstance(v, str | int | float)}
    security = found.get("client-transport-security")
    if isinstance(security, dict):
        out |= {str(k): str(v) for k, v in security.items() if isinstance(v, str | bool)}
    return out


def the_process(look: Look, stated: Stated) -> Process | None:
    """The etcd that is meant: the stated unit's or pid file's, else the only one, else the one in a unit."""
    if stated.unit:
        return of_unit(look) or next((p for p in look.processes if p.unit.startswith(stated.unit)), None)
    if stated.pid_file:
        return next((p for p in look.processes if p.pid == look.pidfile), None)
    if len(look.processes) > 1:
        return next((p for p in look.processes if p.unit or p.in_pod), look.processes[0])
    return look.processes[0] if look.processes else None


def of_unit(look: Look) -> Process | None:
    """The main process of the unit that was asked about, or etcd somewhere below it."""
    pid = look.unit.get("MainPID", "0")
    name = look.unit.get("Id", "")
    return next(
        (p for p in look.processes if str(p.pid) == pid or (name and p.unit == name)),
        None,
    )


def _is_pod(look: Look, process: Process | None) -> bool:
    if process is not None:
        return process.in_pod
    return look.manifest in ("present", "aside")


def _static(manifest: str, process: Process | None, known: Facts, read: ReadFile) -> Facts:
    argv: list[str] = list(process.argv) if process else []
    if not argv:
        text = read(manifest) or read(probe.beside(manifest))
        argv = _manifest_command(text) or list(known.argv)
    settings = settings_of(argv, process.env if process else {}, read)
    return Facts(
        runs=Runs.STATIC_POD, manifest=manifest, argv=tuple(argv),
        binary=process.exe if process else known.binary, settings=settings or known.settings,
        uid=process.uid if process else known.uid,
    )  # fmt: skip


def _manifest_command(text: str) -> list[str]:
    import yaml

    try:
        pod: Any = yaml.safe_load(text)
        container = pod["spec"]["containers"][0]
        return [str(word) for word in [*container.get("command", []), *container.get("args", [])]]
    except (yaml.YAMLError, KeyError, TypeError, IndexError, AttributeError):
        return []


def _process(stated: Stated, process: Process | None, known: Facts, read: ReadFile) -> Facts:
    argv = process.argv if process else stated.command or known.argv
    env = process.env if process else {}
    settings = settings_of(argv, env, read) or dict(known.settings)
    out = process.out if process and process.out.startswith("/") and process.out != "/dev/null" else ""
    argv = tuple(word for word in argv if word.lstrip("-").partition("=")[0] != ONCE)
    return Facts(
        runs=Runs.PROCESS, pid_file=stated.pid_file, argv=stated.command or argv,
        log_file=stated.log_file or out or known.log_file, binary=process.exe if process else known.binary,
        settings=settings, uid=process.uid if process else known.uid,
    )  # fmt: skip


def exec_start(text: str) -> tuple[str, ...]:
    """``{ path=/usr/bin/etcd ; argv[]=/usr/bin/etcd --x ; ... }`` as systemctl shows it."""
    _, _, rest = text.partition("argv[]=")
    return tuple(words(rest.partition(" ;")[0]))


def words(text: str) -> list[str]:
    """A line split as a shell does, or at blanks where it cannot be."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
