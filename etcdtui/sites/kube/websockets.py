"""A websocket to the API server, as port-forward and exec use it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any
from urllib.parse import urlencode

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.kube.access import Access
from etcdtui.sites.kube.proxies import failures, for_websocket

CONNECT = 5.0
"""Seconds until the websocket must stand."""
CHANNELS = "v4.channel.k8s.io"


def open_websocket(access: Access, path: str, query: Sequence[tuple[str, str]]) -> Any:
    """Connect; the library's own helper sends neither impersonation headers nor takes a deadline.

    Returns:
        A connected `websocket.WebSocket` with binary frames: the first byte is the channel.

    Raises:
        SiteError: refused, not permitted or not reached.
    """
    import websocket
    from kubernetes.stream.ws_client import get_websocket_url

    configuration = access.configuration
    url = get_websocket_url(f"{configuration.host.rstrip('/')}{path}?{urlencode(query)}")
    headers = [f"{name}: {value}" for name, value in access.headers()]
    socket = websocket.WebSocket(sslopt=_ssl_options(configuration, url), skip_utf8_validation=True)
    try:
        socket.connect(
            url,
            header=headers,
            subprotocols=[CHANNELS],
            timeout=CONNECT,
            suppress_origin=True,
            **for_websocket(configuration),
        )
    except websocket.WebSocketBadStatusException as error:
        raise SiteError(_bad_status(error.status_code, error.resp_body, path)) from None
    except (websocket.WebSocketException, OSError, *failures()) as error:
        said = clean(getattr(error, "strerror", None) or str(error), 200) or type(error).__name__
        raise SiteError(f"API server {clean(configuration.host, 100)}: {said}") from None
    # Small frames go back and forth; the way through a SOCKS proxy is made without this.
    socket.sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    socket.settimeout(None)
    return socket


def _ssl_options(configuration: Any, url: str) -> dict[str, Any]:
    import certifi

    if not url.startswith("wss://") or not configuration.verify_ssl:
        options: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    else:
        options = {
            "cert_reqs": ssl.CERT_REQUIRED,
            "ca_certs": configuration.ssl_ca_cert or certifi.where(),
        }
    for key, value in (
        ("certfile", configuration.cert_file),
        ("keyfile", configuration.key_file),
        ("server_hostname", getattr(configuration, "tls_server_name", None)),
    ):
        if value:
            options[key] = value
    return options


def _bad_status(status: int, body: bytes | None, path: str) -> str:
    import json

    try:
        said = json.loads(body or b"")["message"]
    except (ValueError, KeyError, TypeError):
        said = (body or b"").decode(errors="replace")[:200]
    said = clean(" ".join(str(said).split()), 300)
    if status == 403:
        return f"not permitted: {said}" if said else f"not permitted: {clean(path, 120)}"
    if status == 401:
        return "not authenticated: log in again"
    return said or f"HTTP {status}"
