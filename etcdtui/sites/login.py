"""The etcd user of a site, shared by all its endpoints: `etcdtui.sites.base.Authenticated`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etcdtui.etcd.api import Credentials, Login


class LoggedIn:
    """The part of a site that knows who it is to etcd."""

    _login: Login

    @property
    def _credentials(self) -> Credentials | None:
        return self._login.credentials

    def etcd_user(self) -> Credentials | None:
        """Who it is; None for nobody."""
        return self._login.credentials

    def log_in(self, user: Credentials | None) -> None:
        """From now on be somebody else, or nobody; connections that stand follow."""
        self._login.credentials = user
