"""The pieces of which a bring-up and a tear-down in Kubernetes consist, as a review shows them: pure."""

from __future__ import annotations

from collections.abc import Iterator

from etcdtui.model.bootstrap import Tls
from etcdtui.sites.founding import Piece
from etcdtui.sites.kube.applying import path_of
from etcdtui.sites.kube.base import short_call
from etcdtui.sites.kube.manifests import Manifests
from etcdtui.sites.kube.undoing import with_way_back

_LOOK = "namespace, StorageClass, nodes, earlier claims; APPLY of all of it with dryRun=All"


def bring_up(made: Manifests, authority: str) -> tuple[Piece, ...]:
    """Look, Secrets, small objects, StatefulSet, settle; each with what takes it back.

    Args:
        authority: where the certificates come from that are made, in words.
    """
    return tuple(with_way_back(piece, made) for piece in _bring_up(made, authority))


def _bring_up(made: Manifests, authority: str) -> Iterator[Piece]:
    yield Piece("check", "look whether Kubernetes can take it", _LOOK, only_looks=True)
    if made.plan.tls is Tls.MADE:
        names = ", ".join((*made.secrets, f"{made.name}-client"))
        title = "write certificates made by a CA of its own"
        yield Piece("secrets", title, f"{authority}; apply Secret {names}")
    small = [o for o in made.all() if o["kind"] != "StatefulSet"]
    calls = "; ".join(short_call("APPLY", path_of(o)) for o in small)
    yield Piece("objects", "apply budget, Services and the pods' files", calls)
    size = f"{made.plan.members} replicas, {made.plan.image}"
    call = short_call("APPLY", path_of(made.stateful_set()), size)
    yield Piece("start", "apply the StatefulSet", call, starts=True)
    call = short_call("APPLY", path_of(made.config_map(founded=True)), "initial-cluster-state: existing")
    yield Piece("settle", "let no member found a second cluster", call, final=True)


def tear_down(made: Manifests, *, delete: bool) -> tuple[Piece, ...]:
    """StatefulSet, the small objects, Secrets.

    Args:
        delete: whether the claims go too, with the data in them.
    """
    stop = short_call("DELETE", path_of(made.stateful_set()), "foreground")
    names = ", ".join(f"{o['kind']} {o['metadata']['name']}" for o in made.all()[:-1])
    out = [
        Piece("stop", "delete the StatefulSet and wait for its pods to end", stop, ends=True),
        Piece("files away", "delete what the bring-up made", f"DELETE {names}, Secrets"),
    ]
    if delete and made.plan.storage:
        text = f"DELETE persistentvolumeclaims data-{made.name}-0 ..., every ordinal"
        out.append(Piece("data delete", "delete the claims and the data in them", text))
    return tuple(out)
