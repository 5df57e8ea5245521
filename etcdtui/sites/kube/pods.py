"""What a pod says of the etcd in it: a pure reading of its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from etcdtui.model.cluster import RunState

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodState:
    """What a pod says of its etcd."""

    run_state: RunState
    words: str
    """Such as ``Running, ready``."""
    ready: bool
    restarts: int
    last_exit: str
    """Why the run before this one ended, such as ``Error 137``; empty when it is the first."""


def pod_state(pod: Json, container: str) -> PodState:
    """The state of the etcd in a pod."""
    status = pod.get("status") or {}
    phase = str(status.get("phase", "Unknown"))
    ready = ("Ready", "True") in ((c.get("type"), c.get("status")) for c in status.get("conditions") or ())
    found: Json = next((c for c in status.get("containerStatuses") or () if c.get("name") == container), {})
    restarts, last = found.get("restartCount", 0), _exit_of((found.get("lastState") or {}).get("terminated"))
    state, words = _container_state(found.get("state") or {}, phase, status)
    if pod["metadata"].get("deletionTimestamp"):
        words = f"terminating ({words})"
        # It has not failed for good: another one takes its place, or none is wanted.
        state = RunState.STARTING if state is RunState.FAILED else state
    elif state is RunState.RUNNING:
        words += ", ready" if ready else ", not ready"
    return PodState(state, words, ready, restarts, last)


_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")


def _container_state(state: Json, phase: str, status: Json) -> tuple[RunState, str]:
    if "running" in state:
        return RunState.RUNNING, phase
    if "terminated" in state:
        return RunState.FAILED, f"ended: {_exit_of(state['terminated'])}"
    reason = str((state.get("waiting") or {}).get("reason") or "")
    if reason in ("", "ContainerCreating", "PodInitializing"):
        if phase in ("Failed", "Succeeded"):
            return RunState.FAILED, " ".join((phase, *_texts(status)))
        return RunState.STARTING, " ".join((phase, *(_unscheduled(status) or (reason,)))).strip()
    message = str((state.get("waiting") or {}).get("message") or "")
    if reason in _NO_IMAGE:
        return RunState.FAILED, f"its image cannot be had: {reason}: {message}"
    return RunState.FAILED, f"{reason}: {message}" if message and reason != "CrashLoopBackOff" else reason


def _texts(status: Json) -> Iterator[str]:
    """Reason and message of a pod, such as ``Evicted``."""
    for key in ("reason", "message"):
        if status.get(key):
            yield str(status[key])


def _unscheduled(status: Json) -> tuple[str, ...]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            why = condition.get("message") or condition.get("reason") or ""
            return (f"and cannot be scheduled: {why}",)
    return ()


def _exit_of(ended: Json | None) -> str:
    if not ended:
        return ""
    code = ended.get("exitCode")
    return f"{ended.get('reason') or 'exit'} {code if code is not None else ''}".strip()


def hindrance(pod: Json, container: str) -> str:
    """Kubernetes' own word for what keeps etcd from running in a pod, such as ``ImagePullBackOff``."""
    status = pod.get("status") or {}
    found: Json = next((c for c in status.get("containerStatuses") or () if c.get("name") == container), {})
    for condition in status.get("conditions") or ():
        if (condition.get("type"), condition.get("status")) == ("PodScheduled", "False"):
            return str(condition.get("reason") or "Unschedulable")
    return str(((found.get("state") or {}).get("waiting") or {}).get("reason") or "")


def run_of(pod: Json, container: str) -> str:
    """What tells one run of etcd from the next: the pod and how often its container was restarted."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    restarts = next((c.get("restartCount", 0) for c in statuses if c.get("name") == container), 0)
    return f"{pod['metadata'].get('uid', '')}/{restarts}"
