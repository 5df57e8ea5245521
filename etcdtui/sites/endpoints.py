"""The site of plain endpoints: reached by URL, with or without TLS and a user; no nodes to manage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from etcdtui.errors import SiteError, UsageError
from etcdtui.etcd.api import Login
from etcdtui.sites.etcdctl_env import EtcdctlEnvironment, etcdctl_environment
from etcdtui.sites.login import LoggedIn
from etcdtui.sites.urls import normalise, target

if TYPE_CHECKING:
    from etcdtui.etcd.api import Credentials, EtcdWriter, TlsMaterial

__all__ = ["EndpointsSite", "EtcdctlEnvironment", "etcdctl_environment"]


class EndpointsSite(LoggedIn):
    """Endpoints somebody named; what runs behind them is not ours to manage.

    Args:
        name: the profile's name.
        urls: endpoints as the operator writes them, at least one; see `etcdtui.sites.urls.normalise`.
        tls: None for plain text; also given to members that are found later under an https URL.
        credentials: the etcd user, if authentication is on.

    Raises:
        UsageError: no endpoint, or one that is nonsense.
    """

    kind = "endpoints"

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        *,
        tls: TlsMaterial | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        if not urls:
            raise UsageError(f"{name}: no endpoint is given", "use --endpoints host:2379")
        self.name = name
        self._tls = tls
        self._login = Login(credentials)
        # A dict keeps the order and drops what is named twice.
        self._seeds = tuple(dict.fromkeys(normalise(url, tls=tls is not None) for url in urls))

    def seeds(self) -> tuple[str, ...]:
        """The endpoints as full URLs."""
        return self._seeds

    def dial(self, url: str) -> EtcdWriter:
        """The API of an endpoint, also of a member's advertised client URL, with the same TLS and user.

        Raises:
            SiteError: `url` is no endpoint (a member may advertise anything).
        """
        from etcdtui.etcd.rpc import dial

        try:
            return dial(target(url, self._tls, self._login))
        except UsageError as error:
            raise SiteError(error.message) from None

    def close(self) -> None:
        """Nothing is held here: whoever dialled closes its connections."""
