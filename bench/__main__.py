"""`python -m bench`: runs every benchmark, prints the table and writes ``bench/results.json``.

`python -m bench kube` runs and prints those on a real Kubernetes alone; the lab of tests/labs/kube must run.
`python -m bench ssh` those through a jump host alone, `python -m bench bringup` those of a bring-up: the one
under systemd needs root and the lab of tests/labs/hosts built.
None of them writes the file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import bringup, bringup_hosts, console, kube, reading, ssh
from bench.result import Row, save, table


def main() -> int:
    """0 when every goal holds, 1 otherwise."""
    if sys.argv[1:] == ["kube"]:
        print(table(kube.run()))
        return 0
    with tempfile.TemporaryDirectory(prefix="etcdtui-bench-") as directory:
        root = Path(directory)
        alone = {"ssh": ssh.run, "bringup": _bringup}
        if len(sys.argv) > 1 and sys.argv[1] in alone:
            print(table(alone[sys.argv[1]](root)))
            return 0
        for name in ("reading", "console", "ssh", "bringup"):
            (root / name).mkdir()
        rows = reading.run(root / "reading") + console.run(root / "console")
        rows += ssh.run(root / "ssh") + _bringup(root / "bringup") + kube.run()
    save(rows)
    print(table(rows))
    return 0 if all(row.holds for row in rows) else 1


def _bringup(root: Path) -> list[Row]:
    return bringup.run(root) + bringup_hosts.run(root)


sys.exit(main())
