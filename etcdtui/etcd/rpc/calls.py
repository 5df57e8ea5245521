"""How one call is made: its deadline, its token, and its error in our words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from etcd3 import etcdrpc

from etcdtui.errors import DeadlineExceeded, EtcdError, NotPermitted, Refused, Unreachable
from etcdtui.etcd.api import Credentials, Login, Target
from etcdtui.etcd.errors import NO_ANSWER, explain, is_auth_not_enabled, is_stale_token
from etcdtui.etcd.rpc.client import Client, fault
from etcdtui.etcd.rpc.disconnect import Disconnects

Metadata = tuple[tuple[str, str], ...] | None


class Calls:
    """The connection to one endpoint; thread-safe, made without any network traffic."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._login = target.login or Login(target.credentials)
        self._token_of: Credentials | None = self._login.credentials
        self._fault = fault(target)
        self.client = Client(target)
        self.disconnects = Disconnects(self.client.channel)
        self.auth = etcdrpc.AuthStub(self.client.channel)
        self._auth_lock = threading.Lock()
        self._token: Metadata = None
        self._looks_after = False
        # The server said that it has no users; it is asked again only when it demands one.
        self._auth_off = False

    @property
    def _credentials(self) -> Credentials | None:
        """The user; what is known of another one counts no more."""
        credentials = self._login.credentials
        if credentials is not self._token_of:
            self._token_of, self._token, self._auth_off = credentials, None, False
        return credentials

    def call(self, method: Any, request: Any, timeout: float, *, token_first: bool = True) -> Any:
        """Make one unary call within `timeout` seconds; raises the EtcdError family.

        With a user, the token is fetched before the first call and once again when etcd says that it is
        no longer valid; etcd refuses such a call before doing anything, so repeating it is safe.

        Args:
            token_first: False for a call that most servers answer without a token: then one is fetched
                only when the server asks for it. Authenticating needs a quorum, Status does not.
        """
        deadline = time.monotonic() + timeout
        credentials, token = self._credentials, self._token
        if token is None and token_first and credentials is not None and not self._auth_off:
            token = self._authenticate(None, deadline, timeout)
        try:
            return self._once(method, request, timeout, deadline, token)
        except EtcdError as exc:
            # A certificate may have passed for a user meanwhile, since users are asked for.
            asked_now = self._auth_off and isinstance(exc, NotPermitted)
            if self._credentials is None or not (is_stale_token(exc) or asked_now):
                raise
        token = self._authenticate(token, deadline, timeout)
        return self._once(method, request, timeout, deadline, token)

    def stream(self, method: Any, request: Callable[[], Any], timeout: float) -> Iterator[Any]:
        """Make one call answered by a stream; the deadline covers all of it.

        Args:
            request: makes the request (or the iterator of them), anew for a second attempt.
        """
        if self._fault is not None:
            raise self._fault
        deadline = time.monotonic() + timeout
        credentials, token = self._credentials, self._token
        if token is None and credentials is not None and not self._auth_off:
            token = self._authenticate(None, deadline, timeout)
        for attempt in (1, 2):
            started = False
            try:
                answers = method(request(), timeout=_left(deadline), metadata=token)
            except ValueError:
                raise self._closed() from None
            try:
                for answer in answers:
                    started = True
                    yield answer
            except grpc.RpcError as exc:
                error = self._error(exc, timeout)
                if attempt == 2 or started or self._credentials is None or not is_stale_token(error):
                    raise error from None
                token = self._authenticate(token, deadline, timeout)
            else:
                return
            finally:
                answers.cancel()

    def close(self) -> None:
        """Close the channel; calls under way fail with Unreachable."""
        self.disconnects.close()
        self.client.close()

    def _once(self, method: Any, request: Any, timeout: float, deadline: float, token: Metadata) -> Any:
        if self._fault is not None:
            raise self._fault
        try:
            answer = method(request, timeout=_left(deadline), metadata=token)
        except grpc.RpcError as exc:
            raise self._error(exc, timeout) from None
        except ValueError:  # what gRPC raises for a closed channel
            raise self._closed() from None
        self.disconnects.established()
        return answer

    def _authenticate(self, stale: Metadata, deadline: float, timeout: float) -> Metadata:
        """A token other than `stale`, from another thread's attempt or from the server."""
        if not self._auth_lock.acquire(timeout=_left(deadline)):
            raise DeadlineExceeded(NO_ANSWER.format(timeout=timeout))
        try:
            token = self._token
            if token is None or token == stale:
                self._token = None
                self._token = token = self._ask_token(deadline, timeout)
            return token
        finally:
            self._auth_lock.release()

    def _ask_token(self, deadline: float, timeout: float) -> Metadata:
        user = self._credentials or Credentials("", "")
        if not self._looks_after:
            self._looks_after = True
            self.disconnects.add(self._forget_token)
        request = etcdrpc.AuthenticateRequest(name=user.user, password=user.password)
        try:
            answer = self._once(self.auth.Authenticate, request, timeout, deadline, None)
        except EtcdError as exc:
            if not is_auth_not_enabled(exc):
                raise
            # The user is not needed here; etcd's own client goes on without one too.
            self._auth_off = True
            return None
        return (("token", answer.token),)

    def _forget_token(self) -> None:
        """The connection was lost, and what answers next may be a new cluster at the same address.

        A token ends in the index at which it was given, and etcd (``server/auth/simple_token.go``) holds a
        call back until it has applied that index: one of a restored cluster would until the deadline.
        """
        self._token = None

    def _error(self, exc: Any, timeout: float) -> EtcdError:
        error = explain(exc.code().name, exc.details() or "", self._target, timeout)
        if not isinstance(error, (Unreachable, DeadlineExceeded)):
            self.disconnects.established()
        return error

    def _closed(self) -> EtcdError:
        return Unreachable(f"the connection to {self._target.url} was closed by etcdtui")


def unknown_value(what: str, value: str, choices: list[str]) -> EtcdError:
    """The error for an argument that etcd's API has no number for."""
    return Refused(f"unknown {what} {value!r}", hint=f"one of {', '.join(choices)}")


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
