"""The API of one endpoint behind a host: over a tunnel, or with the host's etcdctl."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from etcdtui.errors import DeadlineExceeded, EtcdtuiError, SiteError, Unreachable, UsageError, WayLost
from etcdtui.etcd.api import EtcdWriter, Login, Target, TlsMaterial
from etcdtui.sites.ssh.sealed import Sealed
from etcdtui.sites.ssh.tunnel import Tunnel
from etcdtui.sites.urls import is_tls, target

if TYPE_CHECKING:
    from etcdtui.sites.ssh.host import Host

WAIT = 1.0
"""Seconds a call waits for a connection that is being made."""
ALIVE = 0.7
"""Seconds a host has to show that it is there when its etcd did not answer."""
READS = ("status", "member_list", "alarms", "get", "get_prefix", "count", "lease_remaining", "hash_kv")
WRITES = (
    "put", "delete", "put_if", "lease_grant", "lease_keep_alive", "lease_revoke", "member_add",
    "member_remove", "member_update", "member_promote", "move_leader", "alarm_disarm", "compact",
    "defragment", "downgrade", "auth_is_on", "auth_enable", "auth_disable", "user_names", "user_add",
    "user_password", "user_delete", "user_roles", "user_grant", "role_names", "role_add", "role_allow",
)  # fmt: skip


class Forbidden(SiteError):
    """sshd allows no forwarding to there."""


class Ways(Protocol):
    """What an endpoint needs of its site."""

    def carrier(self, url: str) -> Host:
        """The host through which the endpoint is reached. Raises SiteError."""
        ...

    def material(self, host: Host) -> TlsMaterial | None:
        """The TLS files, read where they lie. Raises SiteError."""
        ...

    def login(self) -> Login:
        """The etcd user, who may become another."""
        ...

    def socket_path(self) -> Path:
        """A path for another unix socket."""
        ...

    def by_etcdctl(self, url: str, host: Host) -> EtcdWriter:
        """The endpoint by way of the host's etcdctl."""
        ...

    def forbidden(self, host: Host, why: str) -> None:
        """Be told that a host forwards nothing."""
        ...

    def uses_etcdctl(self, host: Host) -> bool:
        """Whether the host's etcdctl is to be used anyhow."""
        ...

    def seals(self, host: Host) -> bool:
        """Whether etcd made its certificate for itself: see `etcdtui.sites.ssh.sealed`."""
        ...


@contextlib.contextmanager
def _way_lost() -> Iterator[None]:
    """What keeps from a host is `WayLost`, what etcd or its port says stays what it is."""
    try:
        yield
    except Unreachable:
        raise
    except SiteError as error:
        raise WayLost(error.message, error.hint) from None


