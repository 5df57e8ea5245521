"""What is wrong with the plan of a new cluster and what could be better, found as it is typed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from etcdtui.model.bootstrap import (
    Bootstrap,
    Discovery,
    GivenTls,
    HostsBootstrap,
    KubeBootstrap,
    MemberPlan,
    Source,
    Tls,
    bare_host,
    is_address,
)
from etcdtui.model.etcd_settings import OWN_SETTINGS
from etcdtui.model.text import clean
from etcdtui.model.versions import Version, parse_version

CORRUPTING = ((3, 5, 0), (3, 5, 2))
"""The releases that can corrupt data when a member crashes (etcd's postmortem of 2022)."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGTPE]i?)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"/[A-Za-z0-9/._{}@+-]*")
_UNIT = re.compile(r"[A-Za-z0-9:_.@{}-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing found."""

    where: str
    """The key it is about, such as ``members[1].name``; its place in the profile."""
    text: str
    hard: bool = True
    """Whether nothing can be brought up like that; otherwise it is advice."""


def problems(plan: Bootstrap) -> tuple[Problem, ...]:
    """All that is found, what forbids it first."""
    found = list(_common(plan))
    if isinstance(plan, HostsBootstrap):
        found += [*_members(plan), *_places(plan), *_meeting(plan), *_release(plan)]
    if isinstance(plan, KubeBootstrap):
        found += _kube(plan)
    return tuple(sorted(found, key=lambda problem: not problem.hard))


def version_of(plan: Bootstrap) -> Version | None:
    """The etcd that is to run; None while that is not known."""
    if isinstance(plan, HostsBootstrap):
        return parse_version(plan.release.version)
    if isinstance(plan, KubeBootstrap):
        return parse_version(plan.version or plan.image.rpartition("/")[2].partition(":")[2])
    return None


def size_of(plan: Bootstrap) -> int:
    """How many voters it is to have."""
    if isinstance(plan, HostsBootstrap):
        return len(plan.members)
    return plan.members if isinstance(plan, KubeBootstrap) else 0


# -- any cluster -------------------------------------------------------------------------------


def _common(plan: Bootstrap) -> Iterator[Problem]:
    size, version = size_of(plan), version_of(plan)
    if size < 1:
        yield Problem("members", "a cluster has at least one member")
    elif size % 2 == 0:
        less = "fails with either of the two" if size == 2 else f"survives no more failures than {size - 1}"
        yield Problem("members", f"{size} voters: that {less}; an odd number is better", hard=False)
    elif size == 1:
        yield Problem("members", "one voter: the cluster is down whenever it is", hard=False)
    if size > 7:
        yield Problem(
            "members", f"{size} voters: every write waits for more of them; seven are enough", hard=False
        )
    if version is not None and version < (3, 4, 0):
        yield Problem("version", f"etcd {_dotted(version)}: the console brings up 3.4 and newer")
    if version is not None and CORRUPTING[0] <= version <= CORRUPTING[1]:
        text = f"etcd {_dotted(version)} can corrupt its data when it crashes: take 3.5.3 or newer"
        yield Problem("version", text, hard=False)
    if plan.tls is Tls.AUTO:
        yield Problem(
            "tls", "auto: traffic is encrypted, and nobody is checked: for a trial only", hard=False
        )
    if plan.tls is Tls.NONE and plan.auth:
        yield Problem("auth", "without TLS every password crosses the network as plain text", hard=False)
    for name in sorted(set(plan.settings) & OWN_SETTINGS):
        yield Problem(f"settings.{name}", "this one is made from the plan table")


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


# -- hosts -------------------------------------------------------------------------------------


def _members(plan: HostsBootstrap) -> Iterator[Problem]:
    names = Counter(member.name for member in plan.members)
    taken: dict[tuple[str, int], str] = {}
    for number, member in enumerate(plan.members):
        where = f"members[{number}]"
        if not _NAME.fullmatch(member.name):
            yield Problem(
                f"{where}.name", f"{clean(member.name)!r}: expected letters, digits and . _ - between"
            )
        elif names[member.name] > 1:
            yield Problem(f"{where}.name", f"{member.name} stands here {names[member.name]} times")
        if not member.host:
            yield Problem(f"{where}.host", "expected a host")
        yield from _ports(where, member, taken)
    hosts = Counter(bare_host(member.host) for member in plan.members)
    for host in (host for host, count in hosts.items() if host and count > 1):
        text = f"{hosts[host]} members on {clean(host)}: one a host; they would fail together"
        yield Problem("members", text)


def _ports(where: str, member: MemberPlan, taken: dict[tuple[str, int], str]) -> Iterator[Problem]:
    for key, port in (("client_port", member.client_port), ("peer_port", member.peer_port)):
        if not 1 <= port <= 65535:
            yield Problem(f"{where}.{key}", f"{port}: expected 1 to 65535")
            continue
        # Whatever address is dialled, the port is the host's: etcd may have to listen on all of them.
        place = (member.host, port)
        if place in taken:
            yield Problem(f"{where}.{key}", f"{port} on {clean(member.host)} is taken by {taken[place]}")
        taken.setdefault(place, f"{clean(member.name)}'s {key.replace('_', ' ')}")
        url = (f"//{member.dialled.lower()}", port)
        if taken.setdefault(url, where) != where:
            yield Problem(f"{where}.{key}", f"{member.dialled}:{port} is the URL of another member too")
        if port < 1024:
            yield Problem(f"{where}.{key}", f"{port}: below 1024 only root may listen", hard=False)


def _places(plan: HostsBootstrap) -> Iterator[Problem]:
    for key in ("data_dir", "config_dir", "install_dir"):
        path = str(getattr(plan, key))
        if (
            not _PATH.fullmatch(path)
            or ".." in path.split("/")
            or path.rstrip("/") in ("", "/etc", "/var", "/usr")
        ):
            yield Problem(key, f"{clean(path)!r}: expected an absolute path of etcd's own")
    if not _UNIT.fullmatch(plan.unit):
        yield Problem("unit", f"{clean(plan.unit)!r}: expected the name of a systemd unit")
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", plan.account):
        yield Problem("account", f"{clean(plan.account)!r}: expected the name of an account")
    elif plan.account == "root":
        yield Problem("account", "etcd needs no root: an account of its own is better", hard=False)
    if plan.tls is Tls.GIVEN:
        yield from _given(plan.given)


def _given(given: GivenTls) -> Iterator[Problem]:
    for key in ("ca", "cert", "key"):
        if not getattr(given, key):
            yield Problem(f"given.{key}", "expected a path, for tls: given")
    if bool(given.peer_cert) != bool(given.peer_key):
        yield Problem("given.peer_cert", "expected peer_cert and peer_key together")


def _meeting(plan: HostsBootstrap) -> Iterator[Problem]:
    meeting, version = plan.meeting, version_of(plan)
    if meeting.by is Discovery.SRV and not re.fullmatch(
        r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\.?", meeting.domain
    ):
        yield Problem("srv_domain", "expected the domain with the SRV records, such as example.net")
    if meeting.by is Discovery.SRV:
        for number, member in enumerate(plan.members):
            if is_address(member.dialled.strip("[]")):
                text = f"{member.dialled}: an IP address cannot stand in a record: give a DNS name"
                yield Problem(f"members[{number}].address", text)
    if meeting.by is not Discovery.SERVICE:
        return
    if bool(meeting.url) == bool(meeting.endpoints):
        yield Problem("discovery_url", "expected one of discovery_url and discovery_endpoints")
    elif meeting.url and version is not None and version >= (3, 7, 0):
        yield Problem("discovery_url", "etcd 3.7 has no longer the old discovery: give discovery_endpoints")
    elif meeting.endpoints and version is not None and version < (3, 6, 0):
        yield Problem("discovery_endpoints", f"etcd {_dotted(version)} has it not yet: give discovery_url")


def _release(plan: HostsBootstrap) -> Iterator[Problem]:
    release = plan.release
    if release.source is not Source.THERE and not release.where:
        yield Problem(f"release.{release.source}", "expected where it is")
    if release.source is not Source.THERE and version_of(plan) is None:
        yield Problem("release.version", "expected the version that is in it, such as 3.5.21")
    said = re.search(r"(?<![0-9.])v?(\d+\.\d+\.\d+)(?=-linux)", release.where.rpartition("/")[2])
    if release.source is not Source.THERE and said and release.version and said[1] != release.version:
        text = f"{release.version}, and by its name the tarball is etcd {said[1]}"
        yield Problem("release.version", text, hard=False)
    if release.sha256 and not _SHA256.fullmatch(release.sha256):
        yield Problem("release.sha256", "expected 64 hexadecimal digits in lower case")
    if not release.sha256 and release.source in (Source.URL, Source.HOST_URL):
        text = "what is fetched is not checked: give the tarball's from the release's SHA256SUMS"
        yield Problem("release.sha256", text, hard=False)


# -- Kubernetes --------------------------------------------------------------------------------


def _kube(plan: KubeBootstrap) -> Iterator[Problem]:
    if version_of(plan) is None:
        yield Problem("version", f"{clean(plan.image)}: its tag does not tell which etcd it is: say version")
    for key in ("storage", "cpu", "memory", "memory_limit"):
        value = str(getattr(plan, key))
        if value and not _QUANTITY.fullmatch(value):
            yield Problem(key, f"{clean(value)!r}: expected a quantity such as 8Gi or 100m")
    if plan.tls is Tls.AUTO:
        yield Problem("tls", "auto: nobody outside a pod could check what etcd makes there: take made")
    if not plan.storage:
        yield Problem("storage", "no claims: a pod that goes takes its member's data with it", hard=False)
    if plan.tls is Tls.GIVEN and not all(plan.secrets):
        yield Problem("secrets", "expected the Secrets for clients and for peers, for tls: given")


def first(found: tuple[Problem, ...]) -> Problem | None:
    """What forbids it, if anything does."""
    return next((problem for problem in found if problem.hard), None)


def sentence(problem: Problem) -> str:
    """One line for people."""
    return f"{problem.where}: {problem.text}"
