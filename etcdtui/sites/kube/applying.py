"""Objects applied server-side under our name: all of them tried first, so that none is half of a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.text import clean
from etcdtui.sites.kube import undoing
from etcdtui.sites.kube.api import Api, ApiError
from etcdtui.sites.kube.preflight import get
from etcdtui.sites.kube.sets import MANAGER

Json = dict[str, Any]

_PATHS = {
    "PodDisruptionBudget": "apis/{version}/namespaces/{namespace}/poddisruptionbudgets",
    "Service": "api/v1/namespaces/{namespace}/services",
    "ConfigMap": "api/v1/namespaces/{namespace}/configmaps",
    "Secret": "api/v1/namespaces/{namespace}/secrets",
    "StatefulSet": "apis/apps/v1/namespaces/{namespace}/statefulsets",
}
_HARMLESS = ("PodDisruptionBudget", "Service")
"""What may be taken over by force: replicas, or the pods' files, would cost members."""


def folder_of(each: Json) -> str:
    """API path of the objects of its kind in its namespace."""
    place = _PATHS[each["kind"]]
    return "/" + place.format(version=each["apiVersion"], namespace=each["metadata"]["namespace"])


def path_of(each: Json) -> str:
    """API path of an object."""
    return f"{folder_of(each)}/{each['metadata']['name']}"


def rehearse(api: Api, objects: Iterable[Json], profile: str) -> None:
    """Have the server judge all of them, and change nothing. Raises SiteError naming all that it refuses."""
    wrong, ways = [], []
    for each in objects:
        try:
            there = get(api, path_of(each))
            if foreign := _foreign_labels(each, there or {}):
                asks = f"asks pods for {', '.join(foreign)}, which these lack"
                wrong.append(f"{_name(each)}: it is somebody else's and {asks}")
                ways.append("delete it, or call the StatefulSet otherwise in the profile")
                continue
            api.apply(path_of(each), undoing.noted(each, there), MANAGER, rehearse=True)
        except ApiError as error:
            if error.status == 400 and "dry run" in error.message:
                # A webhook that cannot be tried.
                continue
            refusal = refusal_of(each, error, profile)
            wrong.append(refusal.message)
            ways.append(refusal.hint)
            if error.status not in (403, 409, 422):
                break
    if wrong:
        hint = "; ".join(dict.fromkeys(way for way in ways if way))
        raise SiteError(f"nothing was applied: {'; '.join(wrong)}", hint)


def apply_all(api: Api, objects: Sequence[Json], profile: str) -> str:
    """Apply them in their order; what was done, in words. Raises SiteError.

    Args:
        profile: name of the profile, for the way out of a refusal.
    """
    rehearse(api, objects, profile)
    said: list[str] = []
    for each in objects:
        path, what = path_of(each), _name(each)
        there = get(api, path)
        before = ((there or {}).get("metadata") or {}).get("resourceVersion")
        try:
            made = api.apply(path, undoing.noted(each, there), MANAGER)
        except ApiError as error:
            refusal = refusal_of(each, error, profile)
            done = f"; before: {'; '.join(said)}" if said else ""
            raise SiteError(f"{refusal.message}{done}", refusal.hint) from None
        after = made["metadata"]["resourceVersion"]
        word = "made" if before is None else "there already" if before == after else "changed"
        said.append(f"{what} {word}")
    return "; ".join(said)


def _foreign_labels(each: Json, there: Json) -> list[str]:
    """What the object there selects by and ours does not: an apply adds to that and takes none of it away."""
    if each["kind"] not in _HARMLESS:
        return []
    ours, theirs = _selected(each), _selected(there)
    return [clean(word, 120) for key, word in theirs.items() if key not in ours]


def _selected(each: Json) -> dict[str, str]:
    """Words for each label that a Service or a PodDisruptionBudget selects pods by."""
    selector = (each.get("spec") or {}).get("selector") or {}
    labels = selector if each.get("kind") == "Service" else selector.get("matchLabels") or {}
    rules = selector.get("matchExpressions") or () if labels is not selector else ()
    asked = (f"{rule['key']} {rule['operator']}" for rule in rules)
    return {key: f"{key}={value}" for key, value in labels.items()} | {word: word for word in asked}


def _name(each: Json) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def refusal_of(each: Json, error: ApiError, profile: str) -> SiteError:
    """The refusal of an object in words: whose fields they are that it would change, and the way out."""
    if error.status != 409 or not error.causes:
        return SiteError(f"{_name(each)}: {error.message}", error.hint)
    owners: dict[str, list[str]] = {}
    for field, message in error.causes:
        found = re.search(r'conflict with "([^"]*)"', message)
        owners.setdefault(clean(found[1], 60) if found else "somebody else", []).append(clean(field, 120))
    words = "; ".join(f"{_listed(fields)}, managed by {who}" for who, fields in owners.items())
    text = f"{_name(each)}: this would change {words}"
    if set(owners) == {MANAGER}:
        return SiteError(
            text, "etcdtui itself has changed that (scaled, upgraded, restored): say the same in the profile"
        )
    way = "say the same in the profile, or have it changed there"
    if each["kind"] in _HARMLESS:
        way += (
            f"; to take it over: etcdtui render {profile} --only {_name(each).replace(' ', '/').lower()} | "
            f"kubectl apply --server-side --field-manager={MANAGER} --force-conflicts -f -"
        )
    return SiteError(text, way)


def _listed(fields: Sequence[str], most: int = 3) -> str:
    more = f" and {len(fields) - most} more" if len(fields) > most else ""
    return ", ".join(fields[:most]) + more
