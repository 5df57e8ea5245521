"""An endpoint behind a port-forward: the same calls, with the forward's own trouble as their reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from etcdtui.errors import DeadlineExceeded, EtcdError, EtcdtuiError, SiteError, Unreachable
from etcdtui.etcd.api import READ_CALLS, EtcdWriter
from etcdtui.sites.kube.forward import Forward

CALLS = tuple(name for name in dir(EtcdWriter) if not name.startswith("_") and name != "target")


class _Tunnelled:
    """The calls of an endpoint, each with the forward's words when it was not reached."""

    def __init__(
        self, inner: EtcdWriter, forward: Forward, other: EtcdWriter | None, way_trouble: Callable[[], str]
    ) -> None:
        self.target = inner.target
        for name in CALLS:
            call = getattr(inner, name)
            if name not in ("close", "on_disconnect"):
                call = _explained(name, call, forward, way_trouble)
                call = _either(call, getattr(other, name), forward) if other is not None else call
            setattr(self, name, call)


def tunnelled(
    inner: EtcdWriter, forward: Forward, other: EtcdWriter | None, way_trouble: Callable[[], str]
) -> EtcdWriter:
    """The endpoint, with the reasons of its forward.

    Args:
        other: the same endpoint by another way, for where forwarding is not permitted; None for none.
        way_trouble: why all ways are lost; empty when nothing speaks for that.
    """
    return cast(EtcdWriter, _Tunnelled(inner, forward, other, way_trouble))


def _either(call: Callable[..., Any], other: Callable[..., Any], forward: Forward) -> Callable[..., Any]:
    """A call by the forward, or the other way once it is known that forwarding is not permitted."""

    def made(*args: Any, **kwargs: Any) -> Any:
        if not forward.forbidden:
            try:
                return call(*args, **kwargs)
            except (SiteError, Unreachable):
                # Where it is forbidden no connection was made, and so nothing was sent.
                if not forward.forbidden:
                    raise
        try:
            return other(*args, **kwargs)
        except SiteError as error:
            if error.message.startswith("not permitted"):
                raise SiteError(f"{forward.trouble}; nor exec", "permit one of them") from None
            raise

    return made


def _explained(
    name: str, call: Callable[..., Any], forward: Forward, way_trouble: Callable[[], str]
) -> Callable[..., Any]:
    changes = name not in READ_CALLS

    def made(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return call(*args, **kwargs)
        except (DeadlineExceeded, Unreachable) as error:
            if changes:
                # It may have been carried out: whoever sent it looks, and goes by these very errors.
                raise
            lost = ""
            if not isinstance(error, DeadlineExceeded):
                # The next connection may stand by now, and speaks for itself alone.
                lost = forward.trouble if forward.lost else forward.broke_since(began)
            lost = lost or way_trouble()
            raise _why(error, forward.trouble, lost) from None

    return made


def _why(error: EtcdError, trouble: str, lost: str) -> EtcdtuiError:
    """The error itself, or what the forward failed with: a lost way is not a dead member.

    Args:
        trouble: of the forward to this pod.
        lost: why no way leads there at all.
    """
    if error.message.startswith("TLS failed"):
        return error
    if lost:
        return SiteError(lost)
    if trouble and isinstance(error, Unreachable):
        return Unreachable(trouble, details=error.details)
    return error
