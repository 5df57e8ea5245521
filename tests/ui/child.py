"""The console on a scripted session, driven line by line: the child side of `tests.ui.terminal`."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace

from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.health import Severity
from etcdtui.runtime.quitting import asked_by_signal
from etcdtui.ui.app import run_console
from tests.ui.scripted import SCENES, ScriptedSession


def bumped(old: ClusterSnapshot, by: int) -> ClusterSnapshot:
    """The same with one other raft index."""
    first, *rest = old.rows
    assert first.reading.status is not None
    status = replace(first.reading.status, raft_index=first.reading.status.raft_index + by)
    row = replace(first, reading=replace(first.reading, status=status))
    return replace(old, rows=(row, *rest))


def main() -> int:
    commands, replies, scene = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    session = ScriptedSession(SCENES[scene]())
    session.note(Severity.OK, "watching demo")

    def obey() -> None:
        with os.fdopen(commands) as lines:
            for line in lines:
                word, _, number = line.strip().partition(" ")
                if word == "begun":
                    session.started.wait()
                elif word == "same":
                    for _ in range(int(number)):
                        session.feed(replace(SCENES[scene](), seq=session.snapshot().seq + 1))
                        time.sleep(0.2)
                elif word == "bump":
                    session.feed(bumped(session.snapshot(), int(number)))
                os.write(replies, b"ok\n")

    threading.Thread(target=obey, daemon=True).start()
    with asked_by_signal():
        return run_console(session, object())


if __name__ == "__main__":
    raise SystemExit(main())
