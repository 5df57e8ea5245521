"""The lock against a second console: a key bound to a lease, held while a plan runs.

Losing quorum is no reason to lose the lock: without a leader etcd lets no lease expire and grants
none, and a new leader gives every lease its whole time again (``server/lease/lessor.go``, Promote).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from etcdtui.config import ChangeLock
from etcdtui.errors import EtcdError, EtcdtuiError, GuardRefused
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.quorum import budget
from etcdtui.model.text import clean
from etcdtui.ops.context import Context
from etcdtui.ops.guards import Verdict
from etcdtui.ops.holder import CALL, Holder, ask, find, free_again, holder_of, passing, remaining
from etcdtui.ops.plan import Check, Plan

PATIENCE = 4.0
"""Seconds to go on trying while a quorum is there and the lock cannot be asked for: an election."""
_PAUSE = 0.2
_ROUNDS = 5
UNPROTECTED = "nothing protects this change from a second console"


class _Taken(Exception):
    """Somebody else holds the lock."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def prospect(lock: ChangeLock, context: Context) -> Verdict:
    """What the lock says of a change that somebody thinks of; reads, and blocks for at most some seconds."""
    check = Check("change-lock", {"key": lock.key})
    if not lock.enabled:
        return Verdict(check, True, f"{UNPROTECTED}: the change lock is switched off", warning=True)
    if problem := _unwritable(context.snapshot()):
        return Verdict(check, True, f"{UNPROTECTED}: {problem}", warning=True)
    try:
        kv, holder = find(context, lock.key)
    except EtcdError as error:
        return Verdict(check, True, f"{UNPROTECTED}: {_why(lock, error)}", warning=True)
    if kv is None or holder is None:
        return Verdict(check, True, "no other console is changing this cluster")
    if holder.left_behind:
        return Verdict(check, True, f"the lock of a change that ended is taken over: {holder.sentence()}")
    return Verdict(check, False, holder.sentence(remaining(context, kv)))


def _unwritable(snapshot: ClusterSnapshot) -> str:
    """Why a snapshot says that the cluster takes no writes; empty when it may."""
    figures = budget(snapshot)
    if not snapshot.answers:
        return "no endpoint answers"
    # Enough of them answer and none is healthy: that is an election, and soon over.
    if figures.known and sum(row.reading.answered for row in snapshot.voters) < figures.quorum:
        return f"without a quorum the lock cannot be written ({figures.sentence()})"
    if any(alarm.kind == "NOSPACE" for alarm in snapshot.alarms or ()):
        return "the database has run out of space, and the lock cannot be written"
    return ""


def _why(lock: ChangeLock, error: EtcdError) -> str:
    return f"the lock {clean(lock.key)} cannot be written: {clean(error.message)}"


@contextlib.contextmanager
def held(
    lock: ChangeLock | None, plan: Plan, context: Context, note: Callable[[str], None]
) -> Iterator[Hold]:
    """Hold the lock for a plan. Raises GuardRefused when another console has it.

    Args:
        lock: None for no lock and no word about it.
        note: is told, and may write down, what protects the plan, at the beginning and when it changes.
    """
    hold = Hold(lock, plan, context, note)
    try:
        hold.begin()
        yield hold
    finally:
        hold.release()


