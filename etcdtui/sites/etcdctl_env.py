"""The ``ETCDCTL_*`` variables, read as etcdctl reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etcdtui.errors import UsageError
from etcdtui.model.text import clean

if TYPE_CHECKING:
    from etcdtui.etcd.api import Credentials, TlsMaterial

DIAL_TIMEOUT = 2.0
"""etcdctl's default, seconds (``etcdctl/ctlv3/ctl.go``)."""
COMMAND_TIMEOUT = 5.0
"""etcdctl's default, seconds."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
# strconv.ParseBool accepts exactly these.
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


@dataclass(frozen=True, slots=True)
class EtcdctlEnvironment:
    """What the variables say; an unset or empty variable is None or empty here.

    A command-line flag beats its variable: the caller replaces the field (`dataclasses.replace`).
    """

    endpoints: tuple[str, ...] = ()
    cacert: str = ""
    cert: str = ""
    key: str = ""
    user: str = ""
    password: str | None = field(default=None, repr=False)
    """None while only a user is named: etcdctl asks for the password then."""
    insecure_transport: bool = True
    """etcdctl's default; False asks for TLS even when no TLS file is given."""
    dial_timeout: float | None = None
    """Seconds; None when unset (`DIAL_TIMEOUT` applies)."""
    command_timeout: float | None = None
    """Seconds; None when unset (`COMMAND_TIMEOUT` applies)."""

    def tls(self, server_name: str = "") -> TlsMaterial | None:
        """The TLS material to use, None for plain text.

        Raises:
            UsageError: see `etcdtui.sites.tls.load_tls`.
        """
        if not (self.cacert or self.cert or self.key or server_name) and self.insecure_transport:
            return None
        from etcdtui.sites.tls import load_tls

        return load_tls(self.cacert, self.cert, self.key, server_name)

    def credentials(self) -> Credentials | None:
        """User and password, None when no user is named.

        Raises:
            UsageError: the user is named and the password is not; ask for it before.
        """
        if not self.user:
            return None
        if self.password is None:
            raise UsageError(
                f"the password of user {clean(self.user, 60)!r} is not given", "set ETCDCTL_PASSWORD"
            )
        from etcdtui.etcd.api import Credentials

        return Credentials(self.user, self.password)


def etcdctl_environment(environ: Mapping[str, str]) -> EtcdctlEnvironment:
    """Read the variables out of `environ`.

    An empty variable counts as unset, as in etcdctl (``pkg/flags/flag.go``, setFlagFromEnv).

    Raises:
        UsageError: a variable has a value that cannot be used; the message names the variable.
    """
    _refuse_skipping_verification(environ)
    user, password = split_user(environ.get("ETCDCTL_USER", ""), environ.get("ETCDCTL_PASSWORD", ""))
    return EtcdctlEnvironment(
        endpoints=_endpoints(environ.get("ETCDCTL_ENDPOINTS", "")),
        cacert=environ.get("ETCDCTL_CACERT", ""),
        cert=environ.get("ETCDCTL_CERT", ""),
        key=environ.get("ETCDCTL_KEY", ""),
        user=user,
        password=password,
        insecure_transport=_boolean(environ, "ETCDCTL_INSECURE_TRANSPORT", default=True),
        dial_timeout=_timeout(environ, "ETCDCTL_DIAL_TIMEOUT"),
        command_timeout=_timeout(environ, "ETCDCTL_COMMAND_TIMEOUT"),
    )


def split_user(user: str, password: str = "") -> tuple[str, str | None]:
    """User and password out of etcdctl's ``--user name[:password]`` and ``--password``.

    With a password given apart, all of `user` is the name, colons too; else the first colon
    separates the two (``etcdctl/ctlv3/command/global.go``, authCfgFromCmd).

    Returns:
        The name, and the password or None when it must be asked for (or no user is named).
    """
    if not user:
        return "", None
    if password:
        return user, password
    name, colon, rest = user.partition(":")
    return name, rest if colon else None


def go_duration(text: str) -> float:
    """Seconds of a Go duration such as ``5s``, ``1m30s``, ``1.5h`` or ``300ms``.

    Raises:
        ValueError: it is none (Go wants a unit), or it is negative.
    """
    if text in ("0", "+0"):
        return 0.0
    body = text.removeprefix("+")
    parts = _DURATION_PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _endpoints(value: str) -> tuple[str, ...]:
    # cobra's StringSlice is one CSV record.
    import csv

    fields = next(csv.reader([value]), []) if value else []
    return tuple(stripped for item in fields if (stripped := item.strip()))


def _boolean(environ: Mapping[str, str], variable: str, *, default: bool) -> bool:
    value = environ.get(variable, "")
    if not value:
        return default
    if value not in _TRUE + _FALSE:
        raise UsageError(f"{variable}: {clean(value, 60)!r} is neither true nor false", "set true or false")
    return value in _TRUE


def _timeout(environ: Mapping[str, str], variable: str) -> float | None:
    value = environ.get(variable, "")
    if not value:
        return None
    try:
        seconds = go_duration(value)
    except ValueError:
        raise UsageError(
            f"{variable}: {clean(value, 60)!r} is not a duration", "write it as 5s, 500ms or 1m30s"
        ) from None
    if not seconds:
        raise UsageError(f"{variable}: {clean(value, 60)!r} leaves no time at all", "set 5s or so")
    return seconds


def _refuse_skipping_verification(environ: Mapping[str, str]) -> None:
    variable = "ETCDCTL_INSECURE_SKIP_TLS_VERIFY"
    if _boolean(environ, variable, default=False):
        raise UsageError(
            f"{variable} is set, and gRPC for Python cannot skip the verification of certificates",
            "unset it and name the CA with --cacert or ETCDCTL_CACERT",
        )
