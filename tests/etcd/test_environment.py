"""What importing the package does to a process: in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

QUIET = """
import subprocess, sys, time
from etcdtui.etcd.rpc import dial
from etcdtui.etcd.api import Target, TlsMaterial
from etcdtui.errors import EtcdError
from google.protobuf.internal import api_implementation
assert api_implementation.Type() == "python", api_implementation.Type()
ends = [dial(Target("http://127.0.0.1:1", "127.0.0.1:1")),
        dial(Target("https://127.0.0.1:1", "127.0.0.1:1", TlsMaterial(b"junk"))),
        dial(Target("http://nohost.invalid:1", "nohost.invalid:1"))]
for end in ends:
    try:
        end.status(1)
    except EtcdError:
        pass
    subprocess.run(["true"], check=True)
    subprocess.run(["true"], check=True, preexec_fn=lambda: None)
print("done")
"""


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GRPC_", "PROTOCOL_BUFFERS"))}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=kept | env, check=False
    )


def test_nothing_reaches_the_terminal() -> None:
    done = run(QUIET, GRPC_VERBOSITY="DEBUG", GRPC_TRACE="all", PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="upb")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_protobuf_imported_before_in_the_right_way_is_fine() -> None:
    code = "import google.protobuf.message, etcdtui.etcd.rpc"
    assert run(code, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python").returncode == 0


def test_protobuf_imported_before_in_the_wrong_way_is_a_clear_error() -> None:
    code = """
import google.protobuf.descriptor
from etcdtui.errors import EtcdError
try:
    import etcdtui.etcd.rpc
except EtcdError as exc:
    print(exc)
"""
    done = run(code)
    assert "protobuf was imported before etcdtui.etcd.rpc, with its implementation 'upb'" in done.stdout
    assert "set PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python" in done.stdout


def test_the_layers_above_do_not_pay_for_it() -> None:
    code = """
import sys
import etcdtui.etcd.api, etcdtui.etcd.errors, etcdtui.runtime.health
print([m for m in ("grpc", "etcd3", "google.protobuf") if m in sys.modules])
"""
    assert run(code).stdout.strip() == "[]"
