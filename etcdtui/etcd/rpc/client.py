"""etcd3's client object, taught to take TLS material from memory and to leave authentication for later."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import etcd3
import grpc

from etcdtui.errors import EtcdError, Unreachable
from etcdtui.etcd.api import Target, TlsMaterial

_OPTIONS: tuple[tuple[str, int], ...] = (
    # Snapshots and large ranges have no bound of ours.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # One connection for each object, so that closing it closes it; and never through an HTTP proxy of the
    # environment, as etcd's own client does not go through one.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    # A call is sent once: a change must never be repeated behind our back.
    ("grpc.enable_retries", 0),
    # A member that returns shows within a tick. The "min" is gRPC's limit for one connection attempt, TLS
    # through a tunnel included.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 600),
    ("grpc.min_reconnect_backoff_ms", 3000),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # A connection that died in silence is noticed within 13 s. etcd tolerates a ping every 5 s
    # (--grpc-keepalive-min-time) and only while a stream is open; gRPC sends none without one.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    # gRPC waits this long for the ping's answer, whatever the option above says (60 s by default).
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
)


def host_of(url: str) -> str:
    """The host in a client URL or in ``host:port``; empty when there is none."""
    try:
        return urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def system_ca() -> bytes | None:
    """The system's trusted certificates; None when they are in no single file (gRPC then uses its own)."""
    path = ssl.get_default_verify_paths().cafile
    return Path(path).read_bytes() if path and Path(path).is_file() else None


def options(target: Target) -> list[tuple[str, Any]]:
    """gRPC's channel options for a target."""
    out: list[tuple[str, Any]] = list(_OPTIONS)
    if target.tls is None:
        return out
    # Through a tunnel the name in the certificate is the endpoint's, not the socket's.
    tunnelled = target.address.startswith("unix:")
    name = target.tls.server_name or (host_of(target.url) if tunnelled else "")
    if name:
        out += [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)]
    return out


class Client(etcd3.Etcd3Client):  # type: ignore[misc]
    """A client that is made without any network traffic; its channel connects on the first call."""

    def __init__(self, target: Target) -> None:
        self._tls = target.tls
        # etcd3 joins host and port with a colon again, which is how ``unix:/path`` goes through.
        host, _, port = target.address.partition(":") if _is_unix(target) else target.address.rpartition(":")
        # Any CA that is not None makes etcd3 choose a secure channel; the PEM comes from `_get_secure_creds`.
        super().__init__(
            host=host,
            port=port,
            ca_cert="" if target.tls is not None else None,
            grpc_options=options(target),
        )

    def _get_secure_creds(self, ca_cert: Any, cert_key: Any = None, cert_cert: Any = None) -> Any:  # noqa: ARG002
        """TLS credentials from memory instead of the files whose paths etcd3 would pass."""
        tls = self._tls or TlsMaterial()
        # gRPC's core aborts the whole process on one half of a pair.
        pair = (tls.key, tls.cert) if tls.key and tls.cert else (None, None)
        return grpc.ssl_channel_credentials(tls.ca or system_ca(), *pair)


def fault(target: Target) -> EtcdError | None:
    """Why no call to this target can succeed; None when nothing is known against it."""
    if target.tls is None or bool(target.tls.cert) == bool(target.tls.key):
        return None
    given, lacking = ("certificate", "key") if target.tls.cert else ("key", "certificate")
    return Unreachable(
        f"the client {given} for {target.url} has no {lacking}", hint="give both, or neither of them"
    )


def _is_unix(target: Target) -> bool:
    return target.address.startswith("unix:")
