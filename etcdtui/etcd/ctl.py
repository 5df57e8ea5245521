"""One endpoint of etcd by way of ``etcdctl -w json``, run wherever a runner runs it.

For where no connection to etcd can be made. Each call costs a process and tens of milliseconds, and losing a
connection is not noticed by itself.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from etcdtui.errors import DeadlineExceeded, Refused
from etcdtui.etcd.api import HashKv, KeyValue, Target
from etcdtui.etcd.ctl_users import CtlUsers
from etcdtui.etcd.errors import NO_ANSWER, explain
from etcdtui.model.cluster import Alarm, EndpointStatus, Member

_KINDS = {0: "NONE", 1: "NOSPACE", 2: "CORRUPT"}
_RPC = re.compile(r"rpc error: code = (\w+) desc = (.*)", re.DOTALL)
_CODES = {
    "Unavailable": "UNAVAILABLE",
    "DeadlineExceeded": "DEADLINE_EXCEEDED",
    "PermissionDenied": "PERMISSION_DENIED",
    "Unauthenticated": "UNAUTHENTICATED",
    "Unimplemented": "UNIMPLEMENTED",
    "Canceled": "CANCELLED",
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What etcdctl left behind."""

    code: int
    out: str
    err: str


Runner = Callable[[Sequence[str], str, float], Ran]
"""Runs etcdctl with these arguments and this standard input within so many seconds; raises SiteError."""
Saver = Callable[[Sequence[str], float], Generator[bytes, None, Ran]]
"""Has etcdctl with these arguments save a snapshot, gives the file's bytes, and returns how it ended."""


