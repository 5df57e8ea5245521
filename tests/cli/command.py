"""Runs ``python -m etcdtui`` as a real process with directories of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Cli:
    """The command with its XDG directories under one root."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    timeout: float = 120
    """Seconds that a command may take."""

    @property
    def demo(self) -> Path:
        return self.root / "data" / "etcdtui" / "demo"

    @property
    def audit(self) -> Path:
        return self.root / "state" / "etcdtui" / "audit.jsonl"

    def environ(self, **more: str) -> dict[str, str]:
        foreign = ("ETCD_", "ETCDCTL_", "ETCDTUI_CONFIG", "XDG_", "PYTEST")
        own = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        xdg = {f"XDG_{n.upper()}_HOME": str(self.root / n) for n in ("data", "state", "config")}
        return {**own, **xdg, **self.env, **more}

    def __call__(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "etcdtui", *args],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=self.timeout,
            env=self.environ(**env),
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        return done

    def json(self, *args: str, **env: str) -> Any:
        return json.loads(self(*args, **env).stdout)

    def config(self, text: str) -> Path:
        file = self.root / "config" / "etcdtui" / "config.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)
        return file


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only line on stderr, without its beginning."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("etcdtui: ")
    return lines[0].removeprefix("etcdtui: ")
