"""Whether hosts can take the members of a new cluster: one look at each, and what all of them mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from etcdtui.model.bootstrap import HostsBootstrap
from etcdtui.model.bootstrap_checks import problems, sentence
from etcdtui.model.text import clean, si_bytes
from etcdtui.sites.founding import Sight
from etcdtui.sites.standing import settings_in

SKEW = 1.0
"""Seconds that the hosts' clocks may differ."""
FSYNC_P99 = 0.010
"""Seconds: etcd's FAQ wants 99 of 100 writes to its log on disk within that."""
LEAST_SPACE, GOOD_SPACE = 300_000_000, 4_000_000_000
"""Bytes free: what a new member takes at once, and what its quota of 2 GiB and its log may take."""
WRITES = 100

# Arguments: data directory, configuration file, unit file, program, further directories to be written to,
# tools, names of members, each list in one word, then ports. Nothing stays behind.
LOOK = r"""
data=$1 config=$2 unit=$3 program=$4 folders=$5 tools=$6 names=$7; shift 7
export LC_ALL=C
echo "clock $(date +%s.%N)"
echo "machine $(uname -s) $(uname -m)"
if [ -n "$program" ]; then
    echo "etcd $("$program" --version 2>/dev/null | sed -n 's/^etcd Version: *//p')"
fi
for port in "$@"; do
    hex=$(printf '%04X' "$port")
    if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F:]* 0A "; then
        echo "taken $port"
    fi
done
if [ -d "$data" ]; then
    if [ -r "$data" ] && [ -x "$data" ]; then
        if [ -n "$(ls -A "$data" | head -n 1)" ]; then echo "data full"; else echo "data empty"; fi
    else echo "data hidden"; fi
elif [ -e "$data" ]; then echo "data file"
else echo "data absent"; fi
if [ -e "$config" ]; then
    echo "config $(grep -c 'written by etcdtui' "$config" 2>/dev/null)"
    grep -q 'written by etcdtui' "$config" 2>/dev/null && sed 's/^/set /' "$config"
fi
if [ -n "$unit" ] && [ -e "$unit" ]; then
    echo "unit $(grep -c 'ritten by etcdtui' "$unit" 2>/dev/null)"
fi
[ -z "$unit" ] || [ -d /run/systemd/system ] || echo "lacks systemd"
for tool in $tools; do
    case $tool in
    fetcher) command -v curl >/dev/null || command -v wget >/dev/null || echo "lacks curl or wget" ;;
    *) command -v "$tool" >/dev/null || echo "lacks $tool" ;;
    esac
done
# All at once: a nameserver that is away costs seconds a name.
for name in $names; do
    (timeout 8 getent ahosts "$name" >/dev/null 2>&1; [ $? != 2 ] || echo "unknown $name") &
done
wait
for place in $folders "$data"; do
    while [ ! -d "$place" ]; do place=$(dirname "$place"); done
    [ -w "$place" ] || echo "closed $place"
done
df -Pk "$place" 2>/dev/null | awk 'NR == 2 { print "space " $4 }'
# Who goes on with what was begun knows the disk already.
[ -e "$config" ] && exit 0
probe=$place/.etcdtui-probe.$$
trap 'rm -f "$probe"' EXIT
if (: > "$probe") 2>/dev/null; then
    i=0
    while [ $i -lt 100 ]; do
        dd if=/dev/zero of="$probe" bs=2300 count=1 seek=$i oflag=dsync conv=notrunc
        i=$((i + 1))
    done 2>&1 | sed -n 's/.*copied, \([0-9.e-]*\) s,.*/fsync \1/p'
fi
:
"""

MACHINES = {
    "x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64",
}  # fmt: skip
"""What etcd is built for: the machine as uname has it, and as a tarball's name has it."""


_INSTEAD = {"systemd": ": give `run: process`"}