class CtlReader:
    """The calls that change nothing (`etcdtui.etcd.api.EtcdReader`).

    Args:
        save: how a snapshot is saved and read; none are offered when None.
    """

    def __init__(
        self, target: Target, run: Runner, options: Sequence[str] = (), save: Saver | None = None
    ) -> None:
        self.target = target
        self._run = run
        self._options = options
        self._save = save

    def _argv(self, words: Sequence[str], timeout: float) -> list[str]:
        seconds = f"{max(timeout, 0.1):.2f}s"
        deadlines = (f"--dial-timeout={seconds}", f"--command-timeout={seconds}")
        return [f"--endpoints={self.target.url}", *deadlines, *self._options, *words]

    def _text(self, words: Sequence[str], timeout: float, stdin: str = "") -> str:
        done = self._run(self._argv(words, timeout), stdin, timeout + 3)
        if done.code:
            self._fail(done, timeout)
        return done.out

    def _json(self, words: Sequence[str], timeout: float, stdin: str = "") -> Any:
        text = self._text([*words, "-w", "json"], timeout, stdin)
        try:
            # A transaction and a snapshot print other lines before.
            return json.loads(text[min(i for i in (text.find("{"), text.find("[")) if i >= 0) :])
        except ValueError:
            raise Refused(
                f"etcdctl {words[0]} of {self.target.url} gave no JSON", details=text[:200]
            ) from None

    def _fail(self, done: Ran, timeout: float) -> NoReturn:
        told = [line for line in done.err.splitlines() if line.strip()]
        details = (told[-1] if told else "").removeprefix("Error: ")
        for line in told:
            if line.startswith("{"):
                details = str(json.loads(line).get("error", details)) if line.endswith("}") else details
        if "deadline exceeded" in details and "connection" not in details:
            raise DeadlineExceeded(NO_ANSWER.format(timeout=timeout), details=details)
        found = _RPC.search(details)
        code = _CODES.get(found[1], "UNKNOWN") if found else "UNKNOWN"
        text = found[2] if found else details
        if "connection refused" in done.err:
            code, text = "UNAVAILABLE", "connection refused"
        raise explain(code, text.strip('"'), self.target, timeout)

    def status(self, timeout: float) -> EndpointStatus:
        """Maintenance.Status of this very endpoint; its local view."""
        answer = self._json(["endpoint", "status"], timeout)
        raw = answer[0]["Status"]
        header = raw["header"]
        return EndpointStatus(
            cluster_id=header["cluster_id"],
            member_id=header["member_id"],
            revision=header.get("revision", 0),
            raft_term=header.get("raft_term", raw.get("raftTerm", 0)),
            version=raw.get("version", ""),
            db_size=raw.get("dbSize", 0),
            leader=raw.get("leader", 0),
            raft_index=raw.get("raftIndex", 0),
            raft_applied_index=raw.get("raftAppliedIndex"),
            errors=tuple(raw.get("errors") or ()),
            db_size_in_use=raw.get("dbSizeInUse"),
            is_learner=bool(raw.get("isLearner")),
            storage_version=raw.get("storageVersion"),
            db_size_quota=raw.get("dbSizeQuota"),
        )

    def member_list(self, timeout: float, *, linearizable: bool = False) -> tuple[Member, ...]:
        """Cluster.MemberList; `linearizable` cannot be told to every etcdctl and is left to it."""
        del linearizable
        return tuple(_member(raw) for raw in self._json(["member", "list"], timeout)["members"])

    def alarms(self, timeout: float) -> tuple[Alarm, ...]:
        """Maintenance.Alarm GET: the alarms of the whole cluster."""
        found = self._json(["alarm", "list"], timeout).get("alarms") or ()
        return tuple(Alarm(a.get("memberID", 0), _KINDS.get(a.get("alarm", 0), "UNKNOWN")) for a in found)

    def get(self, key: bytes, timeout: float, *, serializable: bool = False) -> KeyValue | None:
        """KV.Range of one key. None when it does not exist."""
        consistency = "s" if serializable else "l"
        found = self._range([_word(key), f"--consistency={consistency}"], timeout)
        return found[0] if found else None

    def get_prefix(self, prefix: bytes, timeout: float, *, limit: int = 0) -> tuple[KeyValue, ...]:
        """KV.Range of a prefix, in key order."""
        return self._range([_word(prefix), "--prefix", f"--limit={limit}"], timeout)

    def _range(self, words: list[str], timeout: float) -> tuple[KeyValue, ...]:
        found = self._json(["get", *words], timeout).get("kvs") or ()
        return tuple(
            KeyValue(
                base64.b64decode(kv["key"]),
                base64.b64decode(kv.get("value", "")),
                kv.get("create_revision", 0),
                kv.get("mod_revision", 0),
                kv.get("version", 0),
                kv.get("lease", 0),
            )
            for kv in found
        )

    def count(self, prefix: bytes, timeout: float, *, revision: int = 0) -> int:
        """KV.Range of one key of the prefix, whose answer counts them all: not every etcdctl counts only."""
        words = ["get", _word(prefix), "--prefix", "--keys-only", "--limit=1", f"--rev={revision}"]
        return int(self._json(words, timeout).get("count", 0))

    def lease_remaining(self, lease: int, timeout: float) -> int:
        """Lease.LeaseTimeToLive; -1 when it is gone."""
        return int(self._json(["lease", "timetolive", f"{lease:x}"], timeout).get("ttl", -1))

    def hash_kv(self, timeout: float, *, revision: int = 0) -> HashKv:
        """Maintenance.HashKV up to a revision (0: the latest)."""
        raw = self._json(["endpoint", "hashkv", f"--rev={revision}"], timeout)[0]["HashKV"]
        return HashKv(raw["hash"], raw.get("compact_revision", 0), raw["header"].get("revision", 0))

    def snapshot(self, timeout: float) -> Iterator[bytes]:
        """``etcdctl snapshot save`` into a file of the host that is gone afterwards; its bytes in chunks."""
        if self._save is None:
            raise Refused("a snapshot cannot be taken by way of this etcdctl")
        done = yield from self._save(self._argv(["snapshot", "save"], timeout), timeout)
        if done.code:
            self._fail(done, timeout)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """There is no connection to lose."""
        del callback

    def close(self) -> None:
        """Nothing is held."""


