"""A small client of the API server for the lab itself: JSON and a watch, on the standard library."""

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from tests.labs.kube.settings import Settings

Store = dict[tuple[str, str], Any]
"""Objects by namespace and name."""


class Api:
    """Requests as one of the lab's users."""

    def __init__(self, s: Settings, user: str = "admin"):
        self.url = s.api_url
        self.tls = ssl.create_default_context(cafile=str(s.pki_dir / "ca.crt"))
        self.tls.load_cert_chain(s.pki_dir / f"{user}.crt", s.pki_dir / f"{user}.key")

    def open(self, path: str, body: dict[str, Any] | None = None, timeout: float = 10) -> Any:
        data = None if body is None else json.dumps(body).encode()
        r = urllib.request.Request(
            self.url + path, data, {"Accept": "application/json", "Content-Type": "application/json"}
        )
        return urllib.request.urlopen(r, context=self.tls, timeout=timeout)

    def get(self, path: str) -> dict[str, Any]:
        with self.open(path) as r:
            found: dict[str, Any] = json.load(r)
            return found

    def ready(self) -> bool:
        try:
            with self.open("/readyz", timeout=3) as r:
                return bool(r.read() == b"ok")
        except OSError:
            return False

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Creates the object, unless it is there already."""
        try:
            self.open(path, body).close()
        except urllib.error.HTTPError as e:
            if e.code != 409:
                raise

    def follow(self, path: str, store: Store, lock: threading.Lock) -> None:
        """Keeps store, {(namespace, name): object}, like the collection at path; never returns."""
        while True:
            try:
                first = self.get(path)
                with lock:
                    store.clear()
                    store.update({_key(o): o for o in first["items"]})
                version = first["metadata"]["resourceVersion"]
                with self.open(
                    f"{path}?watch=1&resourceVersion={version}&timeoutSeconds=300", timeout=330
                ) as events:
                    for line in events:
                        e = json.loads(line)
                        if e["type"] == "ERROR":
                            break
                        with lock:
                            if e["type"] == "DELETED":
                                store.pop(_key(e["object"]), None)
                            else:
                                store[_key(e["object"])] = e["object"]
            except (OSError, ValueError) as e:
                print("watch of", path, repr(e), flush=True)
                time.sleep(1)


def _key(o: dict[str, Any]) -> tuple[str, str]:
    return o["metadata"]["namespace"], o["metadata"]["name"]
