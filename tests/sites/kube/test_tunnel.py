"""What an endpoint behind a port-forward says of a call that was not answered; no Kubernetes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etcdtui.errors import SiteError, Unreachable
from etcdtui.etcd.api import Target
from etcdtui.sites.kube.forward import Forward
from etcdtui.sites.kube.tunnel import tunnelled


class Silent:
    """An endpoint whose every call meets something and fails. It proves nothing of gRPC's own errors."""

    target = Target("http://etcd-0:2379", "etcd-0:2379")

    def __init__(self, meets: Callable[[], None]) -> None:
        self._meets = meets

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._fail

    def _fail(self, *args: object) -> None:
        self._meets()
        raise Unreachable("connection reset")


@pytest.mark.parametrize("mended", [False, True])
def test_a_way_that_broke_during_a_call_is_no_dead_member_though_the_next_one_stands(
    tmp_path: Path, mended: bool
) -> None:
    forward = Forward(None, "/api/v1/namespaces/x/pods/etcd-0", 2379, tmp_path / "0.sock")  # type: ignore[arg-type]

    def broken() -> None:
        forward._note("the port-forward broke: reset", lost=True)
        if mended:
            forward._note("", lost=False)

    try:
        endpoint = tunnelled(Silent(broken), forward, None, lambda: "")
        with pytest.raises(SiteError, match="the port-forward broke: reset"):
            endpoint.status(1.0)
        # What broke before the call says nothing of it once the way stands again.
        forward._note("", lost=False)
        later = tunnelled(Silent(lambda: None), forward, None, lambda: "")
        with pytest.raises(Unreachable):
            later.status(1.0)
    finally:
        forward.close()
