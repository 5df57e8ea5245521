"""Another release of etcd by its image: named in the StatefulSet, taken by a pod when it is made anew."""

from __future__ import annotations

import json
import re
from typing import Any

from etcdtui.errors import NotOffered
from etcdtui.model.text import clean
from etcdtui.model.versions import parse_version
from etcdtui.sites.base import Release
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.api import STRATEGIC_PATCH, ApiError
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.scripts import KubeScripts
from etcdtui.sites.kube.sets import EtcdSet

_TAG = re.compile(r"(?P<before>.*:v?)(?P<version>\d+\.\d+\.\d+)(?P<after>[^/@]*)")


class KubeReleases(KubeScripts):
    """The capabilities Upgradable and Renewable."""

    def releases(self) -> tuple[Release, ...]:
        """The images of that name on the nodes, as far as they may be listed, and the present one."""
        etcd = self.picture().etcd
        found = {version_of(etcd.image): etcd.image}
        try:
            nodes = self.link().api.get("/api/v1/nodes")["items"]
        except ApiError:
            nodes = []
        for node in nodes:
            for image in (node.get("status") or {}).get("images") or ():
                for name in image.get("names") or ():
                    version = version_of(name)
                    if version and name == image_for(etcd.image, version):
                        found.setdefault(version, name)
        found.pop("", None)
        return tuple(
            Release(version, found[version])
            for version in sorted(found, key=lambda v: parse_version(v) or (0, 0, 0))
        )

    def can_fetch(self, version: str) -> bool:
        """Whether the image's tag tells its release, so that any other can be named."""
        return bool(image_for(self.picture().etcd.image, version))

    def node_release(self, node: str) -> str:
        """What the template names."""
        del node
        return version_of(self.picture().etcd.image)

    def describe_switch(self, node: str, version: str) -> str:
        """The patch of the template."""
        del node
        self.must(rights.PATCH_SET)
        etcd = self.picture().etcd
        return short_call("PATCH", self.link().set_path, json.dumps(self._switch(etcd, version)))

    def switch_release(self, node: str, version: str) -> str:
        """Name the image in the template, from which no pod is renewed by itself. Raises SiteError."""
        link = self.link()
        etcd = link.read_set()
        image = self._image(etcd, version)
        if etcd.image == image and etcd.on_delete:
            return f"{node}: StatefulSet {etcd.name} names {image} already"
        link.api.patch(link.set_path, self._switch(etcd, version), kind=STRATEGIC_PATCH)
        link.touch()
        return f"{node}: StatefulSet {etcd.name} names {image}"

    def describe_renew(self, node: str, version: str) -> str:
        """The patch of the template, and the deletion of the pod."""
        return f"{self.describe_switch(node, version)}; {self.describe_restart(node)}"

    def renew_node(self, node: str, version: str) -> str:
        """Name the image and delete the pod, unless it runs that image already.

        Raises:
            SiteError: the StatefulSet cannot be changed.
            NodeError: as of `restart_node`.
        """
        said = self.switch_release(node, version)
        pod = self.link().pods().get(node)
        etcd = self.link().read_set()
        runs = [c["image"] for c in (pod or {"spec": {"containers": []}})["spec"]["containers"]]
        if pod is not None and etcd.image in runs and "deletionTimestamp" not in pod["metadata"]:
            return f"{said}; the pod runs it already"
        return f"{said}; {self.restart_node(node)}"

    def _image(self, etcd: EtcdSet, version: str) -> str:
        image = image_for(etcd.image, version)
        if not image:
            raise NotOffered(f"{etcd.name}: the tag of {clean(etcd.image, 120)} tells no release of etcd")
        return image

    def _switch(self, etcd: EtcdSet, version: str) -> dict[str, Any]:
        containers = [{"name": etcd.container, "image": self._image(etcd, version)}]
        # Kubernetes' own rollout does not look at etcd's health: pods are renewed when they are deleted.
        strategy = {"type": "OnDelete", "rollingUpdate": None}
        return {"spec": {"updateStrategy": strategy, "template": {"spec": {"containers": containers}}}}


def version_of(image: str) -> str:
    """The release that an image's tag tells, such as ``3.5.9``; empty when it tells none."""
    found = _TAG.fullmatch(image)
    return found["version"] if found else ""


def image_for(image: str, version: str) -> str:
    """The same image with another release in its tag; empty when the tag tells none."""
    found = _TAG.fullmatch(image)
    return f"{found['before']}{version}{found['after']}" if found else ""
