"""What every part of the site shares: the link, opened when it is first needed, and the last picture."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etcdtui.errors import NodeError, SiteError
from etcdtui.etcd.api import Login
from etcdtui.sites.kube.choice import Undecided, Where
from etcdtui.sites.kube.chronicle import Chronicle
from etcdtui.sites.kube.forward import Forwards
from etcdtui.sites.kube.link import Link
from etcdtui.sites.kube.picture import Picture
from etcdtui.sites.kube.pods import run_of
from etcdtui.sites.kube.rights import Right, missing
from etcdtui.sites.login import LoggedIn

if TYPE_CHECKING:
    from etcdtui.etcd.api import Credentials, TlsMaterial
    from etcdtui.model.cluster import Node

GRANTED = 30.0
"""Seconds for which a right that was granted is taken to be so still."""
PROBE = 1.0
"""Seconds in which the API server must answer where a member was silent."""
REVIEW = 3.0
"""Seconds in which it must say whether we have a right, before it is tried without knowing."""


class KubeBase(LoggedIn):
    """The state of the site.

    Args:
        name: the profile's name.
        where: which StatefulSet is meant.
        tls: files of a profile; None: the Secret's of `where`, else plain text or the system's CAs.
        credentials: the etcd user, if authentication is on.
    """

    kind = "kube"

    def __init__(
        self,
        name: str,
        where: Where,
        *,
        tls: TlsMaterial | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.name = name
        self._where = where
        self._tls = tls
        self._login = Login(credentials)
        self._forwards = Forwards()
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._undecided: Undecided | None = None
        self._picture: Picture | None = None
        self._trouble = ""
        self._granted: dict[Right, float] = {}
        self._probing = threading.Lock()
        self._probed = float("-inf")
        self._nodes: tuple[Node, ...] = ()
        self._runs: dict[str, str] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._closed = False
        self.chronicle = Chronicle()

    def link(self) -> Link:
        """The link, made on first use. Raises SiteError."""
        with self._lock:
            if self._closed:
                raise SiteError(f"{self.name}: the site is closed")
            if self._undecided is not None:
                raise self._undecided
            if self._link is None:
                try:
                    self._link = self._make_link()
                except Undecided as error:
                    self._undecided = error
                    raise
            return self._link

    def _make_link(self) -> Link:
        return Link(self._where, self._forwards.directory, self._pod_changed, self.chronicle.read)

    def look(self) -> Picture:
        """A new picture. Raises SiteError."""
        try:
            self._picture = picture = self.link().look()
        except SiteError as error:
            self._trouble = error.message
            raise
        self._trouble = ""
        return picture

    def way_trouble(self) -> str:
        """Why the way to every pod is lost: the API server does not answer either; empty when it does.

        Asked when a member was silent or its connection broke; blocks for at most `PROBE` seconds.
        """
        link, asked = self._link, time.monotonic()
        if link is None:
            return ""
        with self._probing:
            # What it answered before that tells nothing.
            if not self._trouble and self._probed < asked:
                self._probed = time.monotonic()
                try:
                    link.api.get("/version", timeout=PROBE)
                except SiteError as error:
                    self._trouble = error.message
            return self._trouble

    def must(self, *wanted: Right) -> None:
        """See beforehand that a plan will not lack a right in its middle.

        Raises:
            SiteError: the rights that are not granted. What cannot be asked is no reason: it is tried.
        """
        link, now = self.link(), time.monotonic()
        asked = [right for right in wanted if now - self._granted.get(right, float("-inf")) > GRANTED]
        if not asked or self._trouble:
            return
        if lacking := missing(link.api, link.namespace, asked, REVIEW):
            raise SiteError(f"may not {'; may not '.join(lacking)}", "ask for that right")
        self._granted |= dict.fromkeys(asked, now)

    def picture(self) -> Picture:
        """The last picture, or the first. Raises SiteError."""
        return self._picture or self.look()

    def pod_of(self, url: str) -> tuple[str, int]:
        """The pod and the port that a client URL names, by its host. Raises SiteError."""
        picture = self.picture()
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or picture.etcd.client_port
        except ValueError:
            host, port = "", 0
        label, _, rest = host.partition(".")
        service = rest.partition(".")[0]
        if picture.etcd.ordinal(label) is not None and service in ("", picture.etcd.service):
            return label, port
        for name, pod in picture.pods.items():
            if host and (pod.get("status") or {}).get("podIP") == host:
                return name, port
        raise SiteError(f"{host or url}: names no pod of StatefulSet {picture.etcd.name}")

    def ordinal_of(self, node: str) -> int:
        """The ordinal of a node. Raises NodeError."""
        ordinal = self.picture().etcd.ordinal(node)
        if ordinal is None:
            raise NodeError(f"{node}: is no pod of StatefulSet {self.picture().etcd.name}")
        return ordinal

    def close(self) -> None:
        """Close every connection; does not wait."""
        self._closed = True
        self._forwards.close()
        link = self._link
        if link is not None:
            link.close()

    def _pod_changed(self, pod: str) -> None:
        """A pod came, went or changed: end the ways to one that is another now, and tell."""
        link = self._link
        if link is not None and pod:
            with contextlib.suppress(SiteError):
                found = link.pods().get(pod)
                run = run_of(found, self._picture.etcd.container) if found and self._picture else ""
                if self._runs.get(pod, run) != run:
                    self._forwards.cut(pod)
                self._runs[pod] = run
        for callback in tuple(self._callbacks):
            callback()


def short_call(method: str, path: str, body: str = "") -> str:
    """A request as the review screen shows it."""
    shown = re.sub(r"^/apis?/", "", path)
    return f"{method} {shown}" + (f" {body}" if body else "")