@dataclass(slots=True)
class Look:
    """What one host told."""

    clock: float | None = None
    """Seconds that it is ahead of the console's machine."""
    doubt: float = 0.0
    """Seconds by which that may be wrong: how long asking took."""
    system: str = ""
    machine: str = ""
    etcd: str | None = None
    """Version of the etcd that is to be there already; empty when there is none, None when none need be."""
    taken: tuple[int, ...] = ()
    """The ports that somebody listens on."""
    data: str = ""
    """``absent``, ``empty``, ``full``, ``hidden`` or ``file``."""
    config: str = ""
    """``ours``, ``foreign``, or empty when there is none."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the configuration file that is there and ours."""
    unit: str = ""
    """As `config`."""
    lacks: tuple[str, ...] = ()
    """What the bring-up needs there and there is not."""
    unknown: tuple[str, ...] = ()
    """Names of members that the host cannot make an address of."""
    closed: tuple[str, ...] = ()
    """Directories in which something is to be made and nothing can be."""
    space: int | None = None
    """Bytes free."""
    fsyncs: list[float] = field(default_factory=list)
    """Seconds of each write that was forced to disk."""

    @property
    def token(self) -> str:
        """Of the cluster that the configuration file is about; empty where that is not known."""
        return str(self.settings.get("initial-cluster-token", ""))

    @property
    def fsync_p99(self) -> float | None:
        """The 99th percentile; None when nothing could be measured."""
        order = sorted(self.fsyncs)
        return order[min(len(order) - 1, int(len(order) * 0.99))] if len(order) >= WRITES // 2 else None


def parse(text: str, asked: float, answered: float) -> Look:
    """Read a look's output.

    Args:
        asked, answered: the console's clock before and after, in seconds since 1970.
    """
    look, config = Look(), []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "clock" and re.fullmatch(r"\d+(\.\d+)?", rest):
            # The first thing that it says; how long the rest took does not count.
            look.clock, look.doubt = float(rest) - asked, answered - asked
        elif word == "machine":
            look.system, _, look.machine = rest.partition(" ")
        elif word == "etcd":
            look.etcd = rest.strip()
        elif word == "taken" and rest.isdecimal():
            look.taken += (int(rest),)
        elif word == "data":
            look.data = rest
        elif word in ("config", "unit"):
            setattr(look, word, "ours" if rest.strip() not in ("0", "") else "foreign")
        elif word == "set":
            config.append(rest)
        elif word in ("lacks", "unknown", "closed"):
            setattr(look, word, (*getattr(look, word), rest))
        elif word == "space" and rest.isdecimal():
            look.space = int(rest) * 1024
        elif word == "fsync":
            look.fsyncs.append(float(rest))
    look.settings = settings_in("\n".join(config))
    return look


def judge(looks: Mapping[str, Look], token: str, tarball: str) -> tuple[Sight, ...]:
    """Whether these hosts can take the members: a sight a host, and one of all of them.

    Args:
        looks: by host.
        token: of the cluster that is to be: what bears it was begun by this very plan.
        tarball: name of the release's file, which may tell what machine it is for; empty for none.
    """
    out = [
        Sight(host, tuple(_wrong(look, token, tarball)), tuple(_advice(look)), _facts(look))
        for host, look in looks.items()
    ]
    wrong, advice = tuple(_apart(looks)), tuple(_mixed(looks))
    return (*out, *((Sight("", wrong, advice),) if wrong or advice else ()))


def _apart(looks: Mapping[str, Look]) -> Iterator[str]:
    """Clocks that differ."""
    clocks = [look for look in looks.values() if look.clock is not None]
    if len(clocks) < 2:
        return
    late, early = min(clocks, key=_ahead), max(clocks, key=_ahead)
    apart = _ahead(early) - _ahead(late)
    if apart - max(late.doubt, early.doubt) > SKEW:
        names = {id(look): host for host, look in looks.items()}
        pair = f"{names[id(early)]} is {apart:.1f} s ahead of {names[id(late)]}"
        yield f"the clocks differ: {pair}: leases and certificates need them together"


def _ahead(look: Look) -> float:
    return look.clock or 0.0


def _mixed(looks: Mapping[str, Look]) -> Iterator[str]:
    """Releases that differ, where they are there already."""
    there: dict[str, list[str]] = {}
    for host, look in looks.items():
        if look.etcd:
            there.setdefault(clean(look.etcd), []).append(host)
    if len(there) > 1:
        said = ", ".join(f"{version} on {' and '.join(hosts)}" for version, hosts in sorted(there.items()))
        yield f"the releases differ: etcd {said}: the cluster does what the oldest can"


