"""The Secrets of a new cluster in Kubernetes whose certificates the console makes."""

from __future__ import annotations

import base64
from typing import Any

from etcdtui.sites.kube.manifests import Manifests
from etcdtui.sites.pki import Names
from etcdtui.sites.pki_store import OPERATOR, PkiStore

NAMED_PODS = 9
"""Pods that the certificates name one by one, so that a peer's address can be looked up by its name."""


def secrets(made: Manifests, store: PkiStore) -> list[dict[str, Any]]:
    """A Secret for clients, one for peers, one for the operator. Raises SiteError."""
    inside = ("", f".{made.namespace}", f".{made.namespace}.svc")
    clients = (*inside, f".{made.namespace}.svc.{made.plan.cluster_domain}")
    hosts = [
        *(f"{made.name}-{n}.{made.domain}" for n in range(max(NAMED_PODS, made.plan.members))),
        *(f"*.{made.domain}", made.domain),
        *(f"{made.name}-client{end}" for end in clients),
        *("localhost", "127.0.0.1"),
    ]
    ca, out = store.ca(), []
    for kind, names in (
        ("server", Names(made.name, tuple(hosts), server=True)),
        ("peer", Names(made.name, tuple(hosts), server=True)),
        ("client", OPERATOR),
    ):
        pair = store.pair(kind, names)
        data = {"ca.crt": ca.cert, "tls.crt": pair.cert, "tls.key": pair.key}
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        secret = made.object("v1", "Secret", f"{made.name}-{kind}", data=encoded)
        out.append({**secret, "type": "kubernetes.io/tls"})
    return out
