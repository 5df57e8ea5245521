"""Helper pods: each holds the claim of a stopped pod, so that programs can be run on its data."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from etcdtui.errors import NodeError, NotOffered, SiteError
from etcdtui.etcd.ctl import Ran
from etcdtui.model.cluster import RunState
from etcdtui.model.text import clean
from etcdtui.sites.kube.acts import MARGIN
from etcdtui.sites.kube.api import ApiError
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.dataplace import DataPlace, place_of
from etcdtui.sites.kube.emptying import KubeEmptying
from etcdtui.sites.kube.execute import NO_PROGRAM, STATUS, STDOUT, execute, exit_code, pieces
from etcdtui.sites.kube.helper_pod import (
    ETCD,
    MADE_FOR,
    OF_SET,
    TOOLS,
    claim_of,
    helper_pod,
    is_up,
    name_of,
    trouble,
    waits_for,
)
from etcdtui.sites.kube.sets import EtcdSet, read_set

UP = 180.0
"""Seconds until a helper pod must run: its image may have to be fetched, its volume to be moved there."""
ENDED = 2 * MARGIN
"""Seconds until it must be gone: what missed the kubelet's one round a minute waits for the next."""
LOOK = 0.3
SHORT = 60.0
"""Seconds a small program may take."""
LONG = 3600.0
"""Seconds in which a database must have been copied, hashed or restored."""
HERE = 42
"""Exit code by which a shell shows that it is one."""
KEY = "helper_image"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Helper:
    """One that runs."""

    node: str
    pod: str
    place: DataPlace
    shell: str
    """The container with a shell."""


