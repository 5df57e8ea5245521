"""The store of plans in the hands of several consoles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from etcdtui.ops.store import KEPT, PlanStore


def test_consoles_that_put_plans_away_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    finished = tmp_path / "finished"
    finished.mkdir()
    for number in range(8 * KEPT):
        (finished / f"old{number}.json").write_text("{}")
    with ThreadPoolExecutor(4) as consoles:
        list(consoles.map(lambda number: PlanStore(tmp_path).retire(f"plan{number}"), range(40)))
    assert len(list(finished.glob("*.json"))) == KEPT