class Reach:
    """An `EtcdWriter` whose way is made on the first call and made again when it was lost.

    A host that is not reached is `WayLost`, so that the endpoint is *unknown* and not *down*.
    """

    def __init__(self, url: str, ways: Ways) -> None:
        self.target = Target(url, url.split("://")[-1])
        self._ways = ways
        self._lock = threading.Lock()
        self._inner: EtcdWriter | None = None
        self._tunnel: Tunnel | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._closed = False
        self._blind = False
        """Whether it was dialled by TLS before it was known how etcd runs on its host, and whom it trusts."""
        for name in READS:
            setattr(self, name, self._guarded(name, reading=True))
        for name in WRITES:
            setattr(self, name, self._guarded(name, reading=False))

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """See `etcdtui.etcd.api.EtcdReader`."""
        with self._lock:
            self._callbacks.append(callback)
            if self._inner is not None:
                self._inner.on_disconnect(callback)

    def snapshot(self, timeout: float) -> Iterator[bytes]:
        """See `etcdtui.etcd.api.EtcdReader`."""
        with _way_lost():
            return self._ready(self._ways.carrier(self.target.url)).snapshot(timeout)

    def close(self) -> None:
        """Close tunnel and channel; does not wait."""
        with self._lock:
            self._closed = True
        self._renew()

    # -- calls -----------------------------------------------------------------------------------

    def _guarded(self, name: str, *, reading: bool) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with _way_lost():
                host = self._ways.carrier(self.target.url)
                return self._call(host, name, args, kwargs, reading)

        return call

    def _call(
        self, host: Host, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], reading: bool
    ) -> Any:
        for last in (False, True):
            inner = self._ready(host)
            try:
                answer = getattr(inner, name)(*args, **kwargs)
            except (Unreachable, DeadlineExceeded) as error:
                reason = self._reason(host, error, reading)
                if isinstance(reason, Forbidden) and not last:
                    self._ways.forbidden(host, reason.message)
                    self._renew()
                    continue
                if not isinstance(reason, SiteError):
                    host.answered(reason.message)
                raise reason from None
            host.answered()
            return answer
        raise AssertionError  # pragma: no cover - the second round returns or raises

    def _reason(self, host: Host, error: Unreachable | DeadlineExceeded, reading: bool) -> EtcdtuiError:
        """What really happened: the tunnel knows more than gRPC, and the host may be gone."""
        told = self._tunnel.error if self._tunnel is not None else None
        if isinstance(error, Unreachable) and told is not None:
            # The connection was never made, so nothing was sent.
            return told
        if reading:
            for link in host.link.chain():
                if not link.answers(ALIVE):
                    return SiteError(f"no answer from {link.hop.label}, the connection may be lost")
        return error

    def _ready(self, host: Host) -> EtcdWriter:
        host.link.transport(WAIT)
        if self._blind and host.detected:
            self._renew()
        with self._lock:
            if self._closed:
                raise Unreachable(f"the connection to {self.target.url} was closed by etcdtui")
            if self._inner is None:
                self._inner = self._make(host)
                for callback in self._callbacks:
                    self._inner.on_disconnect(callback)
            return self._inner

    def _make(self, host: Host) -> EtcdWriter:
        url = self.target.url
        self._blind = is_tls(url) and not host.detected
        if self._ways.uses_etcdctl(host):
            return self._ways.by_etcdctl(url, host)
        from etcdtui.etcd.rpc import dial

        sealed = is_tls(url) and self._ways.seals(host)
        try:
            # What is spoken to plainly needs no files: those of the host may be another etcd's.
            bare = sealed or url.startswith("http:")
            wanted = target(url, None if bare else self._ways.material(host), self._ways.login())
        except UsageError as error:
            raise SiteError(error.message) from None
        if sealed:
            # gRPC speaks plainly as far as the tunnel.
            wanted = replace(wanted, tls=None)
        self._tunnel = Tunnel(self._ways.socket_path(), lambda: self._connect(sealed))
        return dial(replace(wanted, url=url, address=f"unix:{self._tunnel.path}"))

    def _renew(self) -> None:
        """Give the way up; the next call makes another, unless this endpoint was closed."""
        with self._lock:
            inner, tunnel = self._inner, self._tunnel
            self._inner = self._tunnel = None
        if tunnel is not None:
            tunnel.close()
        if inner is not None:
            inner.close()

    def _connect(self, sealed: bool) -> Any:
        from paramiko.ssh_exception import ChannelException

        from etcdtui.sites.ssh.faults import refused

        host = self._ways.carrier(self.target.url)
        parts = urlsplit(self.target.url)
        name, port = parts.hostname or "", parts.port or 2379
        began = time.monotonic()
        try:
            channel = host.link.channel(name, port, 2.5)
            return Sealed(channel, f"{name}:{port} of {host.name}") if sealed else channel
        except ChannelException as refusal:
            label = host.link.hop.label
            if refusal.code == 1:
                raise Forbidden(refused(refusal, label)) from None
            if refusal.code == 2 and time.monotonic() - began < 1.0:
                raise Unreachable(
                    f"connection refused: nothing listens on {name}:{port} of {host.name}"
                ) from None
            raise Unreachable(f"{label} cannot connect to {name}:{port}: no route or no answer") from None