class CtlEndpoint(CtlReader, CtlUsers):
    """All calls (`etcdtui.etcd.api.EtcdWriter`)."""

    def put(self, key: bytes, value: bytes, timeout: float, *, lease: int = 0) -> int:
        """KV.Put; the revision it was written at."""
        # `etcdctl put` reads its value before the password of a user, a transaction after it.
        script = f"\n{_put(key, value, lease)}\n\n\n"
        return int(self._json(["txn"], timeout, script)["header"]["revision"])

    def delete(self, key: bytes, timeout: float) -> int:
        """KV.DeleteRange of one key; how many keys went (0 or 1)."""
        return int(self._json(["del", _word(key)], timeout).get("deleted", 0))

    def put_if(self, key: bytes, value: bytes, mod_revision: int, timeout: float, *, lease: int = 0) -> bool:
        """KV.Txn: put if the key's mod revision is `mod_revision` (0: it does not exist); whether it did."""
        script = f'mod({json.dumps(_word(key))}) = "{mod_revision}"\n\n{_put(key, value, lease)}\n\n\n'
        return bool(self._json(["txn"], timeout, script).get("succeeded", False))

    def lease_grant(self, ttl: int, timeout: float) -> int:
        """Lease.LeaseGrant for `ttl` seconds; the lease's ID."""
        return int(self._json(["lease", "grant", str(ttl)], timeout)["ID"])

    def lease_keep_alive(self, lease: int, timeout: float) -> int:
        """One Lease.LeaseKeepAlive; the new TTL in seconds, 0 when the lease is gone."""
        answer = self._json(["lease", "keep-alive", "--once", f"{lease:x}"], timeout)
        return int(answer.get("TTL", answer.get("ttl", 0)))

    def lease_revoke(self, lease: int, timeout: float) -> None:
        """Lease.LeaseRevoke."""
        self._text(["lease", "revoke", f"{lease:x}"], timeout)

    def member_add(self, peer_urls: Sequence[str], timeout: float, *, learner: bool) -> Member:
        """Cluster.MemberAdd; the new member. The name is printed by etcdctl and goes nowhere."""
        words = [
            "member",
            "add",
            "new",
            f"--peer-urls={','.join(peer_urls)}",
            *(["--learner"] if learner else []),
        ]
        return _member(self._json(words, timeout)["member"])

    def member_remove(self, member_id: int, timeout: float) -> None:
        """Cluster.MemberRemove."""
        self._text(["member", "remove", f"{member_id:x}"], timeout)

    def member_update(self, member_id: int, peer_urls: Sequence[str], timeout: float) -> None:
        """Cluster.MemberUpdate."""
        self._text(["member", "update", f"{member_id:x}", f"--peer-urls={','.join(peer_urls)}"], timeout)

    def member_promote(self, member_id: int, timeout: float) -> None:
        """Cluster.MemberPromote of a learner."""
        self._text(["member", "promote", f"{member_id:x}"], timeout)

    def move_leader(self, target_id: int, timeout: float) -> None:
        """Maintenance.MoveLeader; must be sent to the leader."""
        self._text(["move-leader", f"{target_id:x}"], timeout)

    def alarm_disarm(self, alarm: Alarm, timeout: float) -> None:
        """``etcdctl alarm disarm`` takes no alarm: all are disarmed."""
        del alarm
        self._text(["alarm", "disarm"], timeout)

    def compact(self, revision: int, timeout: float, *, physical: bool = False) -> None:
        """KV.Compact."""
        self._text(["compact", str(revision), *(["--physical"] if physical else [])], timeout)

    def defragment(self, timeout: float) -> None:
        """Maintenance.Defragment of this very endpoint, which is blocked meanwhile."""
        self._text(["defrag"], timeout)

    def downgrade(self, action: str, version: str, timeout: float) -> str:
        """Maintenance.Downgrade (3.5+)."""
        self._text(["downgrade", action, *([version] if version else [])], timeout)
        return version


def _put(key: bytes, value: bytes, lease: int) -> str:
    """A put as a line of a transaction."""
    with_lease = f"--lease={lease:x} " if lease else ""
    return f"put {with_lease}-- {json.dumps(_word(key))} {json.dumps(_word(value))}"


def _member(raw: dict[str, Any]) -> Member:
    return Member(
        id=raw["ID"],
        name=raw.get("name", ""),
        peer_urls=tuple(raw.get("peerURLs") or ()),
        client_urls=tuple(raw.get("clientURLs") or ()),
        is_learner=bool(raw.get("isLearner")),
    )


def _word(data: bytes) -> str:
    """A key or value as an argument; etcdctl takes text. Raises Refused for what is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("a key or value that is no text cannot go by way of etcdctl") from None
