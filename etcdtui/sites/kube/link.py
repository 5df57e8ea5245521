"""The connection of a site: which API server, which StatefulSet, and reading both."""

from __future__ import annotations

import base64
import binascii
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError, UsageError
from etcdtui.etcd.api import TlsMaterial
from etcdtui.model.text import clean
from etcdtui.sites.kube.access import open_access
from etcdtui.sites.kube.api import Api, ApiError
from etcdtui.sites.kube.choice import Where, choose
from etcdtui.sites.kube.picture import Picture, covers
from etcdtui.sites.kube.sets import EtcdSet, read_set
from etcdtui.sites.kube.watching import PodWatch

FRESH = 2.0
"""Seconds between two readings of the StatefulSet while the watch stands and tells of no change."""
AGED = 5.0
"""Seconds after which it is read again before it is shown."""
SLOW = 10.0
"""Seconds after which claims and budgets are read again though no pod changed."""


class Link:
    """One StatefulSet of one API server. Everything here may block for some seconds.

    Args:
        keys: directory of mode 0700 for keys that the kubeconfig holds inline.
        changed: told which pod changed, in another thread.
        read: told, in another thread, that the StatefulSet was read again; may ask the API server too.

    Raises:
        SiteError: the server is not reached, or there is not exactly one StatefulSet to take.
    """

    def __init__(
        self, where: Where, keys: Path, changed: Callable[[str], None], read: Callable[[Link], None]
    ) -> None:
        self.access = open_access(where.context, where.kubeconfig, keys=keys)
        self.api = Api(self.access)
        self._changed = changed
        self._told = read
        self._closed = threading.Event()
        self._dirty = threading.Event()
        self._reading = threading.Lock()
        self._last: tuple[float, Picture] | None = None
        self._failed: tuple[float, SiteError] | None = None
        self._looked = float("-inf")
        self._slow_at = float("-inf")
        self._extra: tuple[Any, Any, tuple[str, ...], dict[str, str]] = (None, None, (), {})
        self.namespace, self.name = self._which(where)
        self._watch = PodWatch(self.api, f"{self.core}/pods", self._labels(), self._pod_changed)
        self.tls: TlsMaterial | None = None
        self.lacking = ""
        """Why the certificate is not there: its Secret may not be read. Pods are shown all the same."""
        if where.secret:
            try:
                self.tls = _tls_of_secret(self.api, self.namespace, where.secret)
            except ApiError as error:
                if error.status != 403:
                    raise
                self.lacking = error.message
        self._watch.start()
        threading.Thread(target=self._keep, name="etcdtui-set", daemon=True).start()

    def _which(self, where: Where) -> tuple[str, str]:
        """Namespace and name of what is shown. Raises SiteError."""
        return choose(self.api, where, self.access.namespace)

    def _labels(self) -> str:
        """The label selector of its pods. Raises SiteError."""
        return ",".join(f"{key}={value}" for key, value in self.read_set().selector.items())

    @property
    def core(self) -> str:
        """API path of the namespace's pods, claims, ...."""
        return f"/api/v1/namespaces/{self.namespace}"

    @property
    def set_path(self) -> str:
        """API path of the StatefulSet."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/statefulsets/{self.name}"

    @property
    def budgets_path(self) -> str:
        """API path of disruption budgets, in the version that the server has. Raises ApiError."""
        version = "v1" if self.api.serves("policy/v1") else "v1beta1"
        return f"/apis/policy/{version}/namespaces/{self.namespace}/poddisruptionbudgets"

    def read_set(self) -> EtcdSet:
        """The StatefulSet as it is now. Raises SiteError."""
        try:
            return read_set(self.api.get(self.set_path))
        except ApiError as error:
            if error.status == 404:
                raise SiteError(f"there is no StatefulSet {self.namespace}/{self.name} any more") from None
            raise

    def owns(self, kind: str, name: str) -> bool:
        """Whether an object belongs to what was last read."""
        return self._last is not None and self._last[1].owns(kind, name)

    def look(self) -> Picture:
        """Everything, as far as it may be read; the last picture again while nothing has changed.

        Raises SiteError when the set or its pods cannot be read.
        """
        self._looked = time.monotonic()
        return self._known(AGED) or self._renew(AGED)

    def _known(self, limit: float) -> Picture | None:
        """The last picture while nothing has changed; None once it is older than `limit` seconds."""
        last = self._last
        rests = last is not None and self._watch.live and not self._dirty.is_set()
        return last[1] if last is not None and rests and time.monotonic() - last[0] < limit else None

    def _renew(self, limit: float) -> Picture:
        """Another picture, unless somebody has read one meanwhile. Raises SiteError."""
        asked = time.monotonic()
        with self._reading:
            if (known := self._known(limit)) is not None:
                return known
            if self._failed is not None and self._failed[0] >= asked:
                # Somebody else has waited in vain for as long as we may.
                raise self._failed[1]
            # What happens while we read counts for the next look.
            now, dirty = time.monotonic(), self._dirty.is_set()
            if dirty:
                self._dirty.clear()
            try:
                picture = self._read(dirty)
            except SiteError as error:
                self._failed = (time.monotonic(), error)
                raise
            self._last = (now, picture)
            return picture

    def _keep(self) -> None:
        """Read beforehand what is looked at, so that no look waits for the API server while all rests."""
        while not self._closed.wait(FRESH / 2):
            if self._watch.live and time.monotonic() - self._looked < AGED:
                # What went wrong is met, and told, by whoever looks.
                with contextlib.suppress(SiteError, ValueError, KeyError, TypeError):
                    self._renew(FRESH)
                    self._told(self)

    def _read(self, dirty: bool) -> Picture:
        try:
            etcd = self.read_set()
            pods = {n: p for n, p in self._watch.pods().items() if etcd.ordinal(n) is not None}
        except SiteError:
            self._watch.doubt()
            self._dirty.set()
            raise
        now = time.monotonic()
        if dirty or now - self._slow_at >= SLOW:
            self._slow_at = now
            self._extra = self._read_extra(etcd)
        claims, budgets, notes, config = self._extra
        return Picture(_with_config(etcd, config), pods, claims, budgets, notes, config)

    def pods(self) -> dict[str, dict[str, Any]]:
        """The pods by name, as the watch knows them. Raises SiteError."""
        return self._watch.pods()

    def touch(self) -> None:
        """Read claims, budgets and files again at the next look."""
        self._dirty.set()

    def close(self) -> None:
        """Follow no longer."""
        self._closed.set()
        self._watch.close()
        self.api.close()

    def _pod_changed(self, name: str) -> None:
        self._dirty.set()
        self._changed(name)

    def _read_extra(self, etcd: EtcdSet) -> tuple[Any, Any, tuple[str, ...], dict[str, str]]:
        notes = ["may not get secrets"] if self.lacking else []

        def read(right: str, path: str) -> Any:
            try:
                return self.api.get(path)
            except ApiError as error:
                if error.status not in (403, 404):
                    self._again()
                if error.status != 404:
                    notes.append(f"may not {right}" if error.status == 403 else f"{right}: {error.message}")
                return None

        claims = (
            read("list persistentvolumeclaims", f"{self.core}/persistentvolumeclaims")
            if etcd.claims
            else {"items": []}
        )
        budgets = self._budgets(read)
        config: dict[str, str] = {}
        if etcd.config_map and (found := read("get configmaps", f"{self.core}/configmaps/{etcd.config_map}")):
            config = found.get("data") or {}
        return (
            {c["metadata"]["name"]: c for c in claims["items"]} if claims is not None else None,
            tuple(b for b in budgets["items"] if covers(b, etcd.selector)) if budgets is not None else None,
            tuple(notes),
            config,
        )

    def _budgets(self, read: Callable[[str, str], Any]) -> Any:
        try:
            path = self.budgets_path
        except ApiError:
            self._again()
            return None
        return read("list poddisruptionbudgets", path)

    def _again(self) -> None:
        """What was not answered is unknown, and asked for once more by the next look."""
        self._slow_at = float("-inf")


def _with_config(etcd: EtcdSet, config: dict[str, str]) -> EtcdSet:
    """The set, with TLS as the pods' own files say it."""
    secure = any("https://" in line for text in config.values() for line in _client_lines(text))
    return replace(etcd, tls=True) if secure else etcd


