"""What is typed in the wizard, as a profile: whatever is said comes back from the file as it was meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.config import KubeProfile, SshProfile
from etcdtui.config.draft import Draft
from etcdtui.config.writer import with_profile
from etcdtui.model.bootstrap import HostsBootstrap, KubeBootstrap

ROWS = [{"host": "op@a:22"}, {"host": "b", "name": "b1", "peer_port": "3380"}, {"host": "c"}]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"discovery": "srv", "srv_domain": "kv.test", "tls": "made", "run": "process"},
        {"discovery": "service", "discovery_endpoints": "x:1, http://y:2", "release": "3.6.1", "auth": "yes"},
        {
            "tls": "given",
            "ca": __file__,
            "cert": __file__,
            "key": __file__,
            "client_cert": __file__,
            "client_key": __file__,
        },
        {"kind": "kubernetes", "members": "5", "run_as": "0", "storage": "none", "spread": "required"},
        {
            "kind": "kubernetes",
            "tls": "given",
            "secrets": "one, two",
            "tls_secret": "mine",
            "image": "x/etcd:v3.4.23",
            "auth": "yes",
        },
    ],
)
def test_as_typed_so_read(tmp_path: Path, values: dict[str, str]) -> None:
    draft = Draft({"name": "new", **values}, [dict(row) for row in ROWS])
    assert not [problem for problem in draft.problems() if problem.hard]
    profile = with_profile(tmp_path / "config.yaml", "new", draft.mapping()).profile
    assert isinstance(profile, SshProfile | KubeProfile)
    plan = draft.plan()
    assert isinstance(plan, HostsBootstrap | KubeBootstrap)
    assert profile.bootstrap == plan
    assert (profile.etcd_user if isinstance(profile, SshProfile) else profile.user) == (
        "root" if replace(plan).auth else ""
    )


def test_every_fault_is_told_at_its_cell() -> None:
    rows = [{"host": "a", "client_port": "x"}, {"host": "a b"}, {}, {"host": "d", "address": "/"}]
    draft = Draft({"name": "-", "tls": "some", "source": "tarball", "where": "/no/such"}, rows)
    found = {problem.where: problem.text for problem in draft.problems() if problem.hard}
    assert found["members[0].client_port"] == "expected a port, 1 to 65535"
    assert "members[1].host" in found and found["members[2].host"] == "expected a host"
    assert "members[3].address" in found and "members[2].name" not in found
    assert found["name"].startswith("expected letters") and found["tls"].startswith("expected one of")
    assert found["where"] == "there is no file /no/such" and "release" in found
