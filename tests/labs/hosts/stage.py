"""The stage of a trial on real hosts: consoles that are killed, and what the next launch makes of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.cli.command import Cli
from tests.labs.hosts.clusters import LabCluster
from tests.labs.hosts.lab import Lab

CONSOLE_TIMEOUT = 150.0
"""Seconds after which a console that does not end by itself counts as hanging."""
ROUNDS = 4


@dataclass
class LabStage:
    """A cluster on hosts and consoles beside the test's own."""

    lab: Lab
    cluster: LabCluster
    cli: Cli
    hosts: Sequence[str] = ("n1", "n2", "n3", "n4")
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cli.config(
            f"profiles: {{lab: {{kind: ssh, hosts: [{', '.join(self.hosts)}], "
            f"ssh_config: {self.lab.ssh_config}}}}}\n"
        )

    def console(self, *args: str) -> subprocess.Popen[str]:
        """A console that carries out a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "etcdtui", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env=self.cli.environ(),
        )  # fmt: skip

    def run(self, *args: str) -> int:
        """Exit code of a console that is left alone; what it said is kept."""
        process = self.console(*args)
        try:
            out, err = process.communicate(timeout=CONSOLE_TIMEOUT)
        finally:
            process.kill()
            process.communicate()
        self.said.append(f"{args}: {process.returncode}: {(err or out).strip()}")
        return process.returncode

    def lines(self) -> list[dict[str, Any]]:
        """Every whole line of the audit log."""
        with contextlib.suppress(FileNotFoundError):
            raw = self.cli.audit.read_bytes()
            return [json.loads(line) for line in raw.splitlines(keepends=True) if line.endswith(b"\n")]
        return []

    def _verb(self, line: dict[str, Any]) -> str:
        """What the step of an audit line does."""
        stored = self.cli.root / "state" / "etcdtui" / "plans"
        for file in stored.glob("*.json"):
            plan = json.loads(file.read_text())["plan"]
            if plan["id"] == line["plan"]:
                return str(plan["steps"][line["step"] - 1]["verb"])
        return ""

    def killed(self, argv: Sequence[str], verb: str, delay: float) -> bool:
        """Run a command and kill its console some time after it began the first step of that verb.

        False when it ended before.
        """
        console = self.console(*argv, "lab", "--yes")
        try:
            deadline = time.monotonic() + CONSOLE_TIMEOUT
            while not any(x["phase"] == "begin" and self._verb(x) == verb for x in self.lines()):
                if console.poll() is not None:
                    self.said.append(str(console.communicate()))
                    return False
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{argv}: the point did not come")
                time.sleep(0.01)
            time.sleep(delay)
            return console.poll() is None
        finally:
            console.kill()
            console.communicate()

    def unfinished(self) -> list[dict[str, Any]]:
        """What consoles have left."""
        found: list[dict[str, Any]] = self.cli.json("plans", "lab", "-o", "json")
        return found

    def settle(self, random: Random) -> str:
        """Finish or undo what was left, as often as it takes; which it was."""
        how = ""
        for _ in range(ROUNDS):
            left = self.unfinished()
            if not left:
                return how or "nothing left"
            how = random.choice(("finish", "undo"))
            code = self.run(how, left[0]["id"], "lab", "--yes")
            if code == 2:
                how = "undo" if how == "finish" else "finish"
                self.run(how, left[0]["id"], "lab", "--yes")
        raise AssertionError(f"still unfinished after {ROUNDS} launches: {self.said}")
