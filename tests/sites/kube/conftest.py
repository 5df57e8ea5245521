"""One healthy StatefulSet for the tests of a module that only look, and an order that keeps workers busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kube import Kube, Place, namespace

LONGEST = (
    "test_founding_matrix.py", "test_life.py", "test_chaos.py", "test_upgrading.py", "test_evicting.py",
    "test_acting.py", "test_reaching.py", "test_bad_days.py", "test_selfmanaged.py", "test_founding.py",
    "test_scaling.py", "test_restoring.py", "test_adopting.py", "test_replacing.py", "test_full_claim.py",
    "test_refused.py", "test_choosing.py", "test_budget.py", "test_quota.py", "test_certificates.py",
)  # fmt: skip
"""The files, the longest first: begun last, idle workers would wait for it."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture
def in_the_lab(kube: Kube) -> None:
    """Skip on another cluster: the test names images of the lab, or goes to its machine."""
    if not kube.lab:
        pytest.skip("names images of the lab, or goes to its machine")


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place of its own for the certificate authorities that this process makes."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


@pytest.fixture(scope="module")
def three(kube: Kube) -> Iterator[Place]:
    """Three members of etcd 3.5 without a shell."""
    with namespace(kube) as place:
        place.config_files(3)
        place.wait_ready(3)
        yield place
