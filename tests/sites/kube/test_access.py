"""Kubeconfigs as kubectl reads them: real files, real plug-ins, every mistake in one line."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml

from etcdtui.errors import SiteError
from etcdtui.sites.kube.access import Access, open_access
from etcdtui.sites.kube.proxies import for_websocket
from tests.support.pki import make_pki


def kubeconfig(file: Path, name: str, user: dict[str, Any] | None = None, **context: str) -> Path:
    """A file with one context of that name, current unless told otherwise."""
    current = context.pop("current", name)
    file.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443"}}],
                "users": [{"name": name, "user": user or {"token": f"token-of-{name}"}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name, **context}}],
                **({"current-context": current} if current else {}),
            }
        )
    )
    return file


def opened(tmp_path: Path, files: str | Path = "", context: str = "", **environ: str) -> Access:
    keys = tmp_path / "keys"
    keys.mkdir(exist_ok=True)
    environ = {"KUBECONFIG": str(files), **environ}
    return open_access(context, None, keys=keys, environ=environ)


def refusal(tmp_path: Path, files: str | Path, context: str = "") -> str:
    with pytest.raises(SiteError) as refused:
        opened(tmp_path, files, context).headers()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def plugin(tmp_path: Path, body: str) -> dict[str, Any]:
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(script),
            "env": [{"name": "WHO", "value": "me"}],
        }
    }


def test_several_files_are_merged_and_the_first_current_context_counts(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "one", "one", namespace="etcd")
    second = kubeconfig(tmp_path / "two", "two")
    files = os.pathsep.join(map(str, (first, tmp_path / "absent", second)))
    found = opened(tmp_path, files)
    assert (found.context, found.namespace) == ("one", "etcd")
    assert found.headers() == [("authorization", "Bearer token-of-one")]
    other = opened(tmp_path, files, "two")
    assert (other.configuration.host, other.namespace) == ("https://two.example:6443", "")


def test_mistakes_name_the_file_and_the_way_out(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", "prod", current="")
    assert (
        refusal(tmp_path, file) == f"kubeconfig {file}: no context is the current one (give --context prod)"
    )
    assert "there is no context 'dev' (there is prod)" in refusal(tmp_path, file, "dev")
    assert "there is no kubeconfig" in refusal(tmp_path, tmp_path / "absent")
    (tmp_path / "broken").write_text("contexts: [}")
    assert str(tmp_path / "broken") in refusal(tmp_path, tmp_path / "broken")
    (tmp_path / "list").write_text("- a\n- b\n")
    assert str(tmp_path / "list") in refusal(tmp_path, tmp_path / "list")


def test_a_key_does_not_end_with_another_console_that_has_the_same(tmp_path: Path) -> None:
    user = {"client-certificate-data": _base64("CERT"), "client-key-data": _base64("KEY")}
    file = kubeconfig(tmp_path / "c", "c", user)
    found = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        found.append(opened(tmp_path / name, file).configuration.key_file)
    assert [Path(path).parent for path in found] == [tmp_path / "one" / "keys", tmp_path / "other" / "keys"]
    assert {Path(path).read_text() for path in found} == {"KEY"}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_impersonation_becomes_headers(tmp_path: Path) -> None:
    user = {"token": "t", "as": "jane", "as-groups": ["ops", "dev"], "as-user-extra": {"why": ["drill"]}}
    headers = opened(tmp_path, kubeconfig(tmp_path / "c", "c", user)).headers()
    assert headers[1:] == [
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Extra-why", "drill"),
    ]


def with_proxy(tmp_path: Path, proxy: str) -> Path:
    file = kubeconfig(tmp_path / "c", "c")
    config = yaml.safe_load(file.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = proxy
    file.write_text(yaml.safe_dump(config))
    return file


@pytest.mark.parametrize(
    "proxy", ["https://jane:secret@edge:3128", "jane:secret@edge", "http://", "http://[x"]
)
def test_proxy_that_cannot_be_used_is_named_without_its_password(tmp_path: Path, proxy: str) -> None:
    text = refusal(tmp_path, with_proxy(tmp_path, proxy))
    assert "cannot be used (name one as http://HOST:PORT or socks5://HOST:PORT)" in text
    assert "secret" not in text and ("edge" in text) == ("edge" in proxy)


def test_no_proxy_counts_for_a_proxy_of_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://edge:3128")
    plain = kubeconfig(tmp_path / "plain", "plain")
    assert opened(tmp_path, plain).configuration.proxy == "http://edge:3128"
    monkeypatch.setenv("NO_PROXY", "other,.example")
    assert opened(tmp_path, plain).configuration.proxy is None
    named = opened(tmp_path, with_proxy(tmp_path, "http://jane:p%40ss@gate:3128")).configuration
    assert for_websocket(named) == {
        "proxy_type": "http",
        "http_proxy_host": "gate",
        "http_proxy_port": 3128,
        "http_proxy_timeout": 5.0,
        "http_proxy_auth": ("jane", "p@ss"),
        "http_no_proxy": ["-"],
    }


def test_names_are_resolved_at_a_socks_proxy_as_kubectl_does(tmp_path: Path) -> None:
    found = opened(tmp_path, with_proxy(tmp_path, "socks5://127.0.0.1:1080"))
    assert found.configuration.proxy == "socks5h://127.0.0.1:1080"


def test_exec_plugin_gives_a_token_and_another_one_when_it_has_expired(tmp_path: Path) -> None:
    body = (
        'echo x >> "$0.calls"\n'
        'n=$(wc -l < "$0.calls")\n'
        'echo "{\\"kind\\": \\"ExecCredential\\", \\"status\\": {\\"token\\": \\"$WHO-$n\\",'
        ' \\"expirationTimestamp\\": \\"2020-01-01T00:00:00Z\\"}}"'
    )
    found = opened(tmp_path, kubeconfig(tmp_path / "c", "c", plugin(tmp_path, body)))
    tokens = {dict(found.headers())["authorization"] for _ in range(2)}
    assert len(tokens) == 2 and all(token.startswith("Bearer me-") for token in tokens)


def test_exec_plugin_that_gives_a_certificate_has_it_written_for_us_alone(tmp_path: Path) -> None:
    body = """echo '{"status": {"clientCertificateData": "CERT", "clientKeyData": "KEY"}}'"""
    found = opened(tmp_path, kubeconfig(tmp_path / "c", "c", plugin(tmp_path, body)))
    key = Path(found.configuration.key_file)
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode), key.parent) == (
        "KEY",
        0o600,
        tmp_path / "keys",
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'please log in' >&2; exit 3", "ended with 3: please log in"),
        ("echo hello", "printed no ExecCredential"),
        ("echo '{\"status\": {}}'", "gave neither a token nor a certificate"),
    ],
)
def test_exec_plugin_that_fails_is_named_with_what_it_said(tmp_path: Path, body: str, said: str) -> None:
    file = kubeconfig(tmp_path / "c", "c", plugin(tmp_path, body))
    assert said in refusal(tmp_path, file)


def test_exec_plugin_that_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    user = {"exec": {"command": "/nowhere/login", "installHint": "brew install login"}}
    text = refusal(tmp_path, kubeconfig(tmp_path / "c", "c", user))
    assert "exec plug-in /nowhere/login: No such file or directory (brew install login)" in text


# -- OIDC --------------------------------------------------------------------------------------


def id_token(expires: float, name: str) -> str:
    parts = ({"alg": "none"}, {"exp": int(expires), "name": name})
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        + ".x"
    )


@contextlib.contextmanager
def issuer(root: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """An OpenID issuer on loopback that takes each refresh token once; its URL, CA and what it was given.

    It signs nothing: whether a token is good is for the API server to say, and none is asked here.
    """
    pki, given, good = make_pki(root), [], ["refresh-1"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"token_endpoint": f"{url}/token"})

        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            given.append(asked["refresh_token"][0])
            if given[-1] != good[-1]:
                return self.answer(400, {"error": "invalid_grant", "error_description": "used before"})
            good.append(f"refresh-{len(good) + 1}")
            fresh = id_token(time.time() + 3600, good[-1])
            return self.answer(
                200,
                {"access_token": "a", "token_type": "Bearer", "id_token": fresh, "refresh_token": good[-1]},
            )

        def answer(self, status: int, body: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.server_cert, pki.server_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url, pki.ca, given
    finally:
        server.shutdown()
        server.server_close()


def test_oidc_token_that_has_expired_is_renewed_and_the_next_refresh_token_kept(tmp_path: Path) -> None:
    with issuer(tmp_path / "pki") as (url, ca, given):
        config = {
            "idp-issuer-url": url,
            "idp-certificate-authority": str(ca),
            "client-id": "kube",
            "client-secret": "s",
            "id-token": id_token(time.time() - 60, "old"),
            "refresh-token": "refresh-1",
        }
        file = kubeconfig(tmp_path / "c", "c", {"auth-provider": {"name": "oidc", "config": config}})
        for _ in range(2):
            (header,) = opened(tmp_path, file).headers()
            assert header[0] == "authorization" and "old" not in header[1]
        assert given == ["refresh-1"]
        kept = yaml.safe_load(file.read_text())["users"][0]["user"]["auth-provider"]["config"]
        assert kept["refresh-token"] == "refresh-2" and stat.S_IMODE(file.stat().st_mode) == 0o600
        stale = kubeconfig(tmp_path / "s", "s", {"auth-provider": {"name": "oidc", "config": config}})
        assert "could not be renewed: (invalid_grant) used before (log in again)" in refusal(tmp_path, stale)
    assert "could not be renewed" in refusal(tmp_path, stale)
