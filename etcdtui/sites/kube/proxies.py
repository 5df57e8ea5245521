"""Proxies on the way to the API server: the kubeconfig's ``proxy-url``, or those of the environment."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from etcdtui.errors import SiteError
from etcdtui.model.text import clean

SOCKS = ("socks5", "socks5h")
PORTS = {"http": 80, "socks5h": 1080}
CONNECT = 5.0
"""Seconds in which a proxy must have made the way."""


def settle(configuration: Any, *, named: bool) -> None:
    """Make the proxy of a configuration one that requests and websockets can use alike.

    As kubectl does, its user and password are sent, names are resolved at a SOCKS proxy, and ``NO_PROXY``
    counts for a proxy of the environment alone.

    Args:
        named: whether the kubeconfig names it.

    Raises:
        SiteError: it is of a kind that cannot be used; the message names it, without its password.
    """
    passed_by, configuration.no_proxy = getattr(configuration, "no_proxy", None), None
    if not named and _reached_without(configuration.host, passed_by or ""):
        configuration.proxy = None
    if not configuration.proxy:
        return
    parts, host = _parts(configuration.proxy)
    shown = clean(f"{parts.scheme}://{host}" if host else configuration.proxy.rpartition("@")[2], 100)
    if parts.scheme not in ("http", *SOCKS) or not host:
        raise SiteError(
            f"proxy {shown}: cannot be used", "name one as http://HOST:PORT or socks5://HOST:PORT"
        )
    if parts.scheme in SOCKS:
        if find_spec("socks") is None or find_spec("python_socks") is None:
            raise SiteError(f"proxy {shown}: SOCKS takes further packages", "pip install 'etcdtui[socks]'")
        configuration.proxy = f"socks5h:{configuration.proxy.partition(':')[2]}"
    elif login := _login(parts):
        from urllib3.util import make_headers

        configuration.proxy_headers = make_headers(proxy_basic_auth=":".join(login))


def for_websocket(configuration: Any) -> dict[str, Any]:
    """The options of `websocket.WebSocket.connect` for the proxy of a settled configuration."""
    if not configuration.proxy:
        # Without any named the library would look at HTTPS_PROXY by itself.
        return {"http_proxy_host": "-", "http_no_proxy": ["*"]}
    parts, host = _parts(configuration.proxy)
    return {
        "proxy_type": parts.scheme,
        "http_proxy_host": host,
        "http_proxy_port": parts.port or PORTS[parts.scheme],
        "http_proxy_timeout": CONNECT,
        **({"http_proxy_auth": login} if (login := _login(parts)) else {}),
        # Whether the server is reached without was settled; the library would look at NO_PROXY again.
        "http_no_proxy": ["-"],
    }


def failures() -> tuple[type[Exception], ...]:
    """What is raised where a SOCKS proxy refuses."""
    if find_spec("python_socks") is None:
        return ()
    from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

    return (ProxyError, ProxyConnectionError, ProxyTimeoutError)


def _reached_without(server: str, passed_by: str) -> bool:
    """Whether no proxy of the environment leads to a server: it is local, or ``NO_PROXY`` names it."""
    from kubernetes.client.rest import should_bypass_proxies

    return bool(should_bypass_proxies(server, f"localhost,127.0.0.0/8,::1,{passed_by}"))


def _parts(proxy: str) -> tuple[SplitResult, str]:
    """The parts of a proxy's URL, and its host; empty where it is none."""
    try:
        parts = urlsplit(proxy)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return urlsplit(""), ""
    return parts, host


def _login(parts: SplitResult) -> tuple[str, str] | None:
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
