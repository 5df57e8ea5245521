"""Programs run in a pod, such as etcdctl where port-forward is not permitted; no shell is needed there."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from etcdtui.errors import DeadlineExceeded, NodeError, SiteError
from etcdtui.etcd.api import EtcdWriter, Target
from etcdtui.etcd.ctl import CtlEndpoint, Ran
from etcdtui.model.text import clean
from etcdtui.sites.kube.access import Access
from etcdtui.sites.kube.websockets import open_websocket

STDIN, STDOUT, STDERR, STATUS = 0, 1, 2, 3
"""Channels of the websocket (``v4.channel.k8s.io``)."""
NO_PROGRAM = "there is no such program in the pod"
_DATA = (1, 2)
"""Opcodes of frames that carry text or bytes (RFC 6455, 11.8)."""
QUIET = 20.0
"""Seconds of silence after which a ping tells proxies on the way that the connection is in use."""


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
    access: Access,
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    timeout: float,
    stdin: Iterable[bytes] = (),
) -> Ran:
    """Run a command in a pod's container; no shell is involved.

    Args:
        stdin: what it is fed; it is never told that there is no more, so it must know by itself.

    Raises:
        SiteError: not permitted, or the API server is not reached.
        NodeError: the pod does not run, or there is no such program in it.
        DeadlineExceeded: it has not ended after `timeout` seconds.
    """
    out = {STDOUT: bytearray(), STDERR: bytearray(), STATUS: bytearray()}
    for channel, data in pieces(access, namespace, pod, container, command, timeout, stdin):
        out[channel] += data
    code = exit_code(bytes(out[STATUS]), f"{pod}: {command[0]}")
    return Ran(code, out[STDOUT].decode(errors="replace"), out[STDERR].decode(errors="replace"))


def pieces(
    access: Access,
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    timeout: float,
    stdin: Iterable[bytes] = (),
) -> Iterator[tuple[int, bytes]]:
    """Run a command as `execute` does; what comes on each channel, as it comes, the status at the end."""
    query = [("container", container), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin else []
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    deadline = time.monotonic() + timeout
    remote = open_websocket(access, path, [*query, *(("command", word) for word in command)])
    try:
        _feed(remote, stdin, timeout)
        yield from _come(remote, f"{pod}: {command[0]}", deadline, timeout)
    finally:
        remote.shutdown()


def _feed(remote: Any, stdin: Iterable[bytes], timeout: float) -> None:
    """Send it all; where the other end has ended meanwhile, its status tells why."""
    import websocket

    remote.settimeout(timeout)
    with contextlib.suppress(websocket.WebSocketException, OSError):
        for chunk in stdin:
            remote.send(bytes([STDIN]) + chunk, websocket.ABNF.OPCODE_BINARY)


def _come(remote: Any, what: str, deadline: float, timeout: float) -> Iterator[tuple[int, bytes]]:
    """What comes on each channel until the command has ended."""
    import websocket

    while (left := deadline - time.monotonic()) > 0:
        remote.settimeout(min(QUIET, max(0.01, left)))
        try:
            opcode, frame = remote.recv_data_frame(True)
        except websocket.WebSocketTimeoutException:
            with contextlib.suppress(websocket.WebSocketException, OSError):
                remote.ping()
            continue
        except (websocket.WebSocketException, OSError) as error:
            raise SiteError(f"{what}: was cut off: {clean(str(error), 100)}") from None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return
        data = frame.data
        if opcode in _DATA and data and data[0] in (STDOUT, STDERR, STATUS):
            yield data[0], data[1:]
            if data[0] == STATUS and data[1:]:
                return
    raise DeadlineExceeded(f"{what}: has not ended after {timeout:g} s")


def exit_code(told: bytes, what: str) -> int:
    """The exit code in a Status. Raises NodeError when the command was not run at all."""
    text = told.decode(errors="replace")
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
        said = NO_PROGRAM
    raise NodeError(f"{what}: {clean(said, 160)}")
