"""The edge of the command line: crashes, broken pipes, interruption, and what is printed of foreign text."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from etcdtui.cli import main
from etcdtui.cli.action_args import options
from etcdtui.cli.parser import build_parser
from etcdtui.cli.printing import table, width
from etcdtui.cli.target import choose
from etcdtui.config import Config, EndpointsProfile, KubeProfile, LocalProfile, SshProfile
from etcdtui.config.profiles import UiSettings
from etcdtui.errors import UsageError
from tests.cli.command import Cli, one_line
from tests.support.etcd import running


def test_a_table_is_framed_as_etcdctl_does() -> None:
    assert table(("id", "is learner"), [("a", "字"), ("ab", "")]).splitlines() == [
        "+----+------------+",
        "| ID | IS LEARNER |",
        "+----+------------+",
        "| a  | 字         |",
        "| ab |            |",
        "+----+------------+",
    ]
    assert table(("a",), []).count("\n") == 2
    assert width("é字") == 3


def test_an_internal_error_is_one_line_and_a_file(cli: Cli) -> None:
    script = (
        "from etcdtui.cli import edge; edge.COMMANDS['themes'] = 'nowhere:x'; exit(edge.main(['themes']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, env=cli.environ(), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 70
    (file,) = (cli.root / "state").rglob("crash-*.log")
    assert one_line(done) == f"internal error: ModuleNotFoundError; the traceback is in {file}"
    assert "nowhere" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_full_disk_behind_stdout_is_one_line(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "etcdtui", "themes"],
            stdout=full, stderr=subprocess.PIPE, text=True, env=cli.environ(), timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert one_line(done) == "standard output cannot be written: No space left on device"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, cli: Cli) -> None:
    with running(tmp_path, 1) as cluster:
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "etcdtui", "status", "--endpoints", cluster.urls[0]],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            env=cli.environ(),
            timeout=60,
            check=False,
        )
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_interrupting_is_130(tmp_path: Path, cli: Cli) -> None:
    with running(tmp_path, 1) as cluster:
        cluster.procs[0].freeze()
        process = subprocess.Popen(
            [sys.executable, "-m", "etcdtui", "status", "--endpoints", cluster.urls[0], "--timeout", "30s"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=cli.environ(PYTHONVERBOSE=""),
            text=True,
        )
        try:
            wait_connected(process.pid, int(cluster.urls[0].rsplit(":", 1)[1]))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
            cluster.procs[0].thaw()
    assert (process.returncode, err) == (130, "etcdtui: interrupted\n")


def wait_connected(pid: int, port: int) -> None:
    """Until the process has a connection to that port."""
    process = psutil.Process(pid)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp")):
            return
    raise TimeoutError(f"no connection to port {port}")


def test_a_member_name_full_of_escapes_stays_text(tmp_path: Path, cli: Cli) -> None:
    with running(tmp_path, 1, names=["n\x1b[31m[red]x"]) as cluster:
        for command in ("status", "members", "health"):
            done = cli(command, "--endpoints", cluster.urls[0])
            assert done.returncode == 0
            assert "\x1b" not in done.stdout
            assert "[red]x" in done.stdout


def test_a_question_is_asked_and_no_is_an_answer(demo: Cli) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "etcdtui", "stop", "n1", "demo"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=demo.environ(),
    )
    os.close(slave)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(master, 4096)
    os.write(master, b"\n")
    assert process.wait(30) == 2
    os.close(master)
    assert demo("status", "demo").returncode == 0


def parsed(*args: str, config: Config | None = None, environ: Mapping[str, str] | None = None) -> object:
    return choose(build_parser().parse_args(args), config or Config(), environ or {})


def test_what_the_arguments_mean() -> None:
    prod = EndpointsProfile(name="prod", endpoints=("p:1",))
    config = Config(UiSettings(), {"prod": prod}, "prod")
    assert parsed("status", config=config) is prod
    assert parsed("status", "prod", config=config) is prod
    assert parsed("status", "demo", config=config) == LocalProfile(name="demo")
    assert parsed("launch", "--local", "--dir", "/d") == LocalProfile(name="demo", directory=Path("/d"))
    assert parsed("launch", "--ssh", "a,b", "-J", "x,y") == SshProfile(
        name="a", hosts=("a", "b"), jump=("x", "y")
    )
    assert parsed("launch", "--context", "c", "-n", "ns") == KubeProfile(
        name="c/ns", context="c", namespace="ns"
    )
    kube = KubeProfile(name="kube", helper_image="old")
    with_image = parsed(
        "status", "kube", "--helper-image", "new", config=Config(UiSettings(), {"kube": kube})
    )
    assert with_image == KubeProfile(name="kube", helper_image="new")
    demo = EndpointsProfile(name="demo", endpoints=("d:1",))
    assert parsed("status", "demo", config=Config(UiSettings(), {"demo": demo})) is demo


def test_the_arguments_win_over_etcdctls_variables() -> None:
    env = {
        "ETCDCTL_ENDPOINTS": "e:1", "ETCDCTL_CACERT": "/ca", "ETCDCTL_USER": "u:pw",
        "ETCDCTL_COMMAND_TIMEOUT": "7s",
    }  # fmt: skip
    from_env = parsed("status", environ=env)
    assert isinstance(from_env, EndpointsProfile)
    assert (from_env.endpoints, from_env.user, from_env.password) == (("e:1",), "u", "pw")
    assert from_env.tls is not None
    assert (from_env.tls.ca, from_env.timeout) == (Path("/ca"), 7.0)
    given = parsed("status", "--endpoints", "f:1", "--cacert", "/cb", "--user", "v", environ=env)
    assert isinstance(given, EndpointsProfile)
    assert (given.endpoints, given.user, given.password) == (("f:1",), "v", None)
    assert given.tls is not None
    assert given.tls.ca == Path("/cb")
    # The default profile does not hide what was asked for with flags.
    config = Config(UiSettings(), {"prod": EndpointsProfile(name="prod", endpoints=("p:1",))}, "prod")
    with_flag = parsed("status", "--user", "v", config=config, environ=env)
    assert isinstance(with_flag, EndpointsProfile)
    assert with_flag.endpoints == ("e:1",)


def test_tls_without_files_is_asked_for_by_etcdctls_variable() -> None:
    profile = parsed("status", environ={"ETCDCTL_ENDPOINTS": "e:1", "ETCDCTL_INSECURE_TRANSPORT": "false"})
    assert isinstance(profile, EndpointsProfile)
    assert profile.tls is not None


def test_abbreviated_flags_are_not_guessed() -> None:
    with pytest.raises(UsageError, match="unrecognized arguments: --over"):
        build_parser().parse_args(["stop", "n1", "--over", "x"])


def test_help_and_version_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--help", "--version"):
        with pytest.raises(SystemExit) as end:
            main([flag])
        assert end.value.code == 0
    assert "etcdtui" in capsys.readouterr().out


def test_a_complaint_holds_no_escapes_either(cli: Cli) -> None:
    done = cli("status", "--dir=\x1b[31m")
    assert "\x1b" not in done.stderr
    done = cli("start\x1b[31m")
    assert (done.returncode, "\x1b" in done.stderr) == (2, False)
    done = cli("status", "--endpoints", "a:1", "--cacert", "/\x1b[31m")
    assert (done.returncode, "\x1b" in one_line(done)) == (2, False)


@pytest.mark.parametrize(
    "words",
    [
        ["n1", "prod", "--yes"],
        ["n1", "--yes", "prod"],
        ["--yes", "n1", "prod"],
        ["n1", "--override", "x", "prod"],
    ],
)
def test_flags_may_stand_between_the_other_words(words: list[str]) -> None:
    args = build_parser().parse_args(["stop", *words])
    assert (args.node, args.profile) == ("n1", "prod")
    assert build_parser().parse_args(["status", "-o", "json", "prod"]).profile == "prod"


def test_the_fields_of_an_action_are_its_arguments() -> None:
    args = build_parser().parse_args(["upgrade", "3.5.9", "prod", "--pause", "7s"])
    assert (args.action, args.profile, options(args)) == (
        "upgrade",
        "prod",
        {"version": "3.5.9", "pause": 7.0},
    )
    with pytest.raises(UsageError, match=r"Healthy between two nodes for: expected a time such as"):
        options(build_parser().parse_args(["rolling-restart", "--pause", "soon"]))
    with pytest.raises(UsageError, match="VERSION"):
        build_parser().parse_args(["upgrade"])