def _client_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "client-urls" in line]


_CA = ("ca.crt", "ca.pem", "etcd-ca.crt", "etcd-client-ca.crt", "trusted-ca.crt")
_CERT = ("tls.crt", "client.crt", "client.pem", "cert.pem", "etcd-client.crt")
_KEY = ("tls.key", "client.key", "client-key.pem", "key.pem", "etcd-client.key")


def _tls_of_secret(api: Api, namespace: str, name: str) -> TlsMaterial:
    """CA, client certificate and key of a Secret, under the names they usually have. Raises SiteError."""
    what = f"Secret {clean(namespace)}/{clean(name)}"
    data = api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}").get("data") or {}

    def part(names: tuple[str, ...]) -> bytes:
        for key in names:
            if key in data:
                try:
                    return base64.b64decode(data[key], validate=True)
                except (binascii.Error, ValueError):
                    raise UsageError(f"{what}: {key} is not base64") from None
        return b""

    ca, cert, key = part(_CA), part(_CERT), part(_KEY)
    if not ca and not cert:
        there = ", ".join(clean(k) for k in sorted(data)) or "nothing"
        raise SiteError(f"{what} holds {there}", f"expected {_CA[0]}, {_CERT[0]} and {_KEY[0]}")
    if bool(cert) != bool(key):
        raise SiteError(f"{what} holds a client {'certificate' if cert else 'key'} without the other half")
    return TlsMaterial(ca, cert, key)
