"""Whether hosts can take the members of a new cluster: one look at each, and what all of them mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from etcdtui.model.text import clean, si_bytes

SKEW = 1.0
"""Seconds that the hosts' clocks may differ."""
FSYNC_P99 = 0.010
"""Seconds: etcd's FAQ wants 99 of 100 writes to its log on disk within that."""
LEAST_SPACE, GOOD_SPACE = 300_000_000, 4_000_000_000
"""Bytes free: what a new member takes at once, and what its quota of 2 GiB and its log may take."""
WRITES = 100

# Arguments: data directory, configuration file, unit file, then ports. Nothing stays behind.
LOOK = r"""
data=$1 config=$2 unit=$3; shift 3
export LC_ALL=C
echo "clock $(date +%s.%N)"
echo "machine $(uname -s) $(uname -m)"
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
    sed -n 's/^initial-cluster-token: "\(.*\)"$/token \1/p' "$config" 2>/dev/null
fi
if [ -n "$unit" ] && [ -e "$unit" ]; then
    echo "unit $(grep -c 'ritten by etcdtui' "$unit" 2>/dev/null)"
fi
place=$data
while [ ! -d "$place" ]; do place=$(dirname "$place"); done
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


@dataclass(slots=True)
class Sight:
    """What one host told."""

    clock: float | None = None
    """Seconds that it is ahead of the console's machine."""
    doubt: float = 0.0
    """Seconds by which that may be wrong: how long asking took."""
    system: str = ""
    machine: str = ""
    taken: tuple[int, ...] = ()
    """The ports that somebody listens on."""
    data: str = ""
    """``absent``, ``empty``, ``full``, ``hidden`` or ``file``."""
    config: str = ""
    """``ours``, ``foreign``, or empty when there is none."""
    token: str = ""
    """Of the configuration file that is there."""
    unit: str = ""
    """As `config`."""
    space: int | None = None
    """Bytes free."""
    fsyncs: list[float] = field(default_factory=list)
    """Seconds of each write that was forced to disk."""

    @property
    def fsync_p99(self) -> float | None:
        """The 99th percentile; None when nothing could be measured."""
        order = sorted(self.fsyncs)
        return order[min(len(order) - 1, int(len(order) * 0.99))] if len(order) >= WRITES // 2 else None


def parse(text: str, asked: float, answered: float) -> Sight:
    """Read a look's output.

    Args:
        asked, answered: the console's clock before and after, in seconds since 1970.
    """
    sight = Sight()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "clock" and re.fullmatch(r"\d+(\.\d+)?", rest):
            # The first thing that it says; how long the rest took does not count.
            sight.clock, sight.doubt = float(rest) - asked, answered - asked
        elif word == "machine":
            sight.system, _, sight.machine = rest.partition(" ")
        elif word == "taken" and rest.isdecimal():
            sight.taken += (int(rest),)
        elif word == "data":
            sight.data = rest
        elif word in ("config", "unit"):
            setattr(sight, word, "ours" if rest.strip() not in ("0", "") else "foreign")
        elif word == "token":
            sight.token = rest
        elif word == "space" and rest.isdecimal():
            sight.space = int(rest) * 1024
        elif word == "fsync":
            sight.fsyncs.append(float(rest))
    return sight


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the looks mean."""

    wrong: tuple[str, ...]
    """What forbids it, each with its host."""
    advice: tuple[str, ...]
    facts: tuple[str, ...]
    """What was found, a host a sentence."""


def judge(sights: Mapping[str, Sight], token: str, tarball: str) -> Judgement:
    """Whether these hosts can take the members.

    Args:
        sights: by host.
        token: of the cluster that is to be: what bears it was begun by this very plan.
        tarball: name of the release's file, which may tell what machine it is for; empty for none.
    """
    wrong: list[str] = []
    advice: list[str] = []
    for host, sight in sights.items():
        wrong += [f"{host}: {text}" for text in _wrong(sight, token, tarball)]
        advice += [f"{host}: {text}" for text in _advice(sight)]
    clocks = [s for s in sights.values() if s.clock is not None]
    if len(clocks) > 1:
        late, early = min(clocks, key=_clock), max(clocks, key=_clock)
        apart = _clock(early) - _clock(late)
        if apart - max(late.doubt, early.doubt) > SKEW:
            names = {id(s): h for h, s in sights.items()}
            pair = f"{names[id(early)]} is {apart:.1f} s ahead of {names[id(late)]}"
            wrong.append(f"the clocks differ: {pair}: leases and certificates need them together")
    return Judgement(tuple(wrong), tuple(advice), tuple(f"{h}: {_facts(s)}" for h, s in sights.items()))


def _clock(sight: Sight) -> float:
    return sight.clock or 0.0


def _wrong(sight: Sight, token: str, tarball: str) -> list[str]:
    out = []
    ours = sight.config == "ours" and sight.token == token
    if sight.system != "Linux" or sight.machine not in MACHINES:
        out.append(f"etcd is not built for {clean(sight.system)} on {clean(sight.machine)}")
    elif (built := _built_for(tarball)) and built != MACHINES[sight.machine]:
        out.append(f"{tarball} is for {built}, and this is {MACHINES[sight.machine]}")
    if sight.taken and not ours:
        ports = ", ".join(map(str, sight.taken))
        out.append(f"port {ports} is taken: something listens there")
    if sight.data == "file":
        out.append("the data directory is a file")
    if sight.data in ("full", "hidden") and not ours:
        what = "is not empty" if sight.data == "full" else "cannot be looked into"
        out.append(f"the data directory {what}: nothing is overwritten; move it aside, or name another one")
    if sight.config == "foreign":
        out.append("the configuration file is there, and not ours: nothing is overwritten")
    elif sight.config == "ours" and not ours and sight.data in ("full", "hidden"):
        out.append(f"a member of another cluster ({clean(sight.token, 60)}) is there already")
    if sight.unit == "foreign":
        out.append("the unit is there, and not ours: give another `unit`")
    if sight.space is not None and sight.space < LEAST_SPACE and not ours:
        out.append(f"only {si_bytes(sight.space)} are free for the data, {si_bytes(LEAST_SPACE)} are needed")
    return out


def _built_for(tarball: str) -> str:
    found = re.search(r"linux-([a-z0-9]+)", tarball)
    return found[1] if found and found[1] in MACHINES.values() else ""


def _advice(sight: Sight) -> list[str]:
    out = []
    if sight.space is not None and LEAST_SPACE <= sight.space < GOOD_SPACE:
        out.append(
            f"{si_bytes(sight.space)} free: a full database and its log may take {si_bytes(GOOD_SPACE)}"
        )
    p99 = sight.fsync_p99
    if p99 is not None and p99 > FSYNC_P99:
        text = (
            f"99 of 100 writes are on disk within {p99 * 1000:.0f} ms, etcd wants {FSYNC_P99 * 1000:.0f} ms"
        )
        out.append(f"{text}: a slow disk costs elections")
    return out


def _facts(sight: Sight) -> str:
    parts = [MACHINES.get(sight.machine, sight.machine)]
    if sight.space is not None:
        parts.append(f"{si_bytes(sight.space)} free")
    p99 = sight.fsync_p99
    parts.append(f"fsync p99 {p99 * 1000:.1f} ms" if p99 is not None else "fsync not measured")
    return ", ".join(clean(part) for part in parts)
