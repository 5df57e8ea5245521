"""Following the pods of a StatefulSet: listed once, then watched, listed again after any doubt."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.sites.kube.api import Api

SPAN = 45
"""Seconds after which the server ends a watch and a new one begins where it ended."""
PAUSE = 1.0
"""Seconds until the next attempt after an error."""


class PodWatch:
    """The pods as the API server last told of them.

    Args:
        path: of the collection, such as ``/api/v1/namespaces/x/pods``.
        selector: the label selector, such as ``app=etcd``.
        changed: told, in the watch's thread, which pods changed (all of them by an empty name).
    """

    def __init__(self, api: Api, path: str, selector: str, changed: Callable[[str], None]) -> None:
        self._api = api
        self._path = path
        self._selector = selector
        self._changed = changed
        self._lock = threading.Lock()
        self._pods: dict[str, dict[str, Any]] = {}
        self._live = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to follow; returns at once."""
        self._thread = threading.Thread(target=self._run, name="etcdtui-pods", daemon=True)
        self._thread.start()

    @property
    def live(self) -> bool:
        """Whether the watch stands, so that what is known is what there is."""
        return self._live

    def close(self) -> None:
        """Follow no longer; does not wait."""
        self._closed.set()

    def doubt(self) -> None:
        """What is known may be old, for the server was not reached: list before it is believed again."""
        self._live = False

    def pods(self) -> dict[str, dict[str, Any]]:
        """The pods by name; asked for afresh while the watch does not stand. Raises SiteError."""
        if not self._live:
            return self._named(self._list()["items"])
        with self._lock:
            return dict(self._pods)

    def _list(self) -> dict[str, Any]:
        return self._api.get(self._path, {"labelSelector": self._selector})

    @staticmethod
    def _named(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {pod["metadata"]["name"]: pod for pod in items}

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                found = self._list()
                with self._lock:
                    self._pods = self._named(found["items"])
                self._live = True
                self._changed("")
                self._follow(found["metadata"]["resourceVersion"])
            except (SiteError, ValueError, KeyError, TypeError):
                # Whatever broke, what was last told is no longer the whole truth.
                self._live = False
                self._changed("")
                self._closed.wait(PAUSE)

    def _follow(self, version: str) -> None:
        """Watch until a version is too old, the server ends it in some other way, or we are in doubt."""
        while not self._closed.is_set() and self._live:
            query: dict[str, str | int] = {
                "watch": "true",
                "labelSelector": self._selector,
                "resourceVersion": version,
                "allowWatchBookmarks": "true",
                "timeoutSeconds": SPAN,
            }
            for line in self._api.lines(self._path, query, SPAN + 10.0):
                event = json.loads(line)
                kind, pod = event["type"], event["object"]
                if kind == "ERROR" or self._closed.is_set():
                    return
                version = pod["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    self._take(kind, pod)

    def _take(self, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        with self._lock:
            if kind == "DELETED":
                self._pods.pop(name, None)
            else:
                self._pods[name] = pod
        self._changed(name)