class KubeHelpers(KubeEmptying):
    """What restoring and moving data aside need: a pod beside the claim of a stopped one."""

    _shells: dict[str, bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shells = {}

    def scale_to(self, replicas: int, *, stopped_from: int | None) -> None:
        """As `KubeActs.scale_to`; helper pods give the claims back before pods may want them."""
        if replicas:
            self.dismiss()
        super().scale_to(replicas, stopped_from=stopped_from)

    # -- what is told beforehand -----------------------------------------------------------

    def describe_helper(self, node: str) -> str:
        """The pod that is made for a node. Raises NotOffered where there is no claim to work on."""
        etcd = self.picture().etcd
        self.place(node)
        with_shell = f", {self._where.helper_image}" if self._where.helper_image else ""
        claims = ", ".join(etcd.claim_names(node))
        body = f"(claim {claims}; image {etcd.image}{with_shell})"
        return short_call("POST", f"{self.link().core}/pods/{name_of(node)}", body)

    def place(self, node: str, data: Json | None = None) -> DataPlace:
        """Where a node keeps its data. Raises SiteError."""
        picture = self.picture()
        found = data if data is not None else self.link().api.get(self.link().set_path)
        return place_of(found, picture.etcd, picture.config, node)

    def has_shell(self) -> bool:
        """Whether work on volumes can be done: by an image that is named, or as a running pod shows.

        Where no pod runs it is not known, and True. Raises SiteError.
        """
        picture = self.picture()
        image = picture.etcd.image
        if self._where.helper_image:
            return True
        running = [n.name for n in picture.nodes(tls=False) if n.run_state is RunState.RUNNING]
        if image not in self._shells and running:
            try:
                # Runtimes tell of a program that is not there in several ways.
                ran = self._program(running[0], picture.etcd.container, ["sh", "-c", f"exit {HERE}"])
                self._shells[image] = ran.code == HERE
            except NodeError as error:
                if NO_PROGRAM in error.message:
                    self._shells[image] = False
        return self._shells.get(image, True)

    def no_shell(self) -> NotOffered:
        """What is said where there is none."""
        return NotOffered(
            f"image {clean(self.picture().etcd.image, 120)} has no shell to work on volumes with",
            f"name an image that has one, such as busybox, as {KEY} of the profile or with "
            f"--{KEY.replace('_', '-')}",
        )

    # -- the pod ---------------------------------------------------------------------------

    def helper(self, node: str, peer_urls: str = "") -> Helper:
        """The pod for a stopped node, made unless it runs already.

        Args:
            peer_urls: of its member, by commas, where others may be meant than the pod's settings have.

        Raises:
            NodeError: the node is wanted, or its pod does not go, or the helper does not come up.
            SiteError: Kubernetes refuses.
        """
        link = self.link()
        data = link.api.get(link.set_path)
        etcd, ordinal = read_set(data), self.ordinal_of(node)
        if ordinal < etcd.replicas:
            raise NodeError(f"{node}: the StatefulSet wants it, its data is in use", "stop it first")
        self.await_gone(node, etcd.grace + MARGIN)
        place = self.place(node, data)
        self._make_claims(data, etcd, node)
        known = next((n.peer_urls for n in self.picture().nodes(tls=False) if n.name == node), ())
        hosts = {urlsplit(url).hostname or "" for url in (*known, *peer_urls.split(","))}
        wanted = helper_pod(data, node, place, self._where.helper_image, filter(_is_name, hosts))
        return self._up(wanted, node, place)

    def trial(self) -> Helper:
        """A helper pod without a claim, to see whether it comes up. Raises SiteError."""
        link = self.link()
        data = link.api.get(link.set_path)
        node = read_set(data).pod(0)
        place = self.place(node, data)
        wanted = helper_pod(data, node, place, self._where.helper_image, trial=True)
        wanted["metadata"]["name"] = f"{wanted['metadata']['name']}-trial"
        return self._up(wanted, node, place)

    def _up(self, wanted: Json, node: str, place: DataPlace) -> Helper:
        name, path = wanted["metadata"]["name"], f"{self.link().core}/pods"
        there = self._helpers().get(name)
        if there is not None and not _fits(there, wanted):
            self.dismiss(name)
            there = None
        if there is None:
            try:
                self.link().api.post(path, dict(wanted))
            except ApiError as error:
                if error.status != 409 or name not in self._helpers():
                    raise NodeError(f"{node}: helper pod {name}: {error.message}", error.hint) from None
        self._await_up(name, node)
        shell = TOOLS if self._where.helper_image else ETCD
        return Helper(node, name, place, shell)

    def _await_up(self, name: str, node: str) -> None:
        deadline = time.monotonic() + UP
        while True:
            pod = self._helpers().get(name)
            if pod is not None and is_up(pod):
                return
            why = trouble(pod) if pod is not None else ""
            if "executable file not found" in why or "no such file or directory" in why:
                self.dismiss(name)
                raise self.no_shell() if not self._where.helper_image else NodeError(f"{node}: {clean(why)}")
            if why or time.monotonic() > deadline:
                said = why or (waits_for(pod) if pod is not None else "it is not there")
                self.dismiss(name)
                raise NodeError(f"{node}: its helper pod does not come up: {clean(said, 200)}")
            time.sleep(LOOK)

    def _make_claims(self, data: Json, etcd: EtcdSet, node: str) -> None:
        """The claims that are gone, as the StatefulSet would make them for the pod."""
        path = f"{self.link().core}/persistentvolumeclaims"
        there = self._claims_now()
        for template, name in zip(etcd.claims, etcd.claim_names(node), strict=True):
            if name not in there:
                try:
                    self.link().api.post(path, claim_of(data, template, node))
                except ApiError as error:
                    if error.status != 409:
                        raise NodeError(f"{node}: claim {name}: {error.message}", error.hint) from None

    def _helpers(self) -> dict[str, Any]:
        """The helper pods of this StatefulSet by name. Raises SiteError."""
        link = self.link()
        found = link.api.get(f"{link.core}/pods", {"labelSelector": f"{OF_SET}={link.name}"})
        return {pod["metadata"]["name"]: pod for pod in found["items"]}

    def dismiss(self, name: str = "", *, wait: bool = True) -> None:
        """Delete a helper pod, or all, and wait until they are gone. Raises SiteError."""
        link, deadline = self.link(), time.monotonic() + ENDED
        asked: set[str] = set()
        while True:
            left = {n: p for n, p in self._helpers().items() if name in ("", n)}
            for each, pod in left.items():
                if each not in asked:
                    uid = pod["metadata"]["uid"]
                    self._delete_one(each, f"{link.core}/pods/{each}", uid, gracePeriodSeconds=1)
                    asked.add(each)
            if not left or not wait:
                return
            if time.monotonic() > deadline:
                raise SiteError(
                    f"helper pod {', '.join(left)} is still there after {ENDED:g} s", "look at its events"
                )
            time.sleep(LOOK)

    # -- programs in it --------------------------------------------------------------------

    def run(
        self,
        helper: Helper,
        argv: Sequence[str],
        *,
        etcd: bool = False,
        timeout: float = SHORT,
        stdin: Iterable[bytes] = (),
        allow: Sequence[int] = (),
    ) -> Ran:
        """Run a program there, in the container with a shell unless told otherwise.

        Args:
            etcd: in the container with etcd's own tools.
            allow: exit codes other than 0 that mean something.

        Raises:
            NodeError: it ended with another code; its last words say why.
            SiteError: see `etcdtui.sites.kube.execute.execute`.
        """
        ran = self._program(helper.pod, ETCD if etcd else helper.shell, argv, timeout, stdin)
        if ran.code not in (0, *allow):
            lines = (ran.err or ran.out).strip().splitlines()
            why = clean(lines[-1] if lines else f"it ended with {ran.code}", 200)
            raise NodeError(f"{helper.node}: {argv[0]}: {why}")
        return ran

    def script(self, helper: Helper, text: str, *words: str, allow: Sequence[int] = ()) -> Ran:
        """Run a script with positional parameters there, as `run`."""
        return self.run(helper, ["sh", "-c", text, "sh", *words], timeout=LONG, allow=allow)

    def put(self, helper: Helper, chunks: Iterable[bytes], size: int, path: str) -> None:
        """Write a file there. Raises as `run`."""
        text = 'umask 022; head -c "$1" >"$2.part" && [ "$(wc -c <"$2.part")" -eq "$1" ] && mv "$2.part" "$2"'
        argv = ["sh", "-c", text, "sh", str(size), path]
        self.run(helper, argv, timeout=LONG, stdin=chunks)

    def pieces_of(self, helper: Helper, argv: Sequence[str]) -> Iterator[bytes]:
        """What a program there prints, as it comes. Raises as `run`."""
        link, status = self.link(), b""
        for channel, data in pieces(link.access, link.namespace, helper.pod, helper.shell, argv, LONG):
            if channel == STDOUT:
                yield data
            elif channel == STATUS:
                status += data
        if code := exit_code(status, f"{helper.pod}: {argv[0]}"):
            raise NodeError(f"{helper.node}: {argv[0]} ended with {code}")

    def _program(
        self,
        pod: str,
        container: str,
        argv: Sequence[str],
        timeout: float = SHORT,
        stdin: Iterable[bytes] = (),
    ) -> Ran:
        link = self.link()
        return execute(link.access, link.namespace, pod, container, argv, timeout, stdin)


def _is_name(host: str) -> bool:
    """Whether it is a name and not an address."""
    return bool(host) and ":" not in host and not host.replace(".", "").isdigit()


def _fits(there: Json, wanted: Json) -> bool:
    """Whether a helper pod that was left can be used: it comes up or is up, and is like the one wanted."""
    meta = there["metadata"]
    same = (meta.get("annotations") or {}).get(MADE_FOR) == wanted["metadata"]["annotations"][MADE_FOR]
    return same and not meta.get("deletionTimestamp") and not trouble(there)
