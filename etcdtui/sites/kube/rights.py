"""What we may do, asked of the API server right by right before it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from etcdtui.errors import SiteError
from etcdtui.model.health import Finding, Severity
from etcdtui.model.text import clean
from etcdtui.sites.kube.api import TIMEOUT, Api, ApiError

AT_ONCE = 6
"""Reviews under way at one time."""
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource, and what it is for."""

    verb: str
    group: str
    resource: str
    """With a subresource after a slash."""
    purpose: str
    needed: bool = False
    """Whether nothing can be shown without it."""
    name: str = ""
    """Of the one object that is meant; empty for all."""

    def words(self, namespace: str) -> str:
        """``list pods in namespace etcd``."""
        what = f"{self.resource} {clean(self.name)}" if self.name else self.resource
        return f"{self.verb} {what} in namespace {clean(namespace)}"


FORWARDING = (
    Right("get", "", "pods/portforward", "reach etcd (websocket)", needed=True),
    Right("create", "", "pods/portforward", "reach etcd", needed=True),
)
EXECUTING = (
    Right("get", "", "pods/exec", "ask etcdctl in the pods instead"),
    Right("create", "", "pods/exec", "ask etcdctl in the pods instead"),
)
"""Asked for only where forwarding is not permitted."""
READING = (
    Right("get", "apps", "statefulsets", "see the StatefulSet", needed=True),
    Right("list", "", "pods", "see the pods", needed=True),
    Right("watch", "", "pods", "see a pod's death at once"),
    *FORWARDING,
    Right("get", "", "pods/log", "read the log"),
    Right("list", "apps", "statefulsets", "find the StatefulSet when none is named"),
    Right("list", "", "persistentvolumeclaims", "see the claims"),
    Right("list", "policy", "poddisruptionbudgets", "see how many disruptions are allowed"),
    Right("list", "", "events", "tell what happened in the timeline"),
)
STATIC = (
    Right("list", "", "pods", "see the pods", needed=True),
    Right("watch", "", "pods", "see a pod's death at once"),
    *FORWARDING,
    Right("get", "", "pods/log", "read the log"),
    Right("list", "", "events", "tell what happened in the timeline"),
)
"""In the place of `READING` for static pods."""
DELETE_POD = Right("delete", "", "pods", "restart and kill nodes")
PATCH_SET = Right("patch", "apps", "statefulsets", "stop, start and scale")
PATCH_FILES = Right("patch", "", "configmaps", "scale a StatefulSet whose pods have a file each")
DELETE_CLAIM = Right("delete", "", "persistentvolumeclaims", "delete the claim of a removed node")
PATCH_BUDGET = Right("patch", "policy", "poddisruptionbudgets", "keep the disruption budget at the quorum")
ACTING = (
    DELETE_POD,
    PATCH_SET,
    Right("get", "", "configmaps", "scale a StatefulSet whose pods have a file each"),
    PATCH_FILES,
    DELETE_CLAIM,
    PATCH_BUDGET,
)
RESTORING = (
    Right("create", "", "pods", "restore snapshots and recover a quorum"),
    Right("get", "", "pods/exec", "restore snapshots and recover a quorum"),
    Right("create", "", "pods/exec", "restore snapshots and recover a quorum"),
    Right("create", "", "persistentvolumeclaims", "restore on a claim that is gone"),
)
"""For acting too."""


def certificate(secret: str) -> tuple[Right, ...]:
    """What a client certificate in a Secret takes; nothing for an empty name."""
    right = Right("get", "", "secrets", "reach etcd with the certificate there", needed=True, name=secret)
    return (right,) if secret else ()


_MADE = (("policy", "poddisruptionbudgets"), ("", "services"), ("", "configmaps"), ("apps", "statefulsets"))
_UP = ("get", "create", "patch")
"""Server-side apply needs the last, and the one before for what is not there yet."""


def founding(*, secrets: bool) -> tuple[Right, ...]:
    """What a bring-up and a tear-down need.

    Args:
        secrets: whether certificates are made too.
    """
    made = (*_MADE, *((("", "secrets"),) if secrets else ()))
    up = tuple(Right(verb, group, name, "bring the cluster up") for group, name in made for verb in _UP)
    return (*up, *(Right("delete", group, name, "tear the cluster down") for group, name in made))


def may(api: Api, right: Right, namespace: str, timeout: float = TIMEOUT) -> bool:
    """Whether the server grants it. Raises ApiError."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "namespace": namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        **({"subresource": subresource} if subresource else {}),
        **({"name": right.name} if right.name else {}),
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool((api.post(REVIEW, body, timeout).get("status") or {}).get("allowed"))


def ask(api: Api, rights: Sequence[Right], namespace: str, timeout: float = TIMEOUT) -> list[bool]:
    """Whether each of them is granted, asked all at once. Raises ApiError."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(lambda right: may(api, right, namespace, timeout), rights))


def examine(
    api: Api,
    namespace: str,
    read_only: bool,
    reading: Sequence[Right] = READING,
    further: Sequence[Right] = (),
) -> tuple[Finding, ...]:
    """Each right that is used, granted or not, those for acting left out in a read-only profile.

    Args:
        further: for acting too.
    """
    acting = (*ACTING, *RESTORING)
    known = {(right.verb, right.group, right.resource) for right in (*reading, *acting)}
    more = [right for right in further if (right.verb, right.group, right.resource) not in known]
    rights = (*reading, *EXECUTING, *(() if read_only else (*acting, *more)))
    try:
        answers = dict(zip(rights, ask(api, rights, namespace), strict=True))
    except ApiError as error:
        return (Finding("rights", Severity.WARNING, f"cannot be asked for: {error.message}"),)
    forwards, executes = (all(answers[r] for r in way) for way in (FORWARDING, EXECUTING))
    found = []
    for right, granted in answers.items():
        if right in EXECUTING and forwards:
            continue
        words = right.words(namespace)
        if granted:
            found.append(Finding("rights", Severity.OK, f"may {words}"))
        else:
            spared = right in FORWARDING and executes
            severity = Severity.CRITICAL if right.needed and not spared else Severity.WARNING
            found.append(Finding("rights", severity, f"may not {words}: needed to {right.purpose}"))
    return tuple(found)


def missing(api: Api, namespace: str, wanted: Sequence[Right], timeout: float = TIMEOUT) -> tuple[str, ...]:
    """The rights that are not granted, in words; empty when that cannot be asked."""
    try:
        answers = ask(api, wanted, namespace, timeout)
    except SiteError:
        return ()
    return tuple(
        f"{right.words(namespace)}: needed to {right.purpose}"
        for right, granted in zip(wanted, answers, strict=True)
        if not granted
    )
