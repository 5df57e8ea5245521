"""What a container's command line, variables and files say of the etcd in it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
POD = "{pod}"
"""Stands for the name of the pod."""


def command_of(container: Json) -> list[str]:
    """Command and arguments of a container."""
    return [str(w) for w in (*(container.get("command") or ()), *(container.get("args") or ()))]


def environment(container: Json) -> dict[str, str]:
    """The plain variables of a container."""
    return {e["name"]: str(e["value"]) for e in container.get("env") or () if e.get("value") is not None}


def with_pod_name(text: str, container: Json) -> str:
    """A text with ``{pod}`` where Kubernetes or a shell puts the pod's name."""
    names = ["HOSTNAME"]
    for entry in container.get("env") or ():
        source = ((entry.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
        if source == "metadata.name":
            names.append(entry["name"])
    for name in names:
        text = re.sub(rf"\$\({name}\)|\$\{{{name}\}}|\${name}\b", POD, text)
    return text.replace("$(hostname)", POD)


def options(container: Json, name: str) -> list[str]:
    """The values of a flag on the command line, in scripts several, or of its variable, with ``{pod}``.

    Args:
        name: without dashes before it, such as ``data-dir``.
    """
    given = re.findall(rf"--{name}[= ]+(\S+)", " ".join(command_of(container)))
    variable = environment(container).get(f"ETCD_{name.upper().replace('-', '_')}")
    return [with_pod_name(text.strip("\"'"), container) for text in given or ([variable] if variable else [])]


def line_of(text: str, name: str) -> str:
    """A plain value of a configuration file; empty where it has none."""
    found = re.search(rf"^{name}:[ \t]*(\S+)[ \t]*$", text, re.MULTILINE)
    return found[1].strip("\"'") if found else ""


def is_scripted(container: Json) -> bool:
    """Whether a container changes the member list by itself, at its start or before its end."""
    hooks = (hook(container, name) for name in ("postStart", "preStop"))
    return changes_members(" ".join((*command_of(container), *hooks)))


def hook(container: Json, name: str) -> str:
    """The command line of a lifecycle hook; empty without."""
    found = (container.get("lifecycle") or {}).get(name) or {}
    return " ".join(str(word) for word in (found.get("exec") or {}).get("command") or ())


def changes_members(text: str) -> bool:
    """Whether a command line adds or removes members."""
    if re.search(r"\bmember\b[^\n|;]*\b(add|remove)\b", text):
        return True
    # Bitnami's image keeps the same in a file of its own.
    return "/opt/bitnami/scripts/etcd/prestop.sh" in text