class Hold:
    """The lock in the hands of one plan."""

    def __init__(
        self, lock: ChangeLock | None, plan: Plan, context: Context, note: Callable[[str], None]
    ) -> None:
        self._lock = lock or ChangeLock(enabled=False)
        self._quiet = lock is None
        self._context = context
        self._note = note
        self._holder = holder_of(plan)
        self._founds = plan.founds
        self._lease = 0
        self._renewed = 0.0
        self._asked = 0.0
        self._ended = threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def protected(self) -> bool:
        """Whether the lock was taken and is not known to be lost."""
        return bool(self._lease)

    # -- the runner's calls ----------------------------------------------------------------

    def begin(self) -> None:
        """Take the lock, or note why nothing protects the plan. Raises GuardRefused."""
        if not self._lock.enabled:
            if not self._quiet:
                self._note(f"{UNPROTECTED}: the change lock is switched off")
            return
        snapshot = self._context.snapshot()
        if (problem := _unwritable(snapshot)) and snapshot.leader_id is None:
            self._note(f"{UNPROTECTED}: {problem}")
            return
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._take()
                return
            except _Taken as taken:
                raise GuardRefused(taken.message, taken.hint) from None
            except EtcdError as error:
                snapshot = self._context.snapshot()
                hopeless = _unwritable(snapshot) or not passing(error)
                if hopeless or time.monotonic() >= deadline:
                    why = _unwritable(snapshot) or _why(self._lock, error)
                    self._note(f"{UNPROTECTED}: {why}")
                    return
            time.sleep(_PAUSE)

    def check(self, snapshot: ClusterSnapshot) -> str:
        """Why the plan must not go on to its next step; empty when it may.

        Without a quorum nobody can hold or take a lock, and a plan that may mend the cluster goes on.
        With one, a lock that was lost is taken again where it is free.

        Args:
            snapshot: fresh.
        """
        if not self._lock.enabled or time.monotonic() - self._asked < 1.0 or _unwritable(snapshot):
            return ""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._confirm()
                return ""
            except _Taken as taken:
                lost = "the change lock was lost" if self._lease else "another console took the change lock"
                self._lease = 0
                return f"{lost}: {taken.message}"
            except EtcdError as error:
                if not passing(error):
                    self._give_up(error)
                    return ""
                if time.monotonic() >= deadline:
                    fresh = time.monotonic() - self._renewed < self._lock.ttl
                    told = f"whether the change lock is still held cannot be told: {clean(error.message)}"
                    return "" if fresh or not self._lease else told
            time.sleep(_PAUSE)

    def release(self) -> None:
        """Give the lock back. Where that cannot be done it ends with its lease."""
        self._ended.set()
        if self._keeper is not None:
            self._keeper.join(CALL + 1)
        lease, self._lease = self._lease, 0
        if lease and not _unwritable(self._context.snapshot()):
            with contextlib.suppress(EtcdtuiError):
                ask(self._context, lambda api: api.lease_revoke(lease, CALL))

    # -- the lock itself -------------------------------------------------------------------

    def _confirm(self) -> None:
        """See that the key is still ours, take it again where it is free. Raises _Taken or EtcdError."""
        kv, holder = find(self._context, self._lock.key)
        if kv is not None and holder == self._holder and kv.lease == self._lease:
            self._asked = time.monotonic()
            return
        self._take()

    def _take(self) -> None:
        """Write the key where it is free or left behind. Raises _Taken or EtcdError."""
        key, value = self._lock.key.encode(), self._holder.encode()
        lease = 0
        for _ in range(_ROUNDS):
            kv, holder = find(self._context, self._lock.key)
            if kv is not None and holder is not None and holder != self._holder and not self._void(holder):
                self._drop(lease)
                raise _Taken(
                    holder.sentence(remaining(self._context, kv)), free_again(kv, holder, self._lock.key)
                )
            sent = time.monotonic()
            lease = lease or ask(self._context, lambda api: api.lease_grant(self._lock.ttl, CALL))
            if self._put(key, value, 0 if kv is None else kv.mod_revision, lease):
                self._lease, self._renewed, self._asked = lease, sent, time.monotonic()
                self._keep()
                self._note(f"{self._lock.key} is held until the plan ends")
                return
        self._drop(lease)
        raise EtcdError(f"the lock {clean(self._lock.key)} changes too fast")

    def _void(self, holder: Holder) -> bool:
        """Whether nobody works behind a lock: its process is gone, or it came with a restored snapshot.

        In a cluster that this plan makes no lock can be older than the plan.
        """
        made_here = self._founds is not None and self._context.snapshot().cluster_id == self._founds
        return holder.left_behind or (made_here and 0 < holder.since < self._holder.since)

    def _put(self, key: bytes, value: bytes, revision: int, lease: int) -> bool:
        return ask(self._context, lambda api: api.put_if(key, value, revision, CALL, lease=lease))

    def _drop(self, lease: int) -> None:
        if lease:
            with contextlib.suppress(EtcdtuiError):
                ask(self._context, lambda api: api.lease_revoke(lease, CALL))

    def _give_up(self, error: EtcdError) -> None:
        if self._lease:
            self._lease = 0
            self._note(f"{UNPROTECTED} any more: {_why(self._lock, error)}")

    def _keep(self) -> None:
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._renew, name="etcdtui-lock", daemon=True)
            self._keeper.start()

    def _keep_alive(self, lease: int) -> int:
        return ask(self._context, lambda api: api.lease_keep_alive(lease, CALL))

    def _renew(self) -> None:
        """Renew the lease until the plan ends; what fails is tried again, and judged before a step."""
        pause = self._lock.ttl / 3
        while not self._ended.wait(pause):
            lease, sent, pause = self._lease, time.monotonic(), self._lock.ttl / 3
            try:
                if lease and self._keep_alive(lease) > 0:
                    self._renewed = sent
            except EtcdtuiError:
                pause = min(0.5, pause)
