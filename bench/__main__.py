"""`python -m bench`: runs every benchmark, prints the table and writes ``bench/results.json``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import console, reading, ssh
from bench.result import save, table


def main() -> int:
    """0 when every goal holds, 1 otherwise."""
    with tempfile.TemporaryDirectory(prefix="etcdtui-bench-") as directory:
        root = Path(directory)
        for name in ("reading", "console", "ssh"):
            (root / name).mkdir()
        rows = reading.run(root / "reading") + console.run(root / "console") + ssh.run(root / "ssh")
    save(rows)
    print(table(rows))
    return 0 if all(row.holds for row in rows) else 1


sys.exit(main())
