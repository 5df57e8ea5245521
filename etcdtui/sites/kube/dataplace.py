"""Where a pod of a StatefulSet keeps its data, read from its template and its file; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from etcdtui.errors import NotOffered
from etcdtui.model.text import clean
from etcdtui.sites.kube.container import POD, line_of, options, with_pod_name
from etcdtui.sites.kube.sets import EtcdSet, container_of

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DataPlace:
    """The data directory of one pod, on a claim of its own."""

    data_dir: str
    mount: str
    """Where the claim is mounted; the data directory itself, or above it."""
    mounts: tuple[Json, ...]
    """The mounts of the pod's claims."""

    def beside(self, name: str) -> str:
        """A path on the same claim, beside the data directory; within it where it is the mount itself."""
        return f"{self.data_dir}/{name}" if self.data_dir == self.mount else f"{self.data_dir}.{name}"


def place_of(data: Json, etcd: EtcdSet, config: Mapping[str, str], pod: str) -> DataPlace:
    """Where that pod keeps its data.

    Args:
        data: the StatefulSet's JSON.
        config: the files of its ConfigMap.

    Raises:
        NotOffered: nothing tells, or it is no claim, so that the data goes with the pod.
    """
    container = container_of(data)
    data_dir = _setting(container, etcd, config, pod, "data-dir")
    if not data_dir.startswith("/") or "$" in data_dir:
        raise NotOffered(
            f"{pod}: neither its command nor its file names its data directory by its whole path",
            "give it data-dir",
        )
    if _setting(container, etcd, config, pod, "wal-dir"):
        raise NotOffered(f"{pod}: its log lies apart from its data (wal-dir)", "move both by hand")
    path = PurePosixPath(data_dir)
    above = [m for m in container.get("volumeMounts") or () if path.is_relative_to(m.get("mountPath", "-"))]
    mount = max(above, key=lambda m: len(m["mountPath"].rstrip("/")), default=None)
    if mount is None or mount["name"] not in etcd.claims:
        where = f"volume {clean(mount['name'])}" if mount is not None else "no volume"
        raise NotOffered(f"{pod}: {data_dir} is on {where}, not on a claim: its data goes with the pod")
    mounts = [_of_pod(m, container, pod) for m in container["volumeMounts"] if m["name"] in etcd.claims]
    return DataPlace(str(path), str(PurePosixPath(mount["mountPath"])), tuple(mounts))


def _setting(container: Json, etcd: EtcdSet, config: Mapping[str, str], pod: str, name: str) -> str:
    if etcd.config_file:
        # With a file etcd looks at neither flags nor variables.
        return line_of(config.get(etcd.config_file.format(pod=pod), ""), name)
    given = options(container, name)
    return given[0].replace(POD, pod) if given else ""


def _of_pod(mount: Json, container: Json, pod: str) -> Json:
    """A mount as that pod has it: its name is not that of the pod that takes it."""
    out = dict(mount)
    if expression := out.pop("subPathExpr", ""):
        path = with_pod_name(expression, container).replace(POD, pod)
        if "$" in path:
            raise NotOffered(f"{pod}: its mount {clean(mount['name'])} has a path that only the pod knows")
        out["subPath"] = path
    return out
