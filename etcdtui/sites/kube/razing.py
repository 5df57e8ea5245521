"""A StatefulSet and what was made with it taken away; claims only where that is asked for."""

from __future__ import annotations

import time
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.bootstrap import Tls
from etcdtui.model.text import plural
from etcdtui.sites.kube.api import Api, ApiError
from etcdtui.sites.kube.manifests import Manifests
from etcdtui.sites.kube.preflight import get

GONE = 300.0
"""Seconds until the pods of a deleted StatefulSet must be gone: their grace, and a kubelet that is busy."""
PAUSE = 0.5


def stateful_set_path(made: Manifests) -> str:
    """Where the StatefulSet is."""
    return f"/apis/apps/v1/namespaces/{made.namespace}/statefulsets/{made.name}"


def object_paths(made: Manifests) -> tuple[str, ...]:
    """Where budget, Services and the pods' files are."""
    core = f"/api/v1/namespaces/{made.namespace}"
    return (
        f"/apis/{made.policy}/namespaces/{made.namespace}/poddisruptionbudgets/{made.name}",
        f"{core}/services/{made.name}",
        f"{core}/services/{made.name}-client",
        f"{core}/configmaps/{made.name}-config",
    )


def secret_paths(made: Manifests) -> tuple[str, ...]:
    """Where the Secrets are that are made."""
    core = f"/api/v1/namespaces/{made.namespace}/secrets"
    return tuple(f"{core}/{made.name}-{kind}" for kind in ("server", "peer", "client"))


def stop(api: Api, made: Manifests) -> str:
    """Delete the StatefulSet, its pods with it, and wait until they are gone. Raises SiteError."""
    path = stateful_set_path(made)
    found = get(api, path)
    if found is None:
        return f"there is no StatefulSet {made.namespace}/{made.name}"
    _ours(found, made)
    delete(api, path, {"propagationPolicy": "Foreground"})
    deadline = time.monotonic() + GONE
    while get(api, path) is not None:
        if time.monotonic() > deadline:
            raise SiteError(f"StatefulSet {made.name} is still there {GONE:g} s after it was deleted")
        time.sleep(PAUSE)
    return f"StatefulSet {made.namespace}/{made.name} and its pods are gone"


def objects_away(api: Api, made: Manifests) -> str:
    """Delete budget, Services, ConfigMap and the Secrets that were made. Raises SiteError."""
    paths = [*object_paths(made), *(secret_paths(made) if made.plan.tls is Tls.MADE else ())]
    gone = []
    for path in paths:
        found = get(api, path)
        if found is not None:
            _ours(found, made)
            delete(api, path)
            gone.append("/".join(path.split("/")[-2:]))
    return f"deleted {', '.join(gone)}" if gone else "all gone already"


def claims_away(api: Api, made: Manifests) -> str:
    """Delete the claims of the StatefulSet's pods, of every ordinal. Raises SiteError."""
    path = f"/api/v1/namespaces/{made.namespace}/persistentvolumeclaims"
    names = [claim["metadata"]["name"] for claim in api.get(path)["items"]]
    start = f"data-{made.name}-"
    ours = [name for name in names if name.startswith(start) and name.removeprefix(start).isdecimal()]
    for name in ours:
        delete(api, f"{path}/{name}")
    return f"deleted {plural(len(ours), 'claim')}" + (f": {', '.join(ours)}" if ours else "")


def _ours(found: dict[str, Any], made: Manifests) -> None:
    """Raise SiteError for an object that the bring-up, or git with its manifests, has not made."""
    labels = found["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in made.labels.items()):
        name = found["metadata"]["name"]
        raise SiteError(
            f"{found.get('kind', 'object')} {name} bears other labels: it was not made by this plan"
        )


def delete(api: Api, path: str, options: dict[str, Any] | None = None) -> None:
    """Delete an object; one that is gone already is none. Raises ApiError."""
    try:
        api.delete(path, options)
    except ApiError as error:
        if error.status != 404:
            raise
