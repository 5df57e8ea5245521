"""An API server that is silent for a while: nobody is called dead for it, and all comes back by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from etcdtui.model.cluster import ClusterSnapshot, State
from tests.labs.kube import settings
from tests.labs.kube.procs import Processes
from tests.runtime.watch import settled
from tests.sites.kube.support import console_on
from tests.support.kube import Kube, Place

pytestmark = [pytest.mark.kube, pytest.mark.timeout(120)]


def all_are(*states: State) -> Callable[[ClusterSnapshot], bool]:
    return lambda shot: len(shot.rows) == 3 and all(row.state in states for row in shot.rows)


def test_a_silent_api_server_makes_nobody_dead(kube: Kube, three: Place, tmp_path: Path) -> None:
    if not kube.lab:
        pytest.skip("only the lab's own API server can be frozen")
    pid = Processes(settings.from_environment().state_dir).pid("kube-apiserver")
    assert pid is not None
    with console_on(three, tmp_path) as console:
        console.ready(3)
        console.from_now()
        os.kill(pid, signal.SIGSTOP)
        try:
            shot = console.until(lambda s: all_are(State.UNKNOWN)(s) and bool(s.site_error))
            assert "API server" in shot.site_error and "no answer in time" in shot.site_error
            assert not any(row.state is State.DOWN for _, s in console.watch.seen for row in s.rows)
            plan = console.session.prepare("restart-node", shot.find("etcd-1"))
            refused = console.session.execute(plan)
            assert refused.outcome.value == "refused", refused.message
        finally:
            os.kill(pid, signal.SIGCONT)
        console.from_now()
        console.until(lambda s: settled(3)(s) and not s.site_error)
