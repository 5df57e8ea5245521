"""Client URLs as operators and member lists write them, and the address gRPC dials for each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etcdtui.errors import UsageError
from etcdtui.model.text import clean

if TYPE_CHECKING:
    from etcdtui.etcd.api import Login, Target, TlsMaterial

_TLS_SCHEMES = ("https", "unixs")
_HINT = "write it as host:2379, https://host:2379, http://[::1]:2379 or unix:///run/etcd.sock"


def normalise(url: str, *, tls: bool = False) -> str:
    """The endpoint as a full URL: ``scheme://host:port`` or ``unix:///path``.

    As in etcd's client, an endpoint without a scheme is ``https`` when TLS is set up and ``http``
    otherwise, and a scheme decides for itself (``client/v3/internal/endpoint/endpoint.go``).

    Raises:
        UsageError: it is not an endpoint; the message names it, without any password in it.
    """
    text = url.strip()
    if "@" in text:
        # Whatever stands before the @ may be a password: it is not repeated.
        raise UsageError(
            f"endpoint {_shown(text.rsplit('@', 1)[1])}: a user does not belong into an endpoint",
            "use --user",
        )
    if "://" not in text:
        if text.startswith(("unix:", "unixs:")):
            scheme, path = text.split(":", 1)
            return _socket_url(scheme, path, url)
        text = f"{'https' if tls else 'http'}://{text}"
    scheme, rest = text.split("://", 1)
    scheme = scheme.lower()
    if scheme in ("unix", "unixs"):
        return _socket_url(scheme, rest, url)
    if scheme not in ("http", "https"):
        raise UsageError(f"endpoint {_shown(url)}: unknown scheme {_shown(scheme)}", _HINT)
    return f"{scheme}://{_host_and_port(text, url)}"


def is_tls(url: str) -> bool:
    """Whether a full URL asks for TLS."""
    return url.split("://", 1)[0] in _TLS_SCHEMES


def target(url: str, tls: TlsMaterial | None = None, login: Login | None = None) -> Target:
    """How to dial `url`; TLS material goes only to a URL that asks for TLS.

    Raises:
        UsageError: it is not an endpoint.
    """
    from etcdtui.etcd.api import Target, TlsMaterial

    full = normalise(url, tls=tls is not None)
    scheme, rest = full.split("://", 1)
    return Target(
        url=full,
        address=f"unix:{rest}" if scheme in ("unix", "unixs") else rest,
        tls=(tls or TlsMaterial()) if is_tls(full) else None,
        login=login,
    )


def _socket_url(scheme: str, path: str, original: str) -> str:
    if not path or "\0" in path:
        raise UsageError(f"endpoint {_shown(original)}: the path of the socket is missing", _HINT)
    return f"{scheme}://{path}"


def _host_and_port(text: str, original: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"endpoint {_shown(original)}: {clean(str(error), 80)}", _HINT) from None
    # Not parts.hostname: it lower-cases, and the member list may spell the same host with capitals.
    host = parts.netloc.rpartition(":")[0].strip("[]")
    if not parts.hostname:
        raise UsageError(f"endpoint {_shown(original)}: the host is missing", _HINT)
    if not port:
        raise UsageError(f"endpoint {_shown(original)}: the port is missing", _HINT)
    if not host.isprintable() or any(ch in " ,;%" for ch in host):
        raise UsageError(f"endpoint {_shown(original)}: that is no host", _HINT)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"endpoint {_shown(original)}: nothing may follow the port", _HINT)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _shown(text: str) -> str:
    return repr(clean(text, 100))
