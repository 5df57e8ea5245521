"""What Kubernetes tells of the StatefulSet and its pods, for the timeline."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.events import Event
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean
from etcdtui.sites.kube.api import Api
from etcdtui.sites.kube.link import Link
from etcdtui.sites.kube.picture import Picture, moment_of

PACE = 2.0
"""Seconds between two readings at least."""
SHARE = 10
"""How many times as long as a reading took nothing is read: a full namespace costs its server something."""
PAGE, PAGES = 500, 10
"""Events read at one time, and how often at most: a namespace with thousands is somebody else's."""
AT_ONCE = 30
"""News told at one time at most: a namespace with a crash loop has hundreds."""

_UNBOUND = ("ProvisioningFailed", "FailedBinding")
"""Reasons of a claim's events that tell why it has no volume."""
_MADE = re.compile(r"create Pod (\S+) ")
"""How the controller tells of a pod that it has made."""


class Chronicle:
    """The events that Kubernetes has recorded since the console was opened."""

    def __init__(self) -> None:
        self._since = time.time()
        self._seen: dict[str, int] = {}
        self._news: list[Event] = []
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._next = float("-inf")
        self._not_made: dict[str, tuple[float, str]] = {}
        self._made: dict[str, float] = {}
        self._unbound: dict[str, str] = {}

    def not_made(self, pod: str) -> str:
        """Why Kubernetes could not make a pod, as it last said (an exceeded quota); empty for nothing."""
        with self._lock:
            since = self._made.get(pod, 0.0)
            found = [said for said in self._not_made.values() if f"Pod {pod} " in said[1] and said[0] > since]
        return max(found)[1].rpartition("failed error: ")[2] if found else ""

    def unbound(self, claim: str) -> str:
        """Why a claim that waits has no volume, as Kubernetes last said; empty for nothing."""
        with self._lock:
            return self._unbound.get(claim, "")

    def tell(self, severity: Severity, text: str) -> None:
        """Add a line of our own."""
        with self._lock:
            self._news.append(Event(time.time(), "site", severity, clean(text, 300)))

    def take(self) -> tuple[Event, ...]:
        """What is new since the last time, oldest first."""
        with self._lock:
            news, self._news = self._news, []
        return tuple(news)

    def read(self, link: Link) -> None:
        """Ask for the events; a refusal is no reason to fail."""
        if not self._asking.acquire(blocking=False):
            return
        try:
            if (began := time.monotonic()) >= self._next:
                self._ask(link)
                ended = time.monotonic()
                self._next = ended + max(PACE, SHARE * (ended - began))
        finally:
            self._asking.release()

    def _ask(self, link: Link) -> None:
        try:
            items = list(_all(link.api, f"{link.core}/events"))
        except SiteError:
            return
        found = [e for item in items if (e := self.take_in(item, link)) is not None]
        found.sort(key=lambda e: e.wall_time)
        with self._lock:
            self._news += found[-AT_ONCE:]

    def take_in(self, item: Mapping[str, Any], of: Link | Picture) -> Event | None:
        """One of Kubernetes' events; None for what is known, older than the console or of something else."""
        about = item.get("involvedObject") or {}
        subject = str(about.get("name", ""))
        if not of.owns(str(about.get("kind", "")), subject):
            return None
        uid, count = item["metadata"].get("uid", ""), item.get("count") or 1
        at = _when(item)
        made = _MADE.match(str(item.get("message", ""))) if item.get("reason") == "SuccessfulCreate" else None
        if made is not None:
            with self._lock:
                self._made[made[1]] = max(at, self._made.get(made[1], 0.0))
        if item.get("reason") == "FailedCreate":
            with self._lock:
                self._not_made[uid] = (at, clean(" ".join(str(item.get("message", "")).split()), 300))
        if item.get("reason") in _UNBOUND:
            with self._lock:
                self._unbound[subject] = clean(" ".join(str(item.get("message", "")).split()), 300)
        if at < self._since - 1 or self._seen.get(uid, 0) >= count:
            return None
        self._seen[uid] = count
        severity = Severity.WARNING if item.get("type") == "Warning" else Severity.OK
        text = f"{subject}: {item.get('reason', '')}: {item.get('message', '')}"
        return Event(at, "node", severity, clean(" ".join(text.split()), 240))


def _all(api: Api, path: str) -> Iterator[Mapping[str, Any]]:
    """The events of a namespace, which come in pages in no order of time. Raises ApiError."""
    query: dict[str, str | int] = {"limit": PAGE}
    for _ in range(PAGES):
        found = api.get(path, query)
        yield from found["items"]
        query["continue"] = (found.get("metadata") or {}).get("continue") or ""
        if not query["continue"]:
            return


def _when(item: Mapping[str, Any]) -> float:
    word = item.get("lastTimestamp") or item.get("eventTime") or item["metadata"].get("creationTimestamp")
    return moment_of(word) or 0.0
