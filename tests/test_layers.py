"""What the command line does not import: a start pays only for what it uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("textual", "rich", "etcd3", "grpc", "google.protobuf", "paramiko", "kubernetes", "cryptography")

SCRIPT = """
import json, sys
{body}
print(json.dumps([name for name in {heavy!r} if name in sys.modules]), file=sys.stderr)
"""


def loaded(tmp_path: Path, body: str) -> set[str]:
    """Which of the heavy packages are imported after `body` ran."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("ETCDCTL_")}
    env |= {f"XDG_{name}_HOME": str(tmp_path) for name in ("DATA", "STATE", "CONFIG")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body, heavy=HEAVY)],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def main(*args: str) -> str:
    return f"from etcdtui.cli import main\nmain({list(args)!r})"


def test_the_command_line_itself_is_light(tmp_path: Path) -> None:
    assert loaded(tmp_path, "import etcdtui.cli") == set()


def test_commands_without_a_cluster_are_light(tmp_path: Path) -> None:
    assert loaded(tmp_path, main("config", "check")) == set()
    assert loaded(tmp_path, main("themes")) == set()
    assert loaded(tmp_path, main("audit")) == set()


def test_a_headless_command_loads_no_terminal_ui(tmp_path: Path) -> None:
    found = loaded(tmp_path, main("status", "--endpoints", "127.0.0.1:1", "--timeout", "100ms"))
    assert "etcd3" in found
    assert found.isdisjoint({"textual", "rich", "paramiko", "kubernetes"})
