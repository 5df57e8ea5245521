"""TLS to real pods: the name that is checked, and the Secret that its certificate comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.model.cluster import ClusterSnapshot, State
from tests.sites.kube.support import as_somebody, console_on, documented_rules
from tests.support.kube import Kube, Place
from tests.support.pki import make_pki

BAD = "is for another name"

pytestmark = [pytest.mark.kube, pytest.mark.timeout(240)]


def test_the_pods_own_name_is_checked_in_tls_with_a_certificate_of_a_secret(
    kube: Kube, place: Place, tmp_path: Path
) -> None:
    pki = make_pki(tmp_path / "pki", dns=(place.host("etcd-0"), "localhost"))
    parts = {
        "ca.pem": pki.ca,
        "server.pem": pki.server_cert,
        "server-key.pem": pki.server_key,
        "client.pem": pki.client_cert,
        "client-key.pem": pki.client_key,
    }
    files = [f"--from-file={name}={path}" for name, path in parts.items()]
    place.run("create", "secret", "generic", "etcd-tls", *files)
    place.config_files(2, tls=True)
    place.wait_ready(2)
    with console_on(place, tmp_path, secret="etcd-tls") as console:

        def told(shot: ClusterSnapshot) -> bool:
            rows = {row.endpoint.split("//")[1].split(".")[0]: row for row in shot.rows}
            first, other = rows.get("etcd-0"), rows.get("etcd-1")
            return bool(first and first.reading.answered and other and BAD in other.reading.reason)

        shot = console.until(told)
        assert len(shot.rows) == 2 and all(row.endpoint.startswith("https://") for row in shot.rows)
    # Who may not read the Secret is told so, and sees the pods.
    file = as_somebody(place, tmp_path / "kubeconfig", documented_rules()[0])
    with console_on(place, tmp_path, secret="etcd-tls", kubeconfig=file) as console:
        wanted = 'secrets "etcd-tls"'
        shot = console.until(lambda s: len(s.rows) == 2 and all(wanted in r.reading.reason for r in s.rows))
        assert "may not get secrets" in shot.site_note and [n.brief for n in shot.nodes] == ["ready"] * 2
        assert all(row.state is State.UNKNOWN for row in shot.rows)
        examined = console.session.site.examine(True)  # type: ignore[attr-defined]
        assert any("may not get secrets etcd-tls" in finding.message for finding in examined)
