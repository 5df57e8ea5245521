"""``python -m tests.labs.hosts build|up|down|status``."""

from __future__ import annotations

import sys
import time

from tests.labs.hosts.base import build, can_run
from tests.labs.hosts.lab import Lab

USAGE = "usage: python -m tests.labs.hosts build|up|down|status"


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0] not in ("build", "up", "down", "status"):
        print(USAGE, file=sys.stderr)
        return 2
    if reason := can_run():
        print(reason, file=sys.stderr)
        return 1
    began = time.monotonic()
    lab = Lab()
    if words[0] == "build":
        print(f"base tree: {build()}")
    elif words[0] == "up":
        build()
        lab.up()
        print(lab.ssh_config.read_text())
        print(f"up: ssh -F {lab.ssh_config} n1")
    elif words[0] == "down":
        lab.down()
    else:
        print("\n".join(lab.status()))
    print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
