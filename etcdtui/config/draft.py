"""A new cluster as it is being typed: texts, what they mean so far, what is wrong, what the file will say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etcdtui.config.profiles import NAME, NAME_HAS
from etcdtui.config.values import endpoints
from etcdtui.model import bootstrap_checks as checks
from etcdtui.model.bootstrap import (
    Bootstrap,
    Discovery,
    GivenTls,
    HostsBootstrap,
    KubeBootstrap,
    Meeting,
    MemberPlan,
    ReleasePlan,
    Runner,
    Source,
    Spread,
    Tls,
    bare_host,
)
from etcdtui.model.bootstrap_checks import Problem
from etcdtui.model.text import clean

if TYPE_CHECKING:
    from etcdtui.config.draft_fields import DraftField

HOSTS, KUBE = "hosts", "kubernetes"
COLUMNS = ("host", "client_port", "peer_port", "name", "address")
"""Of the plan table, as the classic guide has it, and the address that peers and clients dial."""
_PLACES = ("data_dir", "config_dir", "install_dir", "unit", "account")
_POD = ("image", "version", "storage_class", "cpu", "memory", "memory_limit")
_FIELD_OF = {
    "release.version": "release", "release.sha256": "sha256",
    "release.tarball": "where", "release.url": "where", "release.host_url": "where",
    "given.ca": "ca", "given.cert": "cert", "given.key": "key",
}  # fmt: skip
_CLIENT = {"ca": "ca", "cert": "client_cert", "key": "client_key"}
"""The profile's own TLS files, by the fields that name them."""
_FILES = ("identity_file", "kubeconfig", "ca", "cert", "key", "client_cert", "client_key")


