"""What one look at a host tells: etcd's processes, the unit, the manifest; one command, no side effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

UNIT_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "MainPID", "NRestarts", "StateChangeTimestamp", "Result",
    "ExecMainStatus", "UnitFileState", "ExecStart", "Environment", "EnvironmentFiles", "Restart", "User",
    "FragmentPath", "DropInPaths", "Job",
)  # fmt: skip

# Run every second: it starts as few programs as it can.
LOOK = r"""
unit=$1 manifest=$2 pidfile=$3 deep=$4 data=$6
for p in $(pgrep -x etcd 2>/dev/null || grep -lx etcd /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3); do
    [ -e /proc/$p/cmdline ] || continue
    printf 'proc %s\n' "$p"
    printf 'argv '; tr '\n\0' ' \037' < /proc/$p/cmdline; echo
    while read -r key first rest; do case $key in
        State:) echo "state $first $rest";; Uid:) echo "uid $first";; PPid:) echo "ppid $first";;
    esac; done < /proc/$p/status
    while read -r line; do last=$line; done < /proc/$p/cgroup; printf 'cgroup %s\n' "$last"
    if [ "$deep" = 1 ]; then
        tr '\0' '\n' < /proc/$p/environ 2>/dev/null | grep '^ETCD_' | grep -vi password | sed 's/^/env /'
        printf 'exe '; readlink /proc/$p/exe 2>/dev/null || echo
        printf 'out '; readlink /proc/$p/fd/1 2>/dev/null || echo
    fi
done
if [ -n "$unit" ]; then
    systemctl show "$unit" -p "$5" 2>/dev/null | sed 's/^/unit /'
fi
if [ -n "$manifest" ]; then
    folder=$(dirname "$manifest")
    if [ -e "$manifest" ]; then echo 'manifest present'
    elif [ -e "$7" ]; then echo 'manifest aside'
    elif [ -x "$folder" ] || [ ! -e "$(dirname "$folder")" ]; then echo 'manifest absent'
    else echo 'manifest hidden'; fi
fi
if [ -n "$pidfile" ] && [ -r "$pidfile" ]; then printf 'pidfile '; head -n 1 "$pidfile"; fi
if [ -n "$data" ]; then
    if [ -d "$data" ]; then echo 'data present'
    elif [ -x "$(dirname "$data")" ]; then echo 'data absent'
    else echo 'data hidden'; fi
fi
if [ "$deep" = 1 ]; then
    echo "host $(hostname 2>/dev/null)"
    for d in /etc/systemd/system /lib/systemd/system /usr/lib/systemd/system; do
        grep -lE '^ExecStart=.*[/ ]etcd([ "]|$)' "$d"/*.service 2>/dev/null
    done | sed 's|.*/||' | sort -u | while read -r name; do
        state=$(systemctl is-enabled "$name" 2>/dev/null)
        [ "$state" = alias ] || echo "candidate $name $state"
    done
fi
:
"""


@dataclass(slots=True)
class Process:
    """One process named etcd."""

    pid: int
    argv: tuple[str, ...] = ()
    state: str = ""
    """As /proc has it: ``S (sleeping)``, ``T (stopped)``."""
    uid: int = -1
    ppid: int = -1
    cgroup: str = ""
    env: dict[str, str] = field(default_factory=dict)
    exe: str = ""
    out: str = ""
    """Where its standard output goes, when that could be read."""

    @property
    def unit(self) -> str:
        """The systemd service it belongs to, empty when to none."""
        last = self.cgroup.rstrip("/").split("/")[-1]
        return last if last.endswith(".service") else ""

    @property
    def in_pod(self) -> bool:
        """Whether a kubelet's container runtime runs it."""
        return "kubepods" in self.cgroup or "kubelet" in self.cgroup

    @property
    def data_dir(self) -> str:
        """Its data directory, as far as a look tells."""
        return flags(self.argv).get("data-dir") or variables(self.env).get("data-dir", "")

    @property
    def frozen(self) -> bool:
        """Whether a signal has stopped it."""
        return self.state[:1] in ("T", "t")


