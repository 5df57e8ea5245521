"""A console of its own for one action: ``python -m tests.ops.child DIR STATE ACTION NAME JSON``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from etcdtui.sites.local.demo import attach_demo
from tests.ops.acting import console, named, seen


def main(directory: str, state: str, action: str, name: str, options: str) -> None:
    with console(attach_demo(Path(directory)), Path(state)) as session:
        # A member that is down is no reason to wait: whoever runs this knows what there is.
        seen(session, lambda s: s.leader_id is not None and session.snapshot().leader_id is not None)
        row = named(session, name) if name else None
        print(session.execute(session.prepare(action, row, json.loads(options))))


if __name__ == "__main__":
    main(*sys.argv[1:])
