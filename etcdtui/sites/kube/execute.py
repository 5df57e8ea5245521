"""etcdctl run in a pod, for where port-forward is not permitted; no shell is needed there."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from etcdtui.errors import DeadlineExceeded, NodeError, SiteError
from etcdtui.etcd.api import EtcdWriter, Target
from etcdtui.etcd.ctl import CtlEndpoint, Ran
from etcdtui.model.text import clean
from etcdtui.sites.kube.access import Access
from etcdtui.sites.kube.websockets import open_websocket

STDOUT, STDERR, STATUS = 1, 2, 3
"""Channels of the websocket (``v4.channel.k8s.io``)."""


def by_etcdctl(
    access: Access, namespace: str, pod: str, container: str, url: str, options: Sequence[str] = ()
) -> EtcdWriter:
    """The endpoint of a pod by way of its own etcdctl.

    Args:
        options: further flags of etcdctl, such as the certificates in the pod.
    """

    def run(argv: Sequence[str], stdin: str, timeout: float) -> Ran:
        if stdin:
            # This protocol cannot say that an input has ended.
            raise SiteError(f"{pod}: this cannot be done by way of etcdctl in the pod", "permit port-forward")
        return execute(access, namespace, pod, container, ["etcdctl", *argv], timeout)

    return CtlEndpoint(Target(url, url.split("://")[-1]), run, options)


def execute(
    access: Access, namespace: str, pod: str, container: str, command: Sequence[str], timeout: float
) -> Ran:
    """Run a command in a pod's container; no shell is involved.

    Raises:
        SiteError: not permitted, or the API server is not reached.
        NodeError: the pod does not run, or there is no such program in it.
        DeadlineExceeded: it has not ended after `timeout` seconds.
    """
    query = [("container", container), ("stdout", "true"), ("stderr", "true")]
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    remote = open_websocket(access, path, [*query, *(("command", word) for word in command)])
    try:
        out = _collect(remote, pod, timeout)
    finally:
        remote.shutdown()
    code = _exit_code(out[STATUS].decode(errors="replace"), f"{pod}: {command[0]}")
    return Ran(code, out[STDOUT].decode(errors="replace"), out[STDERR].decode(errors="replace"))


def _collect(remote: Any, pod: str, timeout: float) -> dict[int, bytearray]:
    """What comes on each channel until the command has ended."""
    import websocket

    deadline = time.monotonic() + timeout
    out = {STDOUT: bytearray(), STDERR: bytearray(), STATUS: bytearray()}
    while not out[STATUS]:
        remote.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            opcode, frame = remote.recv_data_frame(True)
        except websocket.WebSocketTimeoutException:
            text = f"{pod}: etcdctl has not ended after {timeout:g} s"
            raise DeadlineExceeded(text) from None
        except (websocket.WebSocketException, OSError) as error:
            raise SiteError(f"{pod}: etcdctl was cut off: {clean(str(error), 100)}") from None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            break
        if frame.data and frame.data[0] in out:
            out[frame.data[0]] += frame.data[1:]
    return out


def _exit_code(text: str, what: str) -> int:
    """The exit code in a Status. Raises NodeError when the command was not run at all."""
    try:
        status = json.loads(text)
        if status["status"] == "Success":
            return 0
        causes = (status.get("details") or {}).get("causes") or []
        codes = [c["message"] for c in causes if c.get("reason") == "ExitCode"]
        if codes:
            return int(codes[0])
        said = str(status.get("message", ""))
    except (ValueError, KeyError, TypeError):
        said = text or "it ended without a status"
    if "not found" in said:
        said = "there is no such program in the pod"
    raise NodeError(f"{what}: {clean(said, 160)}")
