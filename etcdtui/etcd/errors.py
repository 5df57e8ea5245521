"""etcd's and gRPC's errors in words: what happened, what it means, and the way out.

No gRPC is imported: a code comes by its name and the details as text, so that the output of other tools
can be explained too. etcd's texts are those of ``api/v3rpc/rpctypes/error.go`` and of its log.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from etcdtui.errors import DeadlineExceeded, EtcdError, NotPermitted, Refused, Unreachable
from etcdtui.etcd.api import Target
from etcdtui.etcd.explanations import explanation
from etcdtui.model.text import clean

NO_ANSWER = "no answer within {timeout:g} s: frozen, overloaded or cut off"


_CONNECTING: tuple[tuple[str, str, str], ...] = (
    # Pattern in gRPC's details, what happened, the way out. The first match counts.
    (r"certificate[_ ]required|CERTIFICATE_REQUIRED|BAD_CERTIFICATE|ALERT_UNKNOWN_CA",
     "TLS failed: {host} demands a client certificate that it trusts",
     "give a client certificate and its key"),
    (r"Unwrap failed",
     "TLS failed: {host} broke off after the handshake, as it does without a client certificate it trusts",
     "give a client certificate and its key"),
    (r"unable to get local issuer|self.signed certificate|unknown authority|certificate signature failure",
     "TLS failed: the certificate of {host} is signed by an unknown CA", "give the CA of the cluster"),
    (r"certificate has expired", "TLS failed: the certificate of {host} has expired", "renew it"),
    (r"not in peer certificate|[Hh]ostname [Vv]erification|[Hh]ostname mismatch|IP address mismatch",
     "TLS failed: the certificate of {host} is for another name",
     "set the server name that the certificate carries"),
    (r"WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST",
     "TLS failed: {host} does not speak TLS", "use http:// for it"),
    (r"Handshake read failed", "TLS failed: {host} closed the connection during the handshake",
     "if it does not speak TLS, use http:// for it"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
     "TLS failed: the certificate of {host} cannot be verified", "check the CA and the server name"),
    (r"create security handshaker",
     "TLS failed: the CA, certificate or key given for {host} cannot be used",
     "all are PEM, and the key belongs to the certificate"),
    (r"[Ss][Ss][Ll] handshake|SSL_ERROR|TLS handshake|[Hh]andshak", "TLS failed with {host}",
     "check CA, client certificate and server name"),
    (r"[Cc]onnection refused|ECONNREFUSED", "connection refused: nothing listens on {host}", ""),
    (r"No such file or directory", "the tunnel to {host} is not there", ""),
    (r"parse port|parsing port", "{host} is not host:port", "check the endpoint"),
    (r"errors resolving|DNS resolution|Name or service not known|Domain name not found|[Nn]ame resolution",
     "the host name of {host} cannot be resolved", "check the name and the DNS"),
    (r"No route to host|Network is unreachable|Host is down", "no route to {host}", "check the network"),
    (r"http1\.x|parsing HTTP/2", "{host} speaks HTTP/1, not etcd's gRPC", "check the port"),
    (r"SETTINGS frame", "{host} accepts connections but does not answer: frozen, overloaded or not etcd", ""),
    (r"[Cc]onnection timed out|timed out|[Tt]imeout|FD [Ss]hutdown|deadline",
     "no answer from {host} to the attempt to connect", "check address, firewall and network"),
    (r"[Kk]eepalive|ping timeout", "the connection to {host} fell silent", ""),
    (r"[Cc]hannel closed", "the connection to {host} was closed by etcdtui", ""),
    (r"failed to connect.*([Ss]ocket closed|[Cc]onnection reset|reset by peer)",
     "{host} closes every connection at once", "if it speaks TLS, use https:// for it"),
    (r"[Cc]onnection reset|ECONNRESET|reset by peer|[Bb]roken pipe|EPIPE", "connection reset by {host}", ""),
    (r"[Ss]ocket closed|GOAWAY|EOF|End of file|closed|[Cc]onnection dropped|Peer closed",
     "connection closed by {host}", ""),
)  # fmt: skip


def _connection_error(details: str, host: str) -> EtcdError | None:
    for pattern, reason, hint in _CONNECTING:
        if re.search(pattern, details):
            return Unreachable(reason.format(host=host), hint, details)
    return None


def _host(target: Target) -> str:
    """``host:port`` of the endpoint as the operator knows it, never the tunnel's socket."""
    return clean(urlsplit(target.url).netloc if "//" in target.url else target.url) or target.address


def explain(code: str, details: str, target: Target, timeout: float) -> EtcdError:
    """The error of the EtcdError family for one failed call.

    gRPC says UNAVAILABLE for a dead connection and for some of etcd's own answers (``no leader``); the
    latter carry etcd's prefix and are no sign that the endpoint is down.

    Args:
        code: name of the gRPC status code, such as ``UNAVAILABLE``.
        details: the status's message, verbatim.
        timeout: the call's deadline in seconds.
    """
    known = explanation(details)
    from_etcd = details.startswith(("etcdserver:", "auth:", "mvcc:", "raft:"))
    if code == "DEADLINE_EXCEEDED":
        return DeadlineExceeded(NO_ANSWER.format(timeout=timeout), details=details)
    if code in ("UNAVAILABLE", "CANCELLED") and not from_etcd:
        found = _connection_error(details, _host(target))
        return found or Unreachable(
            f"{_host(target)} is not reachable: {clean(details, 160)}", details=details
        )
    if known is not None and (from_etcd or known.error is NotPermitted):
        said = clean(details.removeprefix("etcdserver: ").removeprefix("mvcc: "), 160)
        return known.error(f"{said}: {known.meaning}", known.hint, details)
    if code in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        return NotPermitted(clean(details, 160) or "the call is not permitted", details=details)
    if code == "UNIMPLEMENTED":
        return Refused(
            f"{_host(target)} does not know this call", "its etcd is too old, or it is not etcd", details
        )
    return Refused(clean(details, 240) or f"etcd answered {code}", details=details)


_STALE = (
    "invalid auth token",
    "revision of auth store is old",
    "auth: revision in header is old",
    "user name is empty",
)


def is_stale_token(error: EtcdError) -> bool:
    """Whether a new token may help: etcd's own client asks for one after the same answers."""
    return isinstance(error, NotPermitted) and any(text in error.details for text in _STALE)


def is_permission_denied(error: EtcdError) -> bool:
    """Whether it is exactly etcd's ErrPermissionDenied, which `endpoint health` takes for healthy."""
    return isinstance(error, NotPermitted) and error.details == "etcdserver: permission denied"


_TRANSIENT = (
    "etcdserver: no leader",
    "etcdserver: leader changed",
    "etcdserver: not leader",
    "etcdserver: server stopped",
    "etcdserver: request timed out",
)


def is_transient(error: EtcdError) -> bool:
    """Whether etcd's own client would repeat a read after it: etcd's answers of code UNAVAILABLE.

    Source: ``client/v3/retry.go``, isSafeRetryImmutableRPC.
    """
    return isinstance(error, Refused) and error.details.startswith(_TRANSIENT)


def is_auth_not_enabled(error: EtcdError) -> bool:
    """Whether authentication failed only because the cluster has none; etcd's own client goes on then."""
    return "authentication is not enabled" in error.details