@dataclass(slots=True)
class Look:
    """Everything one look told."""

    processes: list[Process] = field(default_factory=list)
    unit: dict[str, str] = field(default_factory=dict)
    manifest: str = ""
    """``present``, ``aside`` (moved out by us), ``absent`` or ``hidden`` (the folder cannot be read);
    empty when not asked."""
    pidfile: int | None = None
    data: str = ""
    """Whether the data directory exists: ``present``, ``absent``, ``hidden``; empty when not asked."""
    host: str = ""
    candidates: dict[str, bool] = field(default_factory=dict)
    """Units whose ExecStart runs etcd, and whether they start at boot."""


def arguments(unit: str, manifest: str, pidfile: str, data: str, *, deep: bool) -> list[str]:
    """The arguments of `LOOK`; what is empty is not looked at."""
    properties = ",".join(UNIT_PROPERTIES)
    aside = beside(manifest) if manifest else ""
    return [unit, manifest, pidfile, "1" if deep else "0", properties, data, aside]


def beside(path: str) -> str:
    """The place that keeps a manifest which was moved out: beside its folder, on the same file system."""
    whole = PurePosixPath(path)
    return str(whole.parent.parent / f"{whole.name}.stopped-by-etcdtui")


def parse(text: str) -> Look:
    """Read a look's output; what is not understood is left out."""
    look = Look()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        process = look.processes[-1] if look.processes else None
        if word == "proc" and rest.isdecimal():
            look.processes.append(Process(int(rest)))
        elif word == "unit":
            key, _, value = rest.partition("=")
            # A unit may have several environment files, one line each.
            look.unit[key] = f"{look.unit[key]}\n{value}" if key in look.unit else value
        elif word == "manifest":
            look.manifest = rest
        elif word == "pidfile":
            look.pidfile = int(rest) if rest.strip().isdecimal() else None
        elif word == "data":
            look.data = rest
        elif word == "host":
            look.host = rest
        elif word == "candidate":
            name, _, enabled = rest.partition(" ")
            look.candidates[name] = enabled.startswith("enabled")
        elif process is not None:
            _of_process(process, word, rest)
    # One that has ended and that nobody has waited for is still listed by its name.
    look.processes = [p for p in look.processes if not p.state.startswith("Z")]
    return look


def _of_process(process: Process, word: str, rest: str) -> None:
    if word == "argv":
        process.argv = tuple(part for part in rest.split("\x1f") if part)
    elif word == "state":
        process.state = rest
    elif word == "uid":
        process.uid = int(rest) if rest.isdecimal() else -1
    elif word == "ppid":
        process.ppid = int(rest) if rest.isdecimal() else -1
    elif word == "cgroup":
        process.cgroup = rest
    elif word == "exe":
        process.exe = rest
    elif word == "out":
        process.out = rest
    elif word == "env":
        key, _, value = rest.partition("=")
        process.env[key] = value


# -- etcd's settings -----------------------------------------------------------------------------


def flags(argv: tuple[str, ...] | list[str]) -> dict[str, str]:
    """etcd's flags of a command line: ``--name=x``, ``--name x``, ``-name x``."""
    out: dict[str, str] = {}
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            value = words.pop(0) if words and not words[0].startswith("-") else "true"
        out[name] = value.strip("'\"")
    return out


def variables(env: Mapping[str, str]) -> dict[str, str]:
    """etcd's settings of environment variables: ``ETCD_DATA_DIR`` is ``data-dir``."""
    return {
        key.removeprefix("ETCD_").lower().replace("_", "-"): value
        for key, value in env.items()
        if key.startswith("ETCD_") and value
    }


def environment_lines(text: str) -> dict[str, str]:
    """``ETCD_*`` of an environment file, quotes taken off."""
    out: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and key.startswith("ETCD_"):
            out[key] = value.strip().strip("'\"")
    return out


def urls(text: str) -> tuple[str, ...]:
    """A comma-separated list of URLs."""
    return tuple(url.strip() for url in text.split(",") if url.strip())
