"""etcd's settings changed where they stand: a command line, an environment or config file, a manifest."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

Changes = Mapping[str, str | None]
"""New values by the names of etcd's flags; None takes the setting out."""

ADVERTISED = "kubeadm.kubernetes.io/etcd.advertise-client-urls"
"""The annotation that kubeadm reads instead of the command line."""
_EXEC = re.compile(r"(?m)^ExecStart=(?:.*\\\n)*.*$")


def variable(name: str) -> str:
    """``data-dir`` is ``ETCD_DATA_DIR`` (``pkg/flags/flag.go``)."""
    return f"ETCD_{name.upper().replace('-', '_')}"


def changed_flags(argv: Sequence[str], changes: Changes) -> list[str]:
    """A command line with other flags; those it does not have come last."""
    out, words, left = list(argv[:1]), list(argv[1:]), dict(changes)
    while words:
        word = words.pop(0)
        name, equals, _ = word.lstrip("-").partition("=")
        if not word.startswith("-") or name not in changes:
            out.append(word)
            continue
        if not equals and words and not words[0].startswith("-"):
            words.pop(0)
        if (value := left.pop(name, None)) is not None:
            out.append(f"--{name}={value}")
    return out + [f"--{name}={value}" for name, value in left.items() if value is not None]


def changed_environment(text: str, changes: Changes) -> str:
    """An environment file of a unit with other variables; its other lines and comments stay."""
    out, left = [], {variable(name): value for name, value in changes.items()}
    every = dict(left)
    for line in text.splitlines():
        key = line.strip().partition("=")[0].strip()
        if key not in every:
            out.append(line)
        elif (value := left.pop(key, None)) is not None:
            out.append(f'{key}="{value}"')
    out += [f'{key}="{value}"' for key, value in left.items() if value is not None]
    return "\n".join(out) + "\n"


def changed_file(text: str, changes: Changes) -> str:
    """A file of ``--config-file`` with other settings, its head kept. Raises ValueError when it is none."""
    import yaml

    held = _loaded(text)
    head = "".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
    for name, value in changes.items():
        if value is None:
            held.pop(name, None)
        else:
            held[name] = value
    return head + str(yaml.safe_dump(held, sort_keys=False, width=100_000))


def changed_manifest(text: str, changes: Changes) -> str:
    """A static pod's manifest with other flags. Raises ValueError when it is none."""
    import yaml

    pod = _loaded(text)
    try:
        container = pod["spec"]["containers"][0]
        command = [str(word) for word in container.get("command") or []]
        if len(command) > 1 or not container.get("args"):
            container["command"] = changed_flags(command or ["etcd"], changes)
        else:
            container["args"] = changed_flags(["", *map(str, container["args"])], changes)[1:]
        notes = pod.get("metadata", {}).get("annotations") or {}
        if ADVERTISED in notes and changes.get("advertise-client-urls"):
            notes[ADVERTISED] = changes["advertise-client-urls"]
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("not the manifest of a pod") from None
    return str(yaml.safe_dump(pod, sort_keys=False, width=100_000))


def _loaded(text: str) -> dict[str, Any]:
    import yaml

    try:
        held = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("not YAML") from None
    if not isinstance(held, dict):
        raise ValueError("not a mapping")
    return held


def exec_start(argv: Sequence[str]) -> str:
    """A command line as a unit's ``ExecStart`` (systemd.service(5), systemd.syntax(7))."""
    return "ExecStart=" + " ".join(_quoted(word) for word in argv)


def _quoted(word: str) -> str:
    word = word.replace("%", "%%")
    if word and not re.search(r"""[\s"'\\;]""", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def with_exec_start(unit: str, argv: Sequence[str]) -> str:
    """A unit's text with another command line."""
    line = exec_start(argv)
    return _EXEC.sub(lambda _: line, unit, count=1)


def drop_in(argv: Sequence[str] | None, environment: Mapping[str, str]) -> str:
    """A drop-in that gives a unit another command line, or further variables, or both."""
    lines = ["# Written by etcdtui; without this file the unit is as it was.", "[Service]"]
    if argv is not None:
        lines += ["ExecStart=", exec_start(argv)]
    lines += [f"Environment={_quoted(f'{key}={value}')}" for key, value in environment.items()]
    return "\n".join(lines) + "\n"


def like(value: str, names: Mapping[str, str]) -> str:
    """A setting of one host as it is on another: names and addresses in it exchanged, as whole words."""
    for old, new in names.items():
        if old and old != new:
            value = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-])", new.replace("\\", ""), value)
    return value
