"""Taking a bring-up in Kubernetes back that was not gone on with: what bears its mark, and nothing else.

An object that the bring-up makes bears an annotation until the cluster stands; one that was there before,
or that git applied, has none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etcdtui.model.bootstrap import Tls
from etcdtui.sites.founding import Piece
from etcdtui.sites.kube import razing
from etcdtui.sites.kube.api import Api
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.manifests import Manifests
from etcdtui.sites.kube.preflight import get

MARK = "etcdtui/bring-up"
UNFINISHED = "unfinished"
UNDO = "undo "
"""Begins the names of these pieces; the rest is the name of what they take back."""
Json = dict[str, Any]


def noted(each: Json, there: Json | None) -> Json:
    """An object as it is applied: with the mark where it is made now, or was by a bring-up that goes on."""
    if there is not None and not _marked(there):
        return each
    return {**each, "metadata": {**each["metadata"], "annotations": {MARK: UNFINISHED}}}


def _marked(there: Json) -> bool:
    return (there["metadata"].get("annotations") or {}).get(MARK) == UNFINISHED


def with_way_back(piece: Piece, made: Manifests) -> Piece:
    """The piece with what takes it back, where it makes something."""
    match piece.id:
        case "secrets":
            title = "delete the Secrets"
        case "objects":
            title = "delete budget, Services and the pods' files"
        case "start":
            title = "delete the StatefulSet and wait for its pods to end"
        case _:
            return piece
    paths = "; ".join(short_call("DELETE", path) for path in _paths(made, piece.id))
    kept = "; claims and their data stay" if piece.starts and made.plan.storage else ""
    call = f"{paths}; only what bears {MARK}: {UNFINISHED}{kept}"
    return replace(piece, undo=Piece(f"{UNDO}{piece.id}", title, call, ends=piece.starts))


def undo(api: Api, made: Manifests, piece: str) -> str:
    """Take one of them back; what was done, in words. Idempotent. Raises SiteError."""
    what, gone = piece.removeprefix(UNDO), []
    for path in _paths(made, what):
        there = get(api, path)
        if there is None or not _marked(there):
            continue
        if what == "start":
            said = razing.stop(api, made)
            return f"{said}; {_left(api, made)}" if made.plan.storage else said
        razing.delete(api, path, {"preconditions": {"uid": there["metadata"]["uid"]}})
        gone.append("/".join(path.split("/")[-2:]))
    return f"deleted {', '.join(gone)}" if gone else "nothing of a bring-up that is not over is there"


def done_with(api: Api, made: Manifests) -> None:
    """The cluster stands: nothing of it is to be taken back any more. Raises SiteError."""
    for what in ("secrets", "objects", "start"):
        for path in _paths(made, what):
            there = get(api, path)
            if there is not None and _marked(there):
                api.patch(path, {"metadata": {"annotations": {MARK: None}}})


def _paths(made: Manifests, what: str) -> tuple[str, ...]:
    """What a piece makes, in the order in which it is deleted."""
    if what == "start":
        return (razing.stateful_set_path(made),)
    if what == "objects":
        return razing.object_paths(made)
    return razing.secret_paths(made) if made.plan.tls is Tls.MADE else ()


def _left(api: Api, made: Manifests) -> str:
    path = f"/api/v1/namespaces/{made.namespace}/persistentvolumeclaims/data-"
    left = [f"data-{pod}" for pod in made.pods if get(api, f"{path}{pod}") is not None]
    if not left:
        return "no claim is left"
    return f"kept with their data, and in a new cluster's way: kubectl -n {made.namespace} delete pvc " + (
        " ".join(left)
    )