def judge_release(look: Look, boot: HostsBootstrap, token: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the etcd that is there already means for the plan: what forbids it, and advice.

    Args:
        token: as in `judge`; a cluster that was begun may have been upgraded since.
    """
    if not look.etcd or (look.config == "ours" and look.token == token):
        return (), ()
    said, found = boot.release.version, clean(look.etcd, 40)
    other = (f"etcd {found} is there, and the plan says {said}",) if said and found != said else ()
    as_found = replace(boot, release=replace(boot.release, version=found))
    known = set(problems(boot))
    new = [problem for problem in problems(as_found) if problem not in known]
    hard = [sentence(problem) for problem in new if problem.hard]
    return (*other, *hard), tuple(sentence(problem) for problem in new if not problem.hard)


def _wrong(look: Look, token: str, tarball: str) -> list[str]:
    out = []
    ours = look.config == "ours" and look.token == token
    if look.system != "Linux" or look.machine not in MACHINES:
        out.append(f"etcd is not built for {clean(look.system)} on {clean(look.machine)}")
    elif (built := _built_for(tarball)) and built != MACHINES[look.machine]:
        out.append(f"{tarball} is for {built}, and this is {MACHINES[look.machine]}")
    if look.etcd == "":
        out.append("there is no etcd: install it, or say where it comes from (`release`)")
    if look.taken and not ours:
        ports = ", ".join(map(str, look.taken))
        out.append(f"port {ports} is taken: something listens there")
    if look.data == "file":
        out.append("the data directory is a file")
    if look.data in ("full", "hidden") and not ours:
        what = "is not empty" if look.data == "full" else "cannot be looked into"
        out.append(f"the data directory {what}: nothing is overwritten; move it aside, or name another one")
    if look.config == "foreign":
        out.append("the configuration file is there, and not ours: nothing is overwritten")
    elif look.config == "ours" and not ours and look.data in ("full", "hidden"):
        out.append(f"a member of another cluster ({clean(look.token, 60)}) is there already")
    out += [f"there is no {tool}" + _INSTEAD.get(tool, "") for tool in look.lacks]
    out += [f"{clean(name)} is no name of any host here: give an `address`" for name in look.unknown]
    if look.closed and not ours:
        out.append(f"{', '.join(dict.fromkeys(look.closed))} cannot be written to: give other directories")
    if look.unit == "foreign":
        out.append("the unit is there, and not ours: give another `unit`")
    if look.space is not None and look.space < LEAST_SPACE and not ours:
        out.append(f"only {si_bytes(look.space)} are free for the data, {si_bytes(LEAST_SPACE)} are needed")
    return out


def _built_for(tarball: str) -> str:
    found = re.search(r"linux-([a-z0-9]+)", tarball)
    return found[1] if found and found[1] in MACHINES.values() else ""


def _advice(look: Look) -> list[str]:
    out = []
    if look.space is not None and LEAST_SPACE <= look.space < GOOD_SPACE:
        out.append(
            f"{si_bytes(look.space)} free: a full database and its log may take {si_bytes(GOOD_SPACE)}"
        )
    p99 = look.fsync_p99
    if p99 is not None and p99 > FSYNC_P99:
        text = (
            f"99 of 100 writes are on disk within {p99 * 1000:.0f} ms, etcd wants {FSYNC_P99 * 1000:.0f} ms"
        )
        out.append(f"{text}: a slow disk costs elections")
    return out


def _facts(look: Look) -> str:
    parts = [MACHINES.get(look.machine, look.machine)]
    if look.etcd:
        parts.append(f"etcd {look.etcd}")
    if look.space is not None:
        parts.append(f"{si_bytes(look.space)} free")
    p99 = look.fsync_p99
    parts.append(f"fsync p99 {p99 * 1000:.1f} ms" if p99 is not None else "fsync not measured")
    return ", ".join(clean(part) for part in parts)
