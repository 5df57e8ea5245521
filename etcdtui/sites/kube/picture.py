"""What is known of a StatefulSet at one moment, and the nodes it makes."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from etcdtui.model.cluster import Node, RunState
from etcdtui.model.text import plural
from etcdtui.sites.kube.container import POD, line_of
from etcdtui.sites.kube.pods import PodState, hindrance, pod_state, run_of
from etcdtui.sites.kube.sets import EtcdSet

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """The StatefulSet, its pods and what belongs to them."""

    kind: ClassVar[str] = "StatefulSet"
    etcd: EtcdSet
    pods: Mapping[str, Json]
    """By name."""
    claims: Mapping[str, Json] | None = None
    """By name; None when they may not be listed."""
    budgets: tuple[Json, ...] | None = None
    """The PodDisruptionBudgets that cover the pods; None when they may not be listed."""
    notes: tuple[str, ...] = ()
    """What could not be read, in words."""
    config: Mapping[str, str] = field(default_factory=dict)
    """The files of the ConfigMap, where the pods have one each."""

    @property
    def ordinals(self) -> tuple[int, ...]:
        """The nodes by their ordinals: those wanted, stopped, or still there."""
        there = [o for name in self.pods if (o := self.etcd.ordinal(name)) is not None]
        return tuple(range(max([self.etcd.size, *(o + 1 for o in there)])))

    def owns(self, kind: str, name: str) -> bool:
        """Whether an object is the set, one of its pods or claims, or a budget that covers them."""
        if kind == "PodDisruptionBudget":
            return name in (budget["metadata"]["name"] for budget in self.budgets or ())
        if kind == "PersistentVolumeClaim":
            pods = (name.removeprefix(f"{t}-") for t in self.etcd.claims if name.startswith(f"{t}-"))
            return any(self.etcd.ordinal(pod) is not None for pod in pods)
        if kind == "Pod":
            return self.etcd.ordinal(name) is not None
        return (kind, name) == (self.kind, self.etcd.name)

    def nodes(self, *, tls: bool) -> tuple[Node, ...]:
        """A node for every ordinal."""
        return tuple(self._node(self.etcd.pod(o), tls) for o in self.ordinals)

    def _node(self, name: str, tls: bool) -> Node:
        pod = self.pods.get(name)
        bare = Node(
            name=name,
            member_name=name,
            client_urls=(self.etcd.client_url(name, tls=tls),),
            peer_urls=self._peer_urls(name),
        )
        if pod is None:
            why = "the StatefulSet is scaled below it" if self._below(name) else "no pod"
            facts = (("claim", claim),) if (claim := self._claims_of(name)) else ()
            return replace(
                bare, run_state=RunState.STOPPED, detail=why, brief="no pod", facts=facts, cells=facts
            )
        state = pod_state(pod, self.etcd.container)
        return replace(
            bare,
            run_state=state.run_state,
            detail=self._detail(name, pod, state),
            run=run_of(pod, self.etcd.container),
            restarts=state.restarts,
            brief=_brief(pod, self.etcd.container, state),
            facts=self._facts(name, pod, state),
            cells=self._cells(name, pod, state),
        )

    def _peer_urls(self, name: str) -> tuple[str, ...]:
        """As its file or command line has them; without a word of that both that it may have."""
        text = self.config.get(self.etcd.config_file.format(pod=name), "")
        given = line_of(text, "initial-advertise-peer-urls") or self.etcd.peer_urls.replace(POD, name)
        if given:
            return tuple(given.split(","))
        return tuple(f"{s}://{self.etcd.host(name)}:{self.etcd.peer_port}" for s in ("http", "https"))

    def _below(self, name: str) -> bool:
        ordinal = self.etcd.ordinal(name)
        return ordinal is not None and ordinal >= self.etcd.replicas

    def _detail(self, name: str, pod: Json, state: PodState) -> str:
        parts = [state.words]
        if state.restarts:
            last = f" ({state.last_exit})" if state.last_exit else ""
            parts.append(f"{plural(state.restarts, 'restart')}{last}")
        if age := _age(pod):
            parts.append(age)
        if where := pod["spec"].get("nodeName"):
            parts.append(f"on {where}")
        if claim := self._claims_of(name):
            parts.append(f"claim {claim}")
        return " · ".join(parts)

    def _facts(self, name: str, pod: Json, state: PodState) -> tuple[tuple[str, str], ...]:
        last = f", the last one: {state.last_exit}" if state.last_exit else ""
        image = next((c["image"] for c in pod["spec"]["containers"] if c["name"] == self.etcd.container), "")
        rows = (
            ("pod", state.words),
            ("restarts", f"{state.restarts}{last}"),
            ("age", _age(pod)),
            ("Kubernetes node", pod["spec"].get("nodeName") or ""),
            ("pod address", (pod.get("status") or {}).get("podIP") or ""),
            ("image", image),
            ("claim", self._claims_of(name)),
            (self.kind, self.sentence()),
            ("PodDisruptionBudget", self.budget_words()),
        )
        return tuple((title, value) for title, value in rows if value)

    def _cells(self, name: str, pod: Json, state: PodState) -> tuple[tuple[str, str], ...]:
        """What stands beside etcd's own columns."""
        last = f" ({state.last_exit})" if state.last_exit else ""
        return (
            ("restarts", f"{state.restarts}{last}"),
            ("pod age", _age(pod).removesuffix(" old")),
            ("claim", self._claims_of(name)),
            ("Kubernetes node", pod["spec"].get("nodeName") or ""),
        )

    def _claims_of(self, name: str) -> str:
        if self.claims is None:
            return ""
        out = []
        for claim in self.etcd.claim_names(name):
            found = self.claims.get(claim)
            status = (found or {}).get("status") or {}
            size = (status.get("capacity") or {}).get("storage", "")
            phase = status.get("phase", "")
            words = [claim, size, *([] if phase == "Bound" else [phase])] if found else [f"no {claim}"]
            out.append(" ".join(w for w in words if w))
        return ", ".join(out)

    def sentence(self) -> str:
        """``etcd: 3 wanted, 3 ready, 3 updated``."""
        e = self.etcd
        stopped = f" ({e.stopped_from} before it was stopped)" if e.size > e.replicas else ""
        return f"{e.name}: {e.replicas} wanted{stopped}, {e.ready} ready, {e.updated} updated"

    def budget_words(self) -> str:
        """What the disruption budgets allow."""
        out = []
        for budget in self.budgets or ():
            allowed = (budget.get("status") or {}).get("disruptionsAllowed", 0)
            out.append(f"{budget['metadata']['name']} allows {plural(allowed, 'disruption')}")
        return ", ".join(out)

    def note(self) -> str:
        """The whole in a few words."""
        e = self.etcd
        text = f"{e.namespace}/{e.name} {e.ready}/{e.replicas} ready"
        if e.updated != e.replicas:
            text += f", {e.updated} updated"
        if self.budgets:
            allowed = min((b.get("status") or {}).get("disruptionsAllowed", 0) for b in self.budgets)
            text += f", PDB allows {allowed}"
        return "; ".join((text, *self.notes))


