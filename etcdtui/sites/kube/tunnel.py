"""An endpoint behind a port-forward: the same calls, with the forward's own trouble as their reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from etcdtui.errors import EtcdtuiError, SiteError, Unreachable
from etcdtui.etcd.api import EtcdWriter
from etcdtui.sites.kube.forward import Forward

CALLS = tuple(name for name in dir(EtcdWriter) if not name.startswith("_") and name != "target")


class _Tunnelled:
    """The calls of an endpoint, each with the forward's words when it was not reached."""

    def __init__(self, inner: EtcdWriter, forward: Forward) -> None:
        self.target = inner.target
        for name in CALLS:
            call = getattr(inner, name)
            plain = name in ("close", "on_disconnect", "snapshot")
            setattr(self, name, call if plain else _explained(call, forward))


def tunnelled(inner: EtcdWriter, forward: Forward) -> EtcdWriter:
    """The endpoint, with the reasons of its forward."""
    return cast(EtcdWriter, _Tunnelled(inner, forward))


def _explained(call: Callable[..., Any], forward: Forward) -> Callable[..., Any]:
    def made(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except Unreachable as error:
            raise _why(error, forward) from None

    return made


def _why(error: Unreachable, forward: Forward) -> EtcdtuiError:
    """The error itself, or what the forward failed with: a lost way is not a dead member."""
    if not forward.trouble or error.message.startswith("TLS failed"):
        return error
    if forward.lost:
        return SiteError(forward.trouble)
    return Unreachable(forward.trouble, details=error.details)
