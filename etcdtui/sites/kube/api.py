"""Requests to the API server as plain JSON, each mistake told in one line.

No model classes: what is read are the fields that every version of Kubernetes has under the same name.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.kube.access import Access

TIMEOUT = 5.0
"""Seconds of one request that reads, connecting included."""
CHANGE = 30.0
"""Seconds of one that changes something: webhooks are asked about it, and a disk has to take it."""
CONNECT = 3.0
RENEW = 5.0
"""Seconds between two looks for new credentials: a plug-in may take long, or open a browser."""
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

Json = dict[str, Any]
Query = Mapping[str, str | int] | None


class ApiError(SiteError):
    """The API server refused a request, or was not reached.

    Args:
        status: the HTTP status; 0 when there was no answer.
        causes: field and message of each cause that the server tells apart.
    """

    def __init__(
        self, message: str, hint: str = "", status: int = 0, causes: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.causes = causes


class Api:
    """One API server; thread-safe."""

    def __init__(self, access: Access) -> None:
        import urllib3
        from kubernetes.client.rest import RESTClientObject

        urllib3.disable_warnings()
        self.access = access
        self.host = str(access.configuration.host).rstrip("/")
        access.configuration.connection_pool_maxsize = 8
        self._rest = RESTClientObject(access.configuration)
        self._versions: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._renewed_at = float("-inf")

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"API server {clean(self.host, 100)} (context {clean(self.access.context, 80)})"

    def get(self, path: str, query: Query = None, timeout: float = TIMEOUT) -> Json:
        """GET of a path such as ``/api/v1/namespaces/x/pods``. Raises ApiError."""
        return self._json("GET", path, query, timeout=timeout)

    def post(self, path: str, body: Json, timeout: float = CHANGE) -> Json:
        """POST of an object. Raises ApiError."""
        return self._json("POST", path, None, body, timeout=timeout)

    def patch(self, path: str, body: Json, query: Query = None, kind: str = MERGE_PATCH) -> Json:
        """A patch, JSON merge unless told otherwise. Raises ApiError."""
        return self._json("PATCH", path, query, body, kind, CHANGE)

    def apply(self, path: str, body: Json, manager: str, *, rehearse: bool = False) -> Json:
        """Server-side apply: the fields of `body` are `manager`'s from then on. Raises ApiError.

        Fields that somebody else manages and that would change are a conflict, status 409.

        Args:
            rehearse: have the server judge it, admission included, and change nothing.
        """
        query = {"fieldManager": manager, **({"dryRun": "All"} if rehearse else {})}
        return self._json("PATCH", path, query, body, APPLY_PATCH, CHANGE)

    def delete(self, path: str, body: Json | None = None) -> Json:
        """DELETE, with DeleteOptions. Raises ApiError."""
        return self._json("DELETE", path, None, body, timeout=CHANGE)

    def serves(self, group_version: str) -> bool:
        """Whether the server has an API such as ``policy/v1``; asked once. Raises ApiError."""
        with self._lock:
            known = self._versions.get(group_version)
        if known is None:
            try:
                self.get(f"/apis/{group_version}")
                known = True
            except ApiError as error:
                if error.status != 404:
                    raise
                known = False
            with self._lock:
                self._versions[group_version] = known
        return known

    def lines(self, path: str, query: Query, timeout: float) -> Iterator[bytes]:
        """The lines of an answer that goes on, such as a watch or a log, as they come. Raises ApiError.

        Args:
            timeout: seconds of silence after which the connection counts as lost.
        """
        answer = self._send("GET", path, query, None, "", timeout)
        left = b""
        try:
            for chunk in answer.stream(65536, decode_content=True):
                *whole, left = (left + chunk).split(b"\n")
                yield from whole
            if left:
                yield left
        except _http_errors() as error:
            raise ApiError(f"{self.where}: {_reason(error)}") from None
        finally:
            answer.close()

    def close(self) -> None:
        """Close the connections."""
        self._rest.pool_manager.clear()

    # -- one request -----------------------------------------------------------------------

    def _json(
        self,
        method: str,
        path: str,
        query: Query,
        body: Json | None = None,
        kind: str = "",
        timeout: float = TIMEOUT,
    ) -> Json:
        answer = self._send(method, path, query, body, kind, timeout)
        try:
            found = json.loads(answer.data)
        except _http_errors() as error:
            raise ApiError(f"{self.where}: {_reason(error)}") from None
        except ValueError:
            raise ApiError(
                f"{self.where}: {clean(path, 120)} answered with something else than JSON"
            ) from None
        if not isinstance(found, dict):
            raise ApiError(f"{self.where}: {clean(path, 120)} answered with something else than an object")
        return found

    def _send(
        self, method: str, path: str, query: Query, body: Json | None, kind: str, timeout: float
    ) -> Any:
        try:
            return self._ask(method, path, query, body, kind, timeout)
        except ApiError as error:
            # Refused at the door: nothing was done, and whoever has logged in again is let in.
            if error.status != 401 or not self._renewed():
                raise
        return self._ask(method, path, query, body, kind, timeout)

    def _renewed(self) -> bool:
        """Whether the kubeconfig has other credentials by now; looked up at times only."""
        from kubernetes.client.rest import RESTClientObject

        if not self._renewing.acquire(blocking=False):
            return False
        try:
            if time.monotonic() - self._renewed_at < RENEW:
                return False
            self._renewed_at = time.monotonic()
            if not self.access.renew():
                return False
            self._rest = RESTClientObject(self.access.configuration)
            return True
        finally:
            self._renewing.release()

    def _ask(self, method: str, path: str, query: Query, body: Json | None, kind: str, timeout: float) -> Any:
        import urllib3

        url = f"{self.host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = urllib3.HTTPHeaderDict(
            [*self.access.headers(), ("Accept", "application/json"), ("User-Agent", "etcdtui")]
        )
        if body is not None:
            headers["Content-Type"] = kind or "application/json"
        try:
            answer = self._rest.pool_manager.request(
                method,
                url,
                headers=headers,
                body=json.dumps(body) if body is not None else None,
                timeout=urllib3.Timeout(connect=min(CONNECT, timeout), read=timeout),
                retries=False,
                preload_content=False,
            )
            if answer.status < 400:
                return answer
            said = answer.data
        except _http_errors() as error:
            raise ApiError(f"{self.where}: {_reason(error)}") from None
        raise self._refusal(answer.status, said)

    def _refusal(self, status: int, data: bytes) -> ApiError:
        text, causes = data.decode(errors="replace"), tuple[tuple[str, str], ...]()
        try:
            told = json.loads(text)
            text, causes = told["message"], _causes(told)
        except (ValueError, KeyError, TypeError, AttributeError):
            text = text[:300]
        said = clean(" ".join(text.split()), 300)
        if status == 401:
            hint = "log in again: the token or certificate has expired or is not known there"
            return ApiError(f"{self.where}: not authenticated", hint, status)
        if status == 403:
            return ApiError(*_forbidden(said), status)
        return ApiError(f"{self.where}: {said or f'HTTP {status}'}", "", status, causes)


def _causes(told: Json) -> tuple[tuple[str, str], ...]:
    causes = (told.get("details") or {}).get("causes") or ()
    return tuple((str(c.get("field", "")), str(c.get("message", ""))) for c in causes)


def _forbidden(said: str) -> tuple[str, str]:
    """A refusal with its way out: 403 is also said of what is permitted and too much, or against a policy."""
    if "quota" in said:
        return f"the quota refuses it: {said}", "have the quota raised, or ask for less"
    policy = said.partition("is forbidden:")[2].strip()
    if policy and " cannot " not in policy:
        return f"admission refuses it: {said}", "change what is asked for, or have that policy changed"
    return f"not permitted: {said}", "ask for that right"


def _http_errors() -> tuple[type[Exception], ...]:
    import urllib3

    return (urllib3.exceptions.HTTPError, OSError)


def _reason(error: Exception) -> str:
    """What went wrong with a connection, without the library's own words around it."""
    import urllib3

    if isinstance(error, urllib3.exceptions.ProxyError):
        return f"its proxy: {_reason(error.original_error)}"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return clean(re.sub(r"^\[Errno -?\d+\] ", "", str(error).rpartition(": ")[2]), 200)
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    return clean(str(error), 200) or type(error).__name__
