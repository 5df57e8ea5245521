"""Users, roles and whether they are asked for, over gRPC: the Auth service."""

from __future__ import annotations

from etcd3 import etcdrpc

from etcdtui.errors import EtcdError
from etcdtui.etcd.api import Credentials
from etcdtui.etcd.errors import is_auth_not_enabled
from etcdtui.etcd.rpc.calls import Calls, unknown_value
from etcdtui.etcd.rpc.ranges import prefix_range

ACCESS = {"read": 0, "write": 1, "readwrite": 2}
"""authpb.Permission.Type."""


class Authentication:
    """The part of `etcdtui.etcd.api.EtcdWriter` about users."""

    _calls: Calls

    def auth_is_on(self, timeout: float) -> bool:
        """Whether the cluster asks for users: Auth.Authenticate of nobody says so in every version."""
        try:
            request = etcdrpc.AuthenticateRequest(name="", password="")
            self._calls.call(self._calls.auth.Authenticate, request, timeout, token_first=False)
        except EtcdError as error:
            if is_auth_not_enabled(error):
                return False
            if not error.details.startswith(("etcdserver:", "auth:")):
                raise
        return True

    def auth_enable(self, timeout: float) -> None:
        """Auth.AuthEnable."""
        self._calls.call(self._calls.auth.AuthEnable, etcdrpc.AuthEnableRequest(), timeout)

    def auth_disable(self, timeout: float) -> None:
        """Auth.AuthDisable."""
        self._calls.call(self._calls.auth.AuthDisable, etcdrpc.AuthDisableRequest(), timeout)

    def user_names(self, timeout: float) -> tuple[str, ...]:
        """Auth.UserList."""
        return tuple(
            self._calls.call(self._calls.auth.UserList, etcdrpc.AuthUserListRequest(), timeout).users
        )

    def user_add(self, user: Credentials, timeout: float) -> None:
        """Auth.UserAdd."""
        request = etcdrpc.AuthUserAddRequest(name=user.user, password=user.password)
        self._calls.call(self._calls.auth.UserAdd, request, timeout)

    def user_password(self, user: Credentials, timeout: float) -> None:
        """Auth.UserChangePassword."""
        request = etcdrpc.AuthUserChangePasswordRequest(name=user.user, password=user.password)
        self._calls.call(self._calls.auth.UserChangePassword, request, timeout)

    def user_delete(self, name: str, timeout: float) -> None:
        """Auth.UserDelete."""
        self._calls.call(self._calls.auth.UserDelete, etcdrpc.AuthUserDeleteRequest(name=name), timeout)

    def user_roles(self, name: str, timeout: float) -> tuple[str, ...]:
        """Auth.UserGet: the roles of a user."""
        request = etcdrpc.AuthUserGetRequest(name=name)
        return tuple(self._calls.call(self._calls.auth.UserGet, request, timeout).roles)

    def user_grant(self, name: str, role: str, timeout: float) -> None:
        """Auth.UserGrantRole."""
        request = etcdrpc.AuthUserGrantRoleRequest(user=name, role=role)
        self._calls.call(self._calls.auth.UserGrantRole, request, timeout)

    def role_names(self, timeout: float) -> tuple[str, ...]:
        """Auth.RoleList."""
        return tuple(
            self._calls.call(self._calls.auth.RoleList, etcdrpc.AuthRoleListRequest(), timeout).roles
        )

    def role_add(self, name: str, timeout: float) -> None:
        """Auth.RoleAdd."""
        self._calls.call(self._calls.auth.RoleAdd, etcdrpc.AuthRoleAddRequest(name=name), timeout)

    def role_allow(self, name: str, access: str, prefix: bytes, timeout: float) -> None:
        """Auth.RoleGrantPermission for all keys with a prefix."""
        if access not in ACCESS:
            raise unknown_value("access", access, list(ACCESS))
        start, end = prefix_range(prefix)
        # The message is etcd's authpb.Permission; etcd3 has it as the field's own type.
        request = etcdrpc.AuthRoleGrantPermissionRequest(name=name)
        request.perm.permType, request.perm.key, request.perm.range_end = ACCESS[access], start, end
        self._calls.call(self._calls.auth.RoleGrantPermission, request, timeout)