@dataclass
class Draft:
    """What was typed so far; an empty text leaves a thing as it usually is."""

    values: dict[str, str] = field(default_factory=dict)
    """By the keys of `etcdtui.config.draft_fields`."""
    rows: list[dict[str, str]] = field(default_factory=lambda: [{}, {}, {}])
    """The plan table's lines, by `COLUMNS`."""

    @property
    def kind(self) -> str:
        """`HOSTS` or `KUBE`."""
        return KUBE if self.values.get("kind") == KUBE else HOSTS

    @property
    def name(self) -> str:
        """The cluster's, and its profile's."""
        return self.text("name")

    def text(self, key: str) -> str:
        """What counts for a field: what was typed, else what is usual."""
        return self.values.get(key, "").strip() or self._field(key).standard

    @staticmethod
    def _field(key: str) -> DraftField:
        from etcdtui.config.draft_fields import FIELDS

        return next(each for each in FIELDS if each.key == key)

    def _unusual(self, key: str) -> str:
        """What counts for a field, when that is not what counts anyway."""
        return "" if self.text(key) == self._field(key).standard else self.text(key)

    def cell(self, row: int, column: str) -> str:
        """What counts in a cell of the plan table."""
        return self.rows[row].get(column, "").strip() or self.usual(row, column)

    def usual(self, row: int, column: str) -> str:
        """What counts in a cell while it is empty."""
        host = bare_host(self.rows[row].get("host", "").strip())
        standard = MemberPlan("", "")
        ports = {"client_port": str(standard.client_port), "peer_port": str(standard.peer_port)}
        return host if column in ("name", "address") else ports.get(column, "")

    # -- what it means -----------------------------------------------------------------------------

    def plan(self) -> Bootstrap:
        """The cluster as far as it is said; what is no number or no choice is what is usual."""
        return self._hosts() if self.kind == HOSTS else self._kube()

    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong or could be better, what forbids it first; `where` is a field or a cell."""
        found = [*self._nonsense(), *self._missing(), *map(self._placed, checks.problems(self.plan()))]
        # Of a line that is still empty there is one thing to be said.
        empty = tuple(f"members[{n}]." for n in range(len(self.rows)) if not self.cell(n, "host"))
        said = [p for p in found if not p.where.startswith(empty) or p.where.endswith(".host")]
        return tuple(sorted(dict.fromkeys(said), key=lambda problem: not problem.hard))

    def mapping(self) -> dict[str, Any]:
        """The profile as the configuration file will have it; what is usual is left out."""
        return self._hosts_mapping() if self.kind == HOSTS else self._kube_mapping()

    def _placed(self, problem: Problem) -> Problem:
        """A problem at the field of the wizard that it is about."""
        where = _FIELD_OF.get(problem.where, problem.where)
        if where == "version" and self.kind == HOSTS:
            where = "release"
        return Problem(where, problem.text, problem.hard)

    def _nonsense(self) -> Iterator[Problem]:
        """What cannot be read at all."""
        from etcdtui.config.draft_fields import FIELDS

        if not re.fullmatch(NAME, self.name):
            yield Problem("name", f"expected {NAME_HAS}")
        for each in FIELDS:
            if each.choices and self.text(each.key) not in each.choices:
                yield Problem(each.key, f"expected one of {', '.join(each.choices)}")
        numbers = (("members", 1, 99), ("run_as", 0, 2**31 - 1)) if self.kind == KUBE else ()
        for key, low, high in numbers:
            if not _within(self.text(key), low, high):
                yield Problem(key, f"expected a whole number from {low} to {high}")
        if self.kind == HOSTS:
            yield from self._bad_cells()
        if self.text("tls") == Tls.GIVEN:
            keys = ("client_cert", "client_key") if self.kind == HOSTS else ("tls_secret",)
            unsaid = [key for key in keys if not self.text(key)]
            yield from (Problem(key, "expected one: members ask every client for it") for key in unsaid)

    def _bad_cells(self) -> Iterator[Problem]:
        for row in range(len(self.rows)):
            for column in ("client_port", "peer_port"):
                if not _within(self.cell(row, column), 1, 65535):
                    yield Problem(f"members[{row}].{column}", "expected a port, 1 to 65535")
            if not re.fullmatch(r"[^\s,/]*", self.cell(row, "host")):
                yield Problem(f"members[{row}].host", "expected [user@]host[:port]")
            if not re.fullmatch(r"[A-Za-z0-9.:_-]*", self.cell(row, "address")):
                yield Problem(f"members[{row}].address", "expected an address or a DNS name")
        try:
            if urls := self.text("discovery_endpoints"):
                endpoints(urls)
        except ValueError as error:
            yield Problem("discovery_endpoints", clean(str(error)))

    def _missing(self) -> Iterator[Problem]:
        """Files here that are not there."""
        source = _word(Source, self.text("source"))
        keys = (*_FILES, *(["where"] if source is Source.TARBALL else []))
        for each in (self._field(key) for key in keys):
            names = [self.cell(row, "name") for row in range(len(self.rows))]
            typed = self._file(each.key) if each.shown(self) else ""
            for path in dict.fromkeys(typed.replace("{name}", name) for name in names):
                if path and not Path(path).is_file():
                    yield Problem(each.key, f"there is no file {clean(path)}")

    def _file(self, key: str) -> str:
        """A path here; in the file a relative one would begin beside the file."""
        typed = self.text(key)
        try:
            return str(Path(typed).expanduser().absolute()) if typed else ""
        except RuntimeError:
            return typed

    # -- hosts -------------------------------------------------------------------------------------

    def _hosts(self) -> HostsBootstrap:
        given = self.text("tls") == Tls.GIVEN
        return HostsBootstrap(
            tls=_word(Tls, self.text("tls")),
            auth=self.text("auth") == "yes",
            members=tuple(self._member(row) for row in range(len(self.rows))),
            meeting=self._meeting(),
            given=GivenTls(*(self._file(key) for key in ("ca", "cert", "key"))) if given else GivenTls(),
            release=self._release(),
            runner=_word(Runner, self.text("run")),
            unit=self.text("unit"),
            data_dir=self.text("data_dir"),
            config_dir=self.text("config_dir"),
            install_dir=self.text("install_dir"),
            account=self.text("account"),
        )

    def _member(self, row: int) -> MemberPlan:
        def port(column: str) -> int:
            typed = self.cell(row, column)
            return int(typed if _within(typed, 1, 65535) else self.usual(row, column))

        typed = self.rows[row].get("address", "").strip()
        host, name = self.cell(row, "host"), self.cell(row, "name")
        return MemberPlan(host, name, typed, port("client_port"), port("peer_port"))

    def _meeting(self) -> Meeting:
        by = _word(Discovery, self.text("discovery"))
        if by is Discovery.SRV:
            return Meeting(by, domain=self.text("srv_domain"))
        if by is Discovery.SERVICE:
            urls = tuple(word.strip() for word in self.text("discovery_endpoints").split(",") if word.strip())
            return Meeting(by, url=self.text("discovery_url"), endpoints=urls)
        return Meeting()

    def _release(self) -> ReleasePlan:
        source = _word(Source, self.text("source"))
        version = self.text("release").removeprefix("v")
        if source is Source.THERE:
            return ReleasePlan(version, source, self.text("there"))
        where = self._file("where") if source is Source.TARBALL else self.text("where")
        return ReleasePlan(version, source, where, self.text("sha256").lower())

    def _hosts_mapping(self) -> dict[str, Any]:
        plan = self._hosts()
        release = {"version": plan.release.version, "sha256": plan.release.sha256}
        if plan.release.where:
            release[str(plan.release.source)] = plan.release.where
        meeting = {
            "discovery": str(plan.meeting.by) if plan.meeting.by is not Discovery.STATIC else "",
            "srv_domain": plan.meeting.domain,
            "discovery_url": plan.meeting.url,
            "discovery_endpoints": list(plan.meeting.endpoints),
        }
        jump = [word.strip() for word in self.text("jump").split(",") if word.strip()]
        return _said({
            "kind": "ssh",
            "hosts": [member.host for member in plan.members],
            "jump": jump,
            "user": self.text("user"),
            "identity_file": self._file("identity_file"),
            "tls": {key: self._file(field) for key, field in _CLIENT.items()}
            if plan.tls is Tls.GIVEN else {},
            "etcd_user": "root" if plan.auth else "",
            "bootstrap": _said({
                "members": [self._line(row) for row in range(len(self.rows))],
                "release": _said({key: str(value) for key, value in release.items()}),
                "run": self._unusual("run"),
                **meeting,
                "tls": self._unusual("tls"),
                "given": {key: self._file(key) for key in ("ca", "cert", "key")}
                if plan.tls is Tls.GIVEN else {},
                "auth": plan.auth,
                **{key: self._unusual(key) for key in _PLACES},
            }),
        })  # fmt: skip

    def _line(self, row: int) -> dict[str, Any]:
        """A line of the table; ports always, for the table is what people read."""
        member = self._member(row)
        said = {"host": member.host, "name": member.name, "address": member.address}
        return {**_said(said), "client_port": member.client_port, "peer_port": member.peer_port}

    # -- Kubernetes --------------------------------------------------------------------------------

    def _kube(self) -> KubeBootstrap:
        standard = KubeBootstrap()
        members, run_as = self.text("members"), self.text("run_as")
        storage = self.text("storage")
        names = [word.strip() for word in self.text("secrets").split(",") if word.strip()]
        return KubeBootstrap(
            tls=_word(Tls, self.text("tls")),
            auth=self.text("auth") == "yes",
            members=int(members) if _within(members, 1, 99) else standard.members,
            storage="" if storage == "none" else storage,
            spread=_word(Spread, self.text("spread")),
            run_as=int(run_as) if _within(run_as, 0, 2**31 - 1) else standard.run_as,
            secrets=(names[0], names[1]) if len(names) == 2 else ("", ""),
            image=self.text("image"),
            version=self.text("version"),
            storage_class=self.text("storage_class"),
            cpu=self.text("cpu"),
            memory=self.text("memory"),
            memory_limit=self.text("memory_limit"),
        )

    def _kube_mapping(self) -> dict[str, Any]:
        plan = self._kube()
        texts = {key: self._unusual(key) for key in _POD}
        # A profile that leaves the image open would get another one some day.
        texts["image"] = plan.image
        return _said({
            "kind": "kube",
            **{key: self.text(key) for key in ("context", "namespace", "statefulset")},
            "kubeconfig": self._file("kubeconfig"),
            "tls_secret": self.text("tls_secret") if plan.tls is Tls.GIVEN else "",
            "user": "root" if plan.auth else "",
            "bootstrap": _said({
                "members": plan.members,
                **texts,
                "storage": plan.storage or "none",
                "spread": self._unusual("spread"),
                "run_as": plan.run_as if self._unusual("run_as") else "",
                "tls": self._unusual("tls"),
                "secrets": list(plan.secrets) if plan.tls is Tls.GIVEN else [],
                "auth": plan.auth,
            }),
        })  # fmt: skip


def _within(text: str, low: int, high: int) -> bool:
    return text.isdecimal() and len(text) < 11 and low <= int(text) <= high


def _word(words: Any, text: str) -> Any:
    """The choice that was typed; its usual one for anything else."""
    return words(text) if text in list(words) else next(iter(words))


def _said(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    # Nought is a value, though it equals False.
    return {key: value for key, value in mapping.items() if value or (value == 0 and value is not False)}
