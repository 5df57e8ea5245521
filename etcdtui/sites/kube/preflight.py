"""Whether Kubernetes can take a new cluster: namespace, storage, nodes, nothing left of an earlier one."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.bootstrap import KubeBootstrap, Spread, Tls
from etcdtui.model.text import clean, plural
from etcdtui.sites.founding import Sight
from etcdtui.sites.kube.api import Api, ApiError
from etcdtui.sites.kube.manifests import Manifests
from etcdtui.sites.pki_faults import Brought, faults
from etcdtui.sites.pki_store import utc_now

_FILES = ("ca.crt", "tls.crt", "tls.key")
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def survey(api: Api, made: Manifests) -> Sight:
    """What was found. Raises SiteError when the server cannot be asked."""
    wrong = [*_no_namespace(api, made), *_claims_left(api, made), *_no_storage(api, made.plan)]
    wrong += _missing_secrets(api, made)
    room, advice = _room(api, made.plan)
    facts = f"namespace {made.namespace} is there, and no claim of an earlier cluster"
    return Sight("", (*wrong, *room), tuple(advice), "" if wrong else facts)


def check(api: Api, made: Manifests) -> str:
    """What was found, with advice. Raises SiteError naming all that is in the way."""
    sight = survey(api, made)
    if sight.wrong:
        raise SiteError("; ".join(sight.wrong))
    return "; ".join((sight.facts, *(f"advice: {text}" for text in sight.advice)))


def get(api: Api, path: str) -> dict[str, Any] | None:
    """An object, None when there is none. Raises ApiError."""
    try:
        return api.get(path)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _no_namespace(api: Api, made: Manifests) -> Iterator[str]:
    try:
        there = get(api, f"/api/v1/namespaces/{made.namespace}") is not None
    except ApiError as error:
        if error.status != 403:
            raise
        # Who has rights within the namespace alone: it is there, or all else is refused too.
        return
    if not there:
        yield f"there is no namespace {made.namespace}: kubectl create namespace {made.namespace}"


def _claims_left(api: Api, made: Manifests) -> Iterator[str]:
    items = api.get(f"/api/v1/namespaces/{made.namespace}/persistentvolumeclaims")["items"]
    claims = {claim["metadata"]["name"] for claim in items}
    there = [f"data-{pod}" for pod in made.pods if f"data-{pod}" in claims]
    if there:
        yield (
            f"{plural(len(there), 'claim')} of an earlier cluster would become this one's data: nothing is "
            f"overwritten; if they may go: kubectl -n {made.namespace} delete pvc {' '.join(there)}"
        )


def _no_storage(api: Api, plan: KubeBootstrap) -> Iterator[str]:
    if not plan.storage:
        return
    try:
        classes = api.get("/apis/storage.k8s.io/v1/storageclasses")["items"]
    except ApiError as error:
        if error.status != 403:
            raise
        return
    names, wanted = [c["metadata"]["name"] for c in classes], plan.storage_class
    if wanted and wanted not in names:
        yield f"there is no StorageClass {wanted}: there is {', '.join(map(clean, names)) or 'none'}"
    marks = [(c["metadata"].get("annotations") or {}).get(_DEFAULT) for c in classes]
    if not wanted and "true" not in marks:
        yield "no StorageClass is the default one: name one as `storage_class`"


def _missing_secrets(api: Api, made: Manifests) -> Iterator[str]:
    """The Secrets that the operator brings: whether they are there, and what is wrong with them."""
    if made.plan.tls is not Tls.GIVEN:
        return
    for name, peer in zip(made.secrets, (False, True), strict=True):
        what = f"Secret {made.namespace}/{name}"
        there = get(api, f"/api/v1/namespaces/{made.namespace}/secrets/{name}")
        if there is None:
            yield f"there is no {what} with the certificates you bring"
        else:
            yield from secret_faults(what, there, [f"{pod}.{made.domain}" for pod in made.pods], peer=peer)


def secret_faults(what: str, secret: dict[str, Any], hosts: Sequence[str], *, peer: bool) -> Iterator[str]:
    """What keeps members from using the certificates in a Secret.

    Args:
        what: the Secret as people call it.
        hosts: names of the pods.
        peer: whether members show it to each other.
    """
    try:
        data = secret.get("data") or {}
        ca, cert, key = (base64.b64decode(data[file], validate=True) for file in _FILES)
    except (KeyError, ValueError):
        yield f"{what}: expected {', '.join(_FILES)}"
        return
    it = Brought(ca, cert, key, *(f"{what}: {file}" for file in _FILES))
    yield from (text for forbids, text in faults(it, hosts, utc_now(), peer=peer) if forbids)


def _room(api: Api, plan: KubeBootstrap) -> tuple[list[str], list[str]]:
    """What forbids it, and advice, where the nodes may be counted."""
    if plan.spread is Spread.NONE:
        return [], []
    try:
        nodes = api.get("/api/v1/nodes")["items"]
    except ApiError as error:
        if error.status != 403:
            raise
        return [], []
    free = [node for node in nodes if not (node.get("spec") or {}).get("unschedulable")]
    if len(free) >= plan.members:
        return [], []
    few = f"{plural(len(free), 'node')} for {plural(plan.members, 'pod')}"
    if plan.spread is Spread.REQUIRED:
        return [f"{few}, and `spread: required` wants one for each"], []
    return [], [f"{few}: some fail together"]
