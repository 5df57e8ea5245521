"""``Match exec`` of ssh_config as ssh has it: run by the user's shell, off the terminal, with a deadline."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from paramiko import SSHConfig

from etcdtui.sites.ssh.ssh_config import HARMLESS, in_shell

DEADLINE = 10.0
"""Seconds a command may take to say whether it matches."""


class Parser(SSHConfig):  # type: ignore[misc]  # paramiko has no types
    """paramiko's, which would let such a command read the console's keys and write to its screen.

    Raises:
        ValueError: of a lookup: a command took too long, or a name is not for a shell.
    """

    def _does_match(
        self,
        match_list: Sequence[Mapping[str, Any]],
        target_hostname: str,
        canonical: bool,
        final: bool,
        options: Mapping[str, Any],
    ) -> bool:
        rest = [each for each in match_list if each["type"] != "exec"]
        if rest and not super()._does_match(rest, target_hostname, canonical, final, options):
            return False
        for each in match_list:
            if each["type"] == "exec":
                command = self._tokenize(options, target_hostname, "match-exec", each["param"])
                names = (
                    target_hostname,
                    str(options.get("hostname") or "x"),
                    str(options.get("user") or "x"),
                )
                if command != each["param"] and not all(map(HARMLESS.fullmatch, names)):
                    raise ValueError("this name is not given to the command of Match exec")
                if _succeeds(command) is bool(each["negate"]):
                    return False
        return bool(match_list)


def _succeeds(command: str) -> bool:
    none = subprocess.DEVNULL
    try:
        done = subprocess.run(
            in_shell(command), stdin=none, stdout=none, stderr=none, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"Match exec {command!r} did not end in {DEADLINE:g} s") from None
    return done.returncode == 0
