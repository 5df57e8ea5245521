"""A console of its own for one action: ``python -m tests.ops.child DIR STATE VERB ACTION NAME``.

It ends itself with SIGKILL in the middle of its step with that verb.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from etcdtui.ops.runner import Phase, Progress
from etcdtui.sites.local.demo import attach_demo
from tests.support.consoles import console, prepare, ready

SOON = 0.003
"""Seconds after the call was about to be sent: it may be under way or answered by then."""


def main(directory: str, state: str, verb: str, action: str, name: str) -> None:
    with console(attach_demo(Path(directory)), Path(state)) as session:
        ready(session)
        plan = prepare(session, action, name)

        def watch(report: Progress) -> None:
            if report.phase is Phase.RUN and plan.steps[report.step_index].verb == verb:
                threading.Timer(SOON, os.kill, (os.getpid(), signal.SIGKILL)).start()

        print(session.execute(plan, progress=watch))


if __name__ == "__main__":
    main(*sys.argv[1:])
