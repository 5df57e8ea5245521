"""An API server silent, gone or cut off for a while: nobody is called dead for it, all comes back itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etcdtui.model.cluster import ClusterSnapshot, State
from tests.runtime.watch import settled
from tests.sites.kube.support import Console, console_on
from tests.support.gate import Gate, gated
from tests.support.kube import Place

pytestmark = [pytest.mark.kube, pytest.mark.timeout(120)]


def all_are(*states: State) -> Callable[[ClusterSnapshot], bool]:
    return lambda shot: len(shot.rows) == 3 and all(row.state in states for row in shot.rows)


def well(shot: ClusterSnapshot) -> bool:
    return settled(3)(shot) and not shot.site_error


@contextlib.contextmanager
def behind_a_gate(three: Place, root: Path) -> Iterator[tuple[Console, Gate]]:
    file = root / "kubeconfig"
    with gated(three.kube, file) as gate, console_on(three, root, kubeconfig=file) as console:
        console.ready(3)
        console.from_now()
        yield console, gate


def nobody_died(console: Console) -> None:
    """Since the last `from_now` no snapshot called a member down."""
    seen = [shot for at, shot in console.watch.seen if at >= console.since]
    assert not any(row.state is State.DOWN for shot in seen for row in shot.rows)


def test_a_silent_api_server_makes_nobody_dead(three: Place, tmp_path: Path) -> None:
    with behind_a_gate(three, tmp_path) as (console, gate):
        with gate.silent():
            shot = console.until(lambda s: all_are(State.UNKNOWN)(s) and bool(s.site_error))
            assert "API server" in shot.site_error and "no answer in time" in shot.site_error
            plan = console.session.prepare("restart-node", shot.find("etcd-1"))
            refused = console.session.execute(plan)
            assert refused.outcome.value == "refused", refused.message
        nobody_died(console)
        console.from_now()
        console.until(well)


def test_an_api_server_that_is_gone_makes_nobody_dead(three: Place, tmp_path: Path) -> None:
    with behind_a_gate(three, tmp_path) as (console, gate):
        with gate.shut():
            shot = console.until(lambda s: all_are(State.UNKNOWN)(s) and bool(s.site_error))
            assert "API server" in shot.site_error and "refused" in shot.site_error
        nobody_died(console)
        console.from_now()
        console.until(well)


def test_a_port_forward_that_is_cut_is_made_again_by_itself(three: Place, tmp_path: Path) -> None:
    with behind_a_gate(three, tmp_path) as (console, gate):
        for _ in range(3):
            console.from_now()
            gate.cut()
            console.until(well, 10)
            nobody_died(console)
