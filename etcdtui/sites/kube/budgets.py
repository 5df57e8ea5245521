"""The PodDisruptionBudget of a StatefulSet: how many pods it keeps, and setting that where it is ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.quorum import quorum_of
from etcdtui.model.text import clean, plural
from etcdtui.sites.kube import rights
from etcdtui.sites.kube.acts import KubeActs
from etcdtui.sites.kube.api import ApiError
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.sets import MANAGED_BY, MANAGER

Json = Mapping[str, Any]


def kept_by(spec: Json, size: int) -> int:
    """How many of so many pods a disruption budget keeps; Kubernetes rounds percentages up."""

    def number(value: object) -> int:
        text = str(value).removesuffix("%")
        figure = int(text) if text.isdecimal() else 0
        return -(-size * figure // 100) if isinstance(value, str) and value.endswith("%") else figure

    if "maxUnavailable" in spec:
        return max(0, size - number(spec["maxUnavailable"]))
    return number(spec.get("minAvailable", 1))


def is_ours(budget: Json) -> bool:
    """Whether a budget is as `render` writes it: with our label, and a number of pods that stay."""
    labels, spec = budget["metadata"].get("labels") or {}, budget.get("spec") or {}
    return labels.get(MANAGED_BY) == MANAGER and isinstance(spec.get("minAvailable"), int)


class KubeBudgets(KubeActs):
    """The capability Keeping."""

    def kept_nodes(self) -> int | None:
        """``minAvailable`` of our budget as it is now; None without one, or the right to change it."""
        self.link().touch()
        self.look()
        budget = self._ours()
        return int(budget["spec"]["minAvailable"]) if budget is not None and self._may_set() else None

    def describe_keep(self, nodes: int) -> str:
        """The patch of the budget."""
        budget = self._ours()
        name = budget["metadata"]["name"] if budget is not None else self.picture().etcd.name
        return short_call("PATCH", self._budget_path(name), json.dumps(_kept(nodes)))

    def keep_nodes(self, nodes: int) -> str:
        """Set ``minAvailable`` of our budget, unless it is that already.

        Raises:
            SiteError: they cannot be listed, or the API server refuses it.
        """
        self.link().touch()
        if self.look().budgets is None:
            raise SiteError("the PodDisruptionBudgets cannot be listed", "ask for that right, or try again")
        budget = self._ours()
        if budget is None:
            return "no PodDisruptionBudget of etcdtui's is there any more: nothing is set"
        name, now = clean(budget["metadata"]["name"]), budget["spec"]["minAvailable"]
        if now == nodes:
            return f"PodDisruptionBudget {name} keeps {nodes} already"
        try:
            path = self._budget_path(budget["metadata"]["name"])
            self.link().api.patch(path, _kept(nodes), {"fieldManager": MANAGER})
        except ApiError as error:
            raise SiteError(f"PodDisruptionBudget {name}: {error.message}", error.hint) from None
        self.link().touch()
        return f"PodDisruptionBudget {name} keeps {nodes} pods instead of {now}"

    def remarks_on(self, nodes: int) -> tuple[str, ...]:
        """What a budget that is not ours, or that we may not change, means with so many nodes."""
        return tuple(self._remarks(nodes))

    def _remarks(self, nodes: int) -> Iterator[str]:
        picture, quorum = self.picture(), quorum_of(nodes)
        for budget in picture.budgets or ():
            ours = is_ours(budget)
            if ours and self._may_set():
                continue
            name, kept = clean(budget["metadata"]["name"]), kept_by(budget.get("spec") or {}, nodes)
            whose = "you may not change it" if ours else "it is not etcdtui's"
            text = f"PodDisruptionBudget {name} would keep {kept} of {plural(nodes, 'pod')}, and {whose}"
            if kept < quorum:
                text += f": quorum is {quorum}, and a drain may take it"
            elif kept > quorum and "maxUnavailable" not in budget.get("spec", {}):
                text += f": it would allow {plural(max(0, nodes - kept), 'disruption')} where etcd stands "
                text += f"{nodes - quorum}"
            else:
                continue
            patch = json.dumps(_kept(quorum))
            yield f"{text}: kubectl -n {picture.etcd.namespace} patch pdb {name} --type merge -p '{patch}'"

    def _ours(self) -> Json | None:
        return next((b for b in self.picture().budgets or () if is_ours(b)), None)

    def _may_set(self) -> bool:
        """Whether we may change a budget; where that cannot be asked, the attempt tells."""
        try:
            return rights.may(self.link().api, rights.PATCH_BUDGET, self.link().namespace)
        except ApiError:
            return True

    def _budget_path(self, name: str) -> str:
        return f"{self.link().budgets_path}/{name}"


def _kept(nodes: int) -> dict[str, Any]:
    return {"spec": {"minAvailable": nodes}}
