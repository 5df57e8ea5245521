"""One healthy StatefulSet for the tests of a module that only look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.kube import Kube, Place, namespace


@pytest.fixture(scope="module")
def three(kube: Kube) -> Iterator[Place]:
    """Three members of etcd 3.5 without a shell."""
    with namespace(kube) as place:
        place.config_files(3)
        place.wait_ready(3)
        yield place
