"""A console of its own for one action: ``python -m tests.ops.child DIR STATE ACTION NAME``."""

from __future__ import annotations

import sys
from pathlib import Path

from etcdtui.sites.local.demo import attach_demo
from tests.support.consoles import console, do, leads


def main(directory: str, state: str, action: str, name: str) -> None:
    with console(attach_demo(Path(directory)), Path(state)) as session:
        leads(session)
        print(do(session, action, name))


if __name__ == "__main__":
    main(*sys.argv[1:])
