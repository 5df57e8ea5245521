"""Options and fixtures that tests of several folders share."""

from __future__ import annotations

import pytest

from tests.support.kube import kube, place

__all__ = ["kube", "place"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kube-context",
        default="",
        metavar="CTX",
        help="run the tests marked kube on this context of the kubeconfig instead of the lab",
    )