def _brief(pod: Json, container: str, state: PodState) -> str:
    """Such as ``ready``, ``not ready``, ``terminating`` or ``CrashLoopBackOff ↻3``."""
    words = hindrance(pod, container) or " ".join(re.split(r"[:,(]", state.words, maxsplit=1)[0].split()[:2])
    if pod["metadata"].get("deletionTimestamp"):
        words = "terminating"
    elif words == "Running":
        words = "ready" if state.ready else "not ready"
    return f"{words} ↻{state.restarts}" if state.restarts else words


def moment_of(word: object) -> float | None:
    """The Unix seconds of one of Kubernetes' timestamps; None for anything else."""
    try:
        return datetime.fromisoformat(str(word).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _age(pod: Json) -> str:
    """How long a pod is there, in one unit, so that it rests."""
    if (born := moment_of(pod["metadata"].get("creationTimestamp"))) is None:
        return ""
    seconds = int(time.time() - born)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit} old"
    return "under 1m old"


def covers(budget: Json, labels: Mapping[str, str]) -> bool:
    """Whether a PodDisruptionBudget's selector takes pods with these labels; an empty one takes none."""
    selector = (budget.get("spec") or {}).get("selector") or {}
    wanted, rules = selector.get("matchLabels") or {}, selector.get("matchExpressions") or ()
    if not wanted and not rules:
        return False
    same = all(labels.get(key) == value for key, value in wanted.items())
    return same and all(_holds(rule, labels.get(rule.get("key", ""))) for rule in rules)


def _holds(rule: Json, value: str | None) -> bool:
    """Whether a label has what one of a selector's expressions asks for."""
    listed = value in (rule.get("values") or ())
    match rule.get("operator"):
        case "In":
            return value is not None and listed
        case "NotIn":
            return value is None or not listed
        case "Exists":
            return value is not None
        case _:
            return value is None
