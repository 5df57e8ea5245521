"""Users and roles by way of etcdctl: not offered; they are looked after where etcd itself is reached."""

from __future__ import annotations

from typing import NoReturn

from etcdtui.errors import Refused
from etcdtui.etcd.api import Credentials


class CtlUsers:
    """The part of `etcdtui.etcd.api.EtcdWriter` about users; every call raises Refused."""

    def auth_is_on(self, timeout: float) -> bool:
        """Not offered."""
        _refuse(timeout)

    def auth_enable(self, timeout: float) -> None:
        """Not offered."""
        _refuse(timeout)

    def auth_disable(self, timeout: float) -> None:
        """Not offered."""
        _refuse(timeout)

    def user_names(self, timeout: float) -> tuple[str, ...]:
        """Not offered."""
        _refuse(timeout)

    def user_add(self, user: Credentials, timeout: float) -> None:
        """Not offered."""
        _refuse(user, timeout)

    def user_password(self, user: Credentials, timeout: float) -> None:
        """Not offered."""
        _refuse(user, timeout)

    def user_delete(self, name: str, timeout: float) -> None:
        """Not offered."""
        _refuse(name, timeout)

    def user_roles(self, name: str, timeout: float) -> tuple[str, ...]:
        """Not offered."""
        _refuse(name, timeout)

    def user_grant(self, name: str, role: str, timeout: float) -> None:
        """Not offered."""
        _refuse(name, role, timeout)

    def role_names(self, timeout: float) -> tuple[str, ...]:
        """Not offered."""
        _refuse(timeout)

    def role_add(self, name: str, timeout: float) -> None:
        """Not offered."""
        _refuse(name, timeout)

    def role_allow(self, name: str, access: str, prefix: bytes, timeout: float) -> None:
        """Not offered."""
        _refuse(name, access, prefix, timeout)


def _refuse(*_args: object) -> NoReturn:
    raise Refused(
        "users cannot be looked after by way of etcdctl", "allow forwarding, so that etcd is reached"
    )
