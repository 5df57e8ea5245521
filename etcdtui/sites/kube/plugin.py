"""Exec plug-ins of a kubeconfig: a command that prints a token or a certificate.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etcdtui.errors import SiteError
from etcdtui.model.text import clean

TIMEOUT = 60.0
"""Seconds a plug-in may take: it may ask a server, or a person in a browser."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a plug-in gave; never printed."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    expires: str = ""
    """RFC 3339; empty for never."""

    def write(self, directory: Path) -> tuple[str, str]:
        """Write certificate and key for the TLS library, readable by their owner alone; their paths."""
        paths = []
        for text in (self.certificate, self.key):
            number, path = tempfile.mkstemp(dir=directory)
            with os.fdopen(number, "w") as file:
                file.write(text)
            paths.append(path)
        return paths[0], paths[1]


def run_plugin(spec: Mapping[str, Any], directory: str, cluster: Mapping[str, Any]) -> Credential:
    """Run the plug-in. It has no terminal to ask on: the console has it.

    Args:
        spec: the kubeconfig's ``exec``.
        directory: where the kubeconfig lies; relative commands begin there.
        cluster: the kubeconfig's cluster, for ``provideClusterInfo``.

    Raises:
        SiteError: it cannot be run, failed, or printed something else; the message names it.
    """
    command = str(spec.get("command") or "")
    what = f"exec plug-in {clean(command, 100)}"
    if not command:
        raise SiteError("kubeconfig: exec has no command")
    if spec.get("interactiveMode") == "Always":
        raise SiteError(f"{what} wants to ask on the terminal", "log in with it first, in a shell")
    if os.sep in command and not Path(command).is_absolute():
        command = str(Path(directory) / command)
    info = {
        "apiVersion": spec.get("apiVersion"),
        "kind": "ExecCredential",
        "spec": {"interactive": False, **_cluster_info(spec, cluster)},
    }
    own = {str(e["name"]): str(e["value"]) for e in spec.get("env") or ()}
    try:
        done = subprocess.run(
            [command, *(str(word) for word in spec.get("args") or ())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)},
        )
    except OSError as error:
        hint = clean(str(spec.get("installHint") or ""), 300)
        raise SiteError(f"{what}: {error.strerror}", hint) from None
    except subprocess.TimeoutExpired:
        raise SiteError(f"{what} did not end within {TIMEOUT:.0f} s") from None
    if done.returncode:
        said = clean(" ".join(done.stderr.split()), 300)
        raise SiteError(f"{what} ended with {done.returncode}" + (f": {said}" if said else ""))
    return _credential(done.stdout, what)


def _cluster_info(spec: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, Any]:
    if not spec.get("provideClusterInfo"):
        return {}
    found = dict(cluster)
    for extension in found.pop("extensions", None) or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            found["config"] = extension.get("extension")
    return {"cluster": found}


def _credential(text: str, what: str) -> Credential:
    try:
        status = json.loads(text)["status"]
        found = Credential(
            str(status.get("token") or ""),
            str(status.get("clientCertificateData") or ""),
            str(status.get("clientKeyData") or ""),
            str(status.get("expirationTimestamp") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SiteError(f"{what} printed no ExecCredential") from None
    if not found.token and not (found.certificate and found.key):
        raise SiteError(f"{what} gave neither a token nor a certificate with its key")
    return found
