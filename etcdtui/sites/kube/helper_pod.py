"""The pod that works on the claim of a stopped one: etcd's image for its tools, and a shell; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from etcdtui.sites.kube.container import command_of
from etcdtui.sites.kube.dataplace import DataPlace
from etcdtui.sites.kube.sets import container_of

Json = dict[str, Any]

OF_SET, OF_NODE = "etcdtui/helper", "etcdtui/node"
"""Its labels: none that a StatefulSet, Service or disruption budget of etcd's selects."""
MADE_FOR = "etcdtui/made-for"
"""Annotation: what the pod is like, so that one that was left is taken only where it is the same."""
ETCD, TOOLS = "etcd", "tools"
"""Names of its containers; without an image for a shell the first one has both tasks."""
SCRATCH = "/etcdtui"
"""A directory that goes with the pod."""
LIFE = 7200
"""Seconds after which Kubernetes ends it, whatever became of the console."""
IDLE = ("sh", "-c", f"trap 'exit 0' TERM; sleep {LIFE} & wait")
_COPIED = (
    "serviceAccountName", "imagePullSecrets", "securityContext", "nodeSelector", "tolerations",
    "priorityClassName", "schedulerName", "runtimeClassName",
)  # fmt: skip
_FEW = {"cpu": "10m", "memory": "32Mi"}
_MUCH = {"cpu": "1", "memory": "256Mi"}


def name_of(node: str) -> str:
    """The name of the pod that works for a node; no ordinal, so nobody takes it for one of the set."""
    return f"{node}-etcdtui"


def helper_pod(
    data: Mapping[str, Any],
    node: str,
    place: DataPlace,
    image: str,
    hosts: Iterable[str] = (),
    *,
    trial: bool = False,
) -> Json:
    """The pod.

    Args:
        data: the StatefulSet's JSON.
        image: one with a shell; empty where etcd's own has one.
        hosts: names that lead to it itself: etcd restores no member whose peer URL has no address, and
            that of a pod which is not there has none.
        trial: with an empty directory in the place of each claim.
    """
    meta, template = data["metadata"], data["spec"]["template"]["spec"]
    spec: Json = {key: template[key] for key in _COPIED if template.get(key)}
    affinity = (template.get("affinity") or {}).get("nodeAffinity")
    spec |= {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LIFE,
        "terminationGracePeriodSeconds": 2,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **({"affinity": {"nodeAffinity": affinity}} if affinity else {}),
        **(
            {"hostAliases": [{"ip": "127.0.0.1", "hostnames": names}]}
            if (names := sorted(set(hosts)))
            else {}
        ),
        "containers": _containers(container_of(data), place, image),
        "volumes": [
            *(_volume(name, node, trial) for name in sorted({m["name"] for m in place.mounts})),
            {"name": "etcdtui", "emptyDir": {}},
        ],
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name_of(node),
            "namespace": meta["namespace"],
            "labels": {OF_SET: meta["name"], OF_NODE: node},
            "annotations": {MADE_FOR: digest},
            # It goes with the StatefulSet, which does not take it for a pod of its own.
            "ownerReferences": [owner],
        },
        "spec": spec,
    }


def _volume(name: str, node: str, trial: bool) -> Json:
    if trial:
        return {"name": name, "emptyDir": {}}
    return {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{node}"}}


def _containers(etcd: Mapping[str, Any], place: DataPlace, image: str) -> list[Json]:
    common = {
        "env": [{"name": "ETCDCTL_API", "value": "3"}],
        "volumeMounts": [*place.mounts, {"name": "etcdtui", "mountPath": SCRATCH}],
        **{key: etcd[key] for key in ("imagePullPolicy", "securityContext") if etcd.get(key)},
    }
    own = {"name": ETCD, "image": etcd["image"], "resources": etcd.get("resources") or {}, **common}
    if not image:
        return [{**own, "command": list(IDLE)}]
    small: Json = {"requests": _FEW, **({"limits": _MUCH} if own["resources"].get("limits") else {})}
    tools = {**common, "name": TOOLS, "image": image, "resources": small, "command": list(IDLE)}
    return [{**own, "command": _idle_etcd(etcd)}, tools]


def _idle_etcd(container: Mapping[str, Any]) -> list[str]:
    """etcd on nobody's data, where nobody hears it: all that an image without a shell can run."""
    words = command_of(container)
    program = words[0] if words and PurePosixPath(words[0]).name == "etcd" else "etcd"
    client, peer = "http://127.0.0.1:12379", "http://127.0.0.1:12380"
    return [
        program, "--name=idle", f"--data-dir={SCRATCH}/idle",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=idle={peer}",
    ]  # fmt: skip


def claim_of(data: Mapping[str, Any], name: str, node: str) -> Json:
    """The claim that the StatefulSet would make for a pod, from its template of that name."""
    template = next(c for c in data["spec"]["volumeClaimTemplates"] if c["metadata"]["name"] == name)
    labels = {
        **((template["metadata"].get("labels")) or {}),
        **((data["spec"].get("selector") or {}).get("matchLabels") or {}),
    }
    meta = {"name": f"{name}-{node}", "namespace": data["metadata"]["namespace"], "labels": labels}
    if template["metadata"].get("annotations"):
        meta["annotations"] = template["metadata"]["annotations"]
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": template["spec"]}


# -- how it is ---------------------------------------------------------------------------------


def is_up(pod: Mapping[str, Any]) -> bool:
    """Whether all its containers run."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    wanted = len(pod["spec"]["containers"])
    return sum("running" in (s.get("state") or {}) for s in statuses) == wanted


def trouble(pod: Mapping[str, Any]) -> str:
    """Why it will not come up by waiting; empty where it may."""
    status = pod.get("status") or {}
    for each in status.get("containerStatuses") or ():
        state = each.get("state") or {}
        if ended := state.get("terminated"):
            return f"{each['name']}: {ended.get('reason', '')}: {ended.get('message', '')}".rstrip(": ")
        waiting = state.get("waiting") or {}
        if waiting.get("reason") not in (None, "", "ContainerCreating", "PodInitializing", "ErrImagePull"):
            return f"{each['name']}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    if status.get("phase") in ("Failed", "Succeeded"):
        return " ".join(str(status[key]) for key in ("phase", "reason", "message") if status.get(key))
    return ""


def waits_for(pod: Mapping[str, Any]) -> str:
    """What it waits for, as far as Kubernetes says."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("status") == "False" and condition.get("message"):
            return str(condition["message"])
    return "it has not started"
