"""A StatefulSet that a profile describes and that need not be there yet: applied piece by piece."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.etcd.api import Credentials, EtcdWriter, TlsMaterial
from etcdtui.model.bootstrap import KubeBootstrap, Tls
from etcdtui.model.bootstrap_checks import problems, sentence
from etcdtui.model.cluster import Node
from etcdtui.model.health import Finding
from etcdtui.model.text import plural
from etcdtui.sites.founding import Piece, Sight, Tell
from etcdtui.sites.kube import applying, preflight, razing, rights, stages, undoing
from etcdtui.sites.kube.access import open_access
from etcdtui.sites.kube.api import Api
from etcdtui.sites.kube.applying import path_of
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.certificates import secrets
from etcdtui.sites.kube.choice import Where
from etcdtui.sites.kube.manifests import Manifests
from etcdtui.sites.kube.resizing import files_of_others, files_to_write
from etcdtui.sites.kube.sets import MANAGER
from etcdtui.sites.kube.site import CONNECT, KubeSite
from etcdtui.sites.pki_store import PkiStore
from etcdtui.sites.standing import is_founded, see_unchanged, settings_in

_CLUSTER = "initial-cluster"
Json = dict[str, Any]


class KubeFounding(KubeSite):
    """The capability Founding.

    Args:
        boot: what the cluster is to be.
        home: directory here for the cluster's CA.
    """

    def __init__(
        self,
        name: str,
        where: Where,
        boot: KubeBootstrap,
        home: Path,
        *,
        tls: TlsMaterial | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        super().__init__(name, where, tls=tls, credentials=credentials)
        self.boot = boot
        self._store = PkiStore(home / "pki" / name, name)
        self._own: Api | None = None

    # -- while there is no StatefulSet -------------------------------------------------------------

    def connect(self, timeout: float = CONNECT) -> str:
        """As `KubeSite.connect`; a StatefulSet that is not there yet is no error.

        Raises:
            SiteError: the API server is not reached.
        """
        if self._stands():
            return super().connect(timeout)
        return f"there is no StatefulSet {self._paper().namespace}/{self._paper().name} yet"

    def connect_and_ask(self) -> str:
        """As `connect`."""
        return super().connect_and_ask() if self._stands() else self.connect()

    def nodes(self) -> tuple[Node, ...]:
        """The pods; none while there is no StatefulSet, or none any more."""
        if not self._stands():
            return ()
        try:
            return super().nodes()
        except SiteError:
            if self._get(self._stateful_set_path()) is None:
                return ()
            raise

    def dial(self, url: str) -> EtcdWriter:
        """As `KubeSite.dial`."""
        if self._picture is None and self._stands():
            self.look()
        return super().dial(url)

    def close(self) -> None:
        """Close every connection; does not wait."""
        super().close()
        if self._own is not None:
            self._own.close()

    def _material(self) -> TlsMaterial | None:
        made = self._store.client() if self.boot.tls is Tls.MADE else None
        return super()._material() or made

    def _stands(self) -> bool:
        """Whether the StatefulSet is there. Raises SiteError."""
        return self._link is not None or self._get(self._stateful_set_path()) is not None

    def examine(self, read_only: bool) -> tuple[Finding, ...]:
        """As `KubeSite.examine`, and what a bring-up needs."""
        further = rights.founding(secrets=self.boot.tls is Tls.MADE)
        found = rights.examine(self._api(), self._paper().namespace, read_only, further=further)
        return (*found, *self.restoring()) if self._stands() and not read_only else found

    # -- Founding ----------------------------------------------------------------------------------

    def member_names(self) -> tuple[str, ...]:
        """The pods' names."""
        return self._plain().pods

    def peer_urls(self) -> tuple[str, ...]:
        """The pods' peer URLs."""
        made, scheme = self._plain(), "http" if self.boot.tls is Tls.NONE else "https"
        return tuple(f"{scheme}://{pod}.{made.domain}:2380" for pod in made.pods)

    def grown_urls(self) -> tuple[str, ...]:
        """Those of further pods of the StatefulSet."""
        made, scheme = self._plain(), "http" if self.boot.tls is Tls.NONE else "https"
        return (f"{scheme}://{made.name}-*.{made.domain}:2380",)

    def further_nodes(self) -> tuple[str, ...]:
        """None: further pods are the StatefulSet's, and end with it."""
        return ()

    def advice(self) -> tuple[str, ...]:
        """What could be better about the plan."""
        return tuple(sentence(problem) for problem in problems(self.boot))

    def pieces(self) -> tuple[Piece, ...]:
        """Look, Secrets, small objects, StatefulSet, settle. Raises SiteError."""
        return stages.bring_up(self._paper(), self._store.describe())

    def survey(self) -> tuple[Sight, ...]:
        """Namespace, StorageClass, nodes, what is left of an earlier cluster."""
        made = self._paper()
        if self._stands():
            text = f"StatefulSet {made.namespace}/{made.name} is there already: what is missing is applied"
            return (Sight("", advice=(text,)),)
        return (preflight.survey(self._api(), made),)

    def wants_users(self) -> bool:
        """As the plan says."""
        return self.boot.auth

    def replan(self, boot: KubeBootstrap) -> None:
        """The same StatefulSet, and another plan for it: for who still makes up his mind."""
        self.boot = boot

    def ruins(self, *, delete: bool) -> tuple[Piece, ...]:
        """StatefulSet, the small objects, Secrets, and the claims where that is asked for."""
        return stages.tear_down(self._plain(), delete=delete)

    def carry_out(self, piece: str, tell: Tell) -> str:
        """Do one of `pieces`. Raises SiteError."""
        made = self._paper()
        match piece:
            case "check":
                found = f"StatefulSet {made.namespace}/{made.name} is there: what is missing is applied"
                if not self._stands():
                    found = preflight.check(self._api(), made)
                applying.rehearse(self._api(), self._objects(made), self.name)
                return found
            case "secrets":
                return self._apply_all(secrets(made, self._store))
            case "objects":
                return self._apply_all(self._objects(made)[:-1])
            case "start":
                said = self._apply_all([made.stateful_set()])
                tell("connecting to the pods")
                with contextlib.suppress(SiteError):
                    self.look()
                return said
            case "settle":
                said = self._apply_all([self._files(made, founded=True)])
                undoing.done_with(self._api(), made)
                return said
            case _ if piece.startswith(undoing.UNDO):
                return undoing.undo(self._api(), made, piece)
            case "stop":
                return razing.stop(self._api(), made)
            case "files away":
                return razing.objects_away(self._api(), made)
            case "data delete":
                return razing.claims_away(self._api(), made)
        raise SiteError(f"{self.name}: there is nothing to do that is called {piece}")

    # -- Resizing ----------------------------------------------------------------------------------

    def resize_remark(self, members: int) -> str:
        """What the profile must say then, where it says another number."""
        if members == self.boot.members:
            return ""
        return (
            f"profile {self.name} says {plural(self.boot.members, 'member')}: say `members: {members}` in "
            "its `bootstrap` then, so that render and bootstrap make what is there"
        )

    def describe_resize(self, members: int) -> str:
        """The patch of the ConfigMap."""
        made = self._sized(members)
        return short_call(
            "PATCH", path_of(made.config_map(founded=True)), f"{_CLUSTER}: {' '.join(made.pods)}"
        )

    def resize(self, members: int) -> str:
        """Write the files as `render` has them for so many pods, where nobody wrote anything else there."""
        made = self._sized(members)
        wanted, path = made.config_map(founded=True)["data"], path_of(made.config_map(founded=True))
        there = (self._get(path) or {}).get("data") or {}
        changed = files_to_write(there, wanted)
        if changed:
            self._api().patch(path, {"data": changed}, {"fieldManager": MANAGER})
            if self._link is not None:
                self._link.touch()
        others = files_of_others(there, wanted)
        kept = f"; {', '.join(others)} says more than the profile and stays" if others else ""
        return f"{', '.join(changed) or 'no file'} written for {plural(members, 'member')}{kept}"

    def _sized(self, members: int) -> Manifests:
        made = self._plain()
        return Manifests(replace(self.boot, members=members), made.name, made.namespace)

    # -- applying ------------------------------------------------------------------------------------

    def _objects(self, made: Manifests) -> list[Json]:
        """All but the Secrets, the StatefulSet at the end."""
        small = [o for o in made.all() if o["kind"] not in ("StatefulSet", "ConfigMap")]
        return [*small, self._files(made, founded=False), made.stateful_set()]

    def _files(self, made: Manifests, *, founded: bool) -> Json:
        """The ConfigMap; a file that says already that the cluster is founded goes on saying so."""
        wanted = made.config_map(founded=founded)
        there = (self._get(path_of(wanted)) or {}).get("data") or {}
        after = made.config_map(founded=True)["data"]
        see_unchanged(there, after)
        wanted["data"] = {
            key: after[key] if is_founded(settings_in(there.get(key, ""))) else text
            for key, text in wanted["data"].items()
        }
        return wanted

    def _apply_all(self, objects: list[Json]) -> str:
        said = applying.apply_all(self._api(), objects, self.name)
        if self._link is not None:
            self._link.touch()
        return said

    # -- the API server ------------------------------------------------------------------------------

    def _api(self) -> Api:
        if self._link is not None:
            return self._link.api
        with self._lock:
            if self._closed:
                raise SiteError(f"{self.name}: the site is closed")
            if self._own is None:
                where = self._where
                self._own = Api(open_access(where.context, where.kubeconfig, keys=self._forwards.directory))
            return self._own

    def _get(self, path: str) -> Json | None:
        return preflight.get(self._api(), path)

    def _plain(self) -> Manifests:
        """The objects, as far as they are known without asking anybody."""
        of_context = self._own.access.namespace if self._own is not None else ""
        return Manifests(self.boot, self._where.statefulset, self._where.namespace or of_context or "default")

    def _paper(self) -> Manifests:
        """The objects in the versions that the server has. Raises SiteError."""
        api = self._api()
        policy = "policy/v1" if api.serves("policy/v1") else "policy/v1beta1"
        namespace = self._where.namespace or api.access.namespace or "default"
        return Manifests(self.boot, self._where.statefulset, namespace, policy)

    def _stateful_set_path(self) -> str:
        made = self._paper()
        return f"/apis/apps/v1/namespaces/{made.namespace}/statefulsets/{made.name}"
