"""Every kind of wrong configuration gets one line with file, line, key and what was expected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etcdtui import paths
from etcdtui.cli.target import keymap_ids
from etcdtui.config import (
    EndpointsProfile,
    KubeProfile,
    LocalProfile,
    SshProfile,
    TlsPaths,
    UiSettings,
    find_file,
    load,
)
from etcdtui.config.bootstrap import GIVEN_KEYS, HOSTS_KEYS, KUBE_KEYS, MEMBER_KEYS, RELEASE_KEYS
from etcdtui.config.parse import KINDS, TOP_KEYS, UI_KEYS, profile_keys
from etcdtui.config.values import endpoint, endpoints, seconds
from etcdtui.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parents[1] / "config.example.yaml"


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def complaint(tmp_path: Path, text: str) -> str:
    """The one line an operator sees, without the directory."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text), actions=lambda: ("node.stop", "quit"))
    line = str(caught.value)
    assert "\n" not in line
    return line.replace(f"{tmp_path}/", "")


def test_the_example_loads_and_shows_every_kind() -> None:
    config = load(EXAMPLE, actions=keymap_ids)
    assert {p.kind for p in config.profiles.values()} == set(KINDS)
    assert config.warnings == ()


def test_the_example_names_every_key() -> None:
    text = EXAMPLE.read_text()
    known = {*TOP_KEYS, *UI_KEYS, *(k for cls, _ in KINDS.values() for k in profile_keys(cls))}
    known |= {*HOSTS_KEYS, *KUBE_KEYS, *MEMBER_KEYS, *GIVEN_KEYS, *RELEASE_KEYS}
    assert [key for key in sorted(known) if f"{key}:" not in text] == []


def test_all_profiles_are_typed(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        default: prod
        ui: {theme: nord, refresh: 500ms, timeout: 2, read_only: yes, keymap: {quit: [q, 1], node.stop: s}}
        profiles:
          lab: {kind: local, directory: data, nodes: 5, binary: /bin/etcd, keep: true, description: here}
          prod:
            kind: endpoints
            endpoints: [a:1, "https://b:2", "[::1]:3"]
            tls: {ca: ca.pem, cert: /c.pem, key: ~/k.pem, server_name: etcd}
            user: root
            password_command: [pass, etcd]
            refresh: 0.25
          hosts: {kind: ssh, hosts: [a, b], jump: ops@bastion, user: root, port: 2222, unit: etcd3}
          kube: {kind: kube, context: c, namespace: n, statefulset: s}
        """,
    )
    config = load(file)
    assert config.ui == UiSettings("nord", 0.5, 2.0, {"quit": "q,1", "node.stop": "s"}, True)
    assert config.default == "prod"
    assert config.file == file
    lab, prod = config.profiles["lab"], config.profiles["prod"]
    assert lab == LocalProfile(
        name="lab",
        directory=tmp_path / "data",
        nodes=5,
        binary=Path("/bin/etcd"),
        keep=True,
        description="here",
    )
    assert isinstance(prod, EndpointsProfile)
    assert prod.endpoints == ("a:1", "https://b:2", "[::1]:3")
    assert prod.tls == TlsPaths(tmp_path / "ca.pem", Path("/c.pem"), Path("~/k.pem").expanduser(), "etcd")
    assert prod.password_command == ("pass", "etcd")
    assert prod.refresh == 0.25
    assert config.profiles["hosts"] == SshProfile(
        name="hosts", hosts=("a", "b"), jump=("ops@bastion",), user="root", port=2222, unit="etcd3"
    )
    assert config.profiles["kube"] == KubeProfile(name="kube", context="c", namespace="n", statefulset="s")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a\n", "config.yaml:1: expected a mapping (key: value lines), got a list"),
        ("just words\n", "config.yaml:1: expected a mapping (key: value lines), got text"),
        ("ui: 5\n", "config.yaml:1: ui: expected a mapping (key: value lines), got a number"),
        ("ui:\n\ttheme: x\n", "config.yaml:2: expected spaces for indentation, found a tab"),
        ("ui: {theme: [}\n", "config.yaml:1: not valid YAML: expected the node content, but found '}'"),
        ("a: 1\n---\nb: 2\n", "config.yaml:2: not valid YAML: but found another document"),
        ("ui: {theme: a\x07b}\n", "config.yaml:1: expected text without control characters"),
        ("\nui: {}\nui: {}\n", "config.yaml:3: ui: stands here twice, first on line 2"),
        ("ui:\n  them: x\n", "config.yaml:2: ui.them: unknown key; did you mean theme?"),
        ("profile: {}\n", "config.yaml:1: profile: unknown key; did you mean profiles?"),
        ("zzz: {}\n", "config.yaml:1: zzz: unknown key; there is default, profiles, ui"),
        ("[a]: 1\n", "config.yaml:1: expected a plain word as key"),
        ("ui: &a\n  <<: *a\n", "config.yaml:1: ui: << expects another mapping, got a mapping"),
        ("default: prd\n", "config.yaml:1: default: there is no profile 'prd'; there is demo"),
        ("default: [a]\n", "config.yaml:1: default: expected the name of a profile, got a list"),
        (
            "ui: {refresh: 50ms}\n",
            "config.yaml:1: ui.refresh: expected a time of 100ms or more, such as 500ms, 1s or 2.5, "
            "got '50ms'",
        ),
        (
            "ui: {timeout: 0}\n",
            "config.yaml:1: ui.timeout: expected a time of 100ms or more, such as 500ms, 1s or 2.5, got '0'",
        ),
        (
            "ui: {refresh: 2h}\n",
            "config.yaml:1: ui.refresh: expected a time of 100ms or more, such as 500ms, 1s or 2.5, got '2h'",
        ),
        (
            "ui: {refresh: true}\n",
            "config.yaml:1: ui.refresh: expected a time such as 500ms, 1s or 2.5, got true or false",
        ),
        ("ui: {read_only: 1}\n", "config.yaml:1: ui.read_only: expected true or false, got a number"),
        (
            "ui: {theme: 5}\n",
            "config.yaml:1: ui.theme: expected the name of a theme, got a number (put it in quotes)",
        ),
        ("ui: {theme: ''}\n", "config.yaml:1: ui.theme: expected the name of a theme, got nothing"),
        (
            "ui:\n  keymap:\n    node.stp: s\n",
            "config.yaml:3: ui.keymap.node.stp: unknown action; did you mean node.stop?",
        ),
        (
            "ui: {keymap: {quit: {}}}\n",
            "config.yaml:1: ui.keymap.quit: expected a key or a list of keys, such as ctrl+r or [q, f10]",
        ),
        (
            "ui: {keymap: {quit: 'q r'}}\n",
            "config.yaml:1: ui.keymap.quit: expected a key or a list of keys, such as ctrl+r or [q, f10]",
        ),
        (
            "profiles: {a b: {kind: local}}\n",
            "config.yaml:1: profiles.a b: expected a name of letters, digits and . _ - @ :",
        ),
        (
            "profiles:\n  a: {}\n",
            "config.yaml:2: profiles.a: expected a key kind, one of local, endpoints, ssh, kube",
        ),
        (
            "profiles: {a: {kind: endpoint}}\n",
            "config.yaml:1: profiles.a.kind: unknown kind of profile; did you mean endpoints?",
        ),
        (
            "profiles:\n  a: {kind: local, node: 3}\n",
            "config.yaml:2: profiles.a.node: unknown key; did you mean nodes?",
        ),
        (
            "profiles: {a: {kind: local, nodes: 10}}\n",
            "config.yaml:1: profiles.a.nodes: expected a whole number from 1 to 9, got 10",
        ),
        (
            "profiles: {a: {kind: local, nodes: many}}\n",
            "config.yaml:1: profiles.a.nodes: expected a whole number from 1 to 9, got text",
        ),
        (
            "profiles: {a: {kind: local, directory: ~nobody-here/x}}\n",
            "config.yaml:1: profiles.a.directory: expected a path, got '~nobody-here/x' with an unknown user",
        ),
        (
            "profiles:\n  prod:\n    kind: endpoints\n    endpoints: 5\n",
            "config.yaml:4: profiles.prod.endpoints: expected a list of host:port, got a number",
        ),
        (
            "profiles: {p: {kind: endpoints}}\n",
            "config.yaml:1: profiles.p: expected a key endpoints with a list of host:port",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: []}}\n",
            "config.yaml:1: profiles.p.endpoints: expected a list of host:port, got an empty list",
        ),
        (
            "profiles:\n  p:\n    kind: endpoints\n    endpoints:\n      - a:1\n      - b\n",
            "config.yaml:6: profiles.p.endpoints: expected host:port, http://host:port, https://host:port "
            "or unix:///path, got 'b'",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: [7]}}\n",
            "config.yaml:1: profiles.p.endpoints: expected a list of host:port, got a number in it",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: [a:1], tls: {cert: c}}}\n",
            "config.yaml:1: profiles.p.tls.cert: expected a key key beside it",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: [a:1], tls: {cacert: c}}}\n",
            "config.yaml:1: profiles.p.tls.cacert: unknown key; did you mean cert?",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: [a:1], password: s3cret}}\n",
            "config.yaml:1: profiles.p.password: expected a key user beside it",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: [a:1], user: u, password: 1234}}\n",
            "config.yaml:1: profiles.p.password: expected a password, got a number (put it in quotes)",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: [a:1], user: u, password: x, password_file: y}}\n",
            "config.yaml:1: profiles.p.password_file: expected only one of password and password_file",
        ),
        (
            "profiles: {p: {kind: endpoints, endpoints: [a:1], user: u, password_command: pass x}}\n",
            "config.yaml:1: profiles.p.password_command: expected a list of a command and its arguments, "
            "got text",
        ),
        (
            "profiles: {p: {kind: ssh}}\n",
            "config.yaml:1: profiles.p: expected a key hosts with a list of hosts",
        ),
        (
            "profiles: {p: {kind: ssh, hosts: [a], port: 70000}}\n",
            "config.yaml:1: profiles.p.port: expected a whole number from 1 to 65535, got 70000",
        ),
        (
            "profiles: {p: {kind: kube, contxt: a}}\n",
            "config.yaml:1: profiles.p.contxt: unknown key; did you mean context?",
        ),
        (
            "profiles: {p: {kind: kube, context: !!python/name:os.system x}}\n",
            "config.yaml:1: profiles.p.context: expected the name of a kubeconfig context, got a value "
            "tagged tag:yaml.org,2002:python/name:os.system (put it in quotes)",
        ),
    ],
)
def test_one_line_a_mistake(tmp_path: Path, text: str, line: str) -> None:
    assert complaint(tmp_path, text) == line


def test_no_complaint_repeats_a_password(tmp_path: Path) -> None:
    for wrong in ("password: [s3cret]", "password: s3cret\n    password_file: x", "passwd: s3cret"):
        text = f"profiles:\n  p:\n    kind: endpoints\n    endpoints: [a:1]\n    user: u\n    {wrong}\n"
        assert "s3cret" not in complaint(tmp_path, text)


def test_a_password_is_not_in_the_repr(tmp_path: Path) -> None:
    config = load(
        write(tmp_path, "profiles: {p: {kind: endpoints, endpoints: [a:1], user: u, password: s3cret}}")
    )
    assert "s3cret" not in repr(config)


def test_escape_sequences_do_not_reach_the_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in complaint(tmp_path, '"a\\e[31mb": 1\n')


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "ui:\nprofiles:\n"])
def test_an_empty_file_sets_nothing(tmp_path: Path, text: str) -> None:
    config = load(write(tmp_path, text))
    assert (config.ui, dict(config.profiles)) == (UiSettings(), {})


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    config = load(
        write(
            tmp_path,
            """
            profiles:
              a: &a {kind: endpoints, endpoints: ["a:1"], tls: &tls {ca: /ca.pem}}
              b: {<<: *a, endpoints: ["b:1"]}
              c: {kind: endpoints, endpoints: ["c:1"], tls: *tls}
            """,
        )
    )
    b, c = config.profiles["b"], config.profiles["c"]
    assert isinstance(b, EndpointsProfile)
    assert isinstance(c, EndpointsProfile)
    assert (b.endpoints, b.tls) == (("b:1",), c.tls)


def test_missing_files(tmp_path: Path) -> None:
    absent = tmp_path / "absent.yaml"
    assert load(absent, required=False).file is None
    with pytest.raises(ConfigError, match="there is no such file"):
        load(absent)


def test_a_directory_a_device_and_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found a directory"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="at most"):
        load(Path("/dev/zero"))
    file = tmp_path / "config.yaml"
    file.write_bytes(b"ui:\n  theme: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r":2: expected UTF-8 text"):
        load(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, "ui: {}")
    file.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load(file)


def test_a_loop_of_links_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.symlink_to(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(file)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    assert complaint(tmp_path, "[" * 20000) == "config.yaml: is nested too deeply"


def test_a_readable_password_is_warned_about(tmp_path: Path) -> None:
    file = write(tmp_path, "profiles: {p: {kind: endpoints, endpoints: [a:1], user: u, password: s3cret}}")
    assert load(file).warnings == ()
    file.chmod(0o644)
    (warning,) = load(file).warnings
    assert "profiles.p.password can be read by other users" in warning
    assert "s3cret" not in warning


def test_actions_are_asked_for_only_when_needed(tmp_path: Path) -> None:
    def never() -> tuple[str, ...]:
        raise AssertionError

    load(write(tmp_path, "ui: {theme: x}"), actions=never)


def test_which_file_is_read() -> None:
    assert find_file("a.yaml", {"ETCDTUI_CONFIG": "b.yaml"}) == (Path("a.yaml"), True)
    assert find_file(None, {"ETCDTUI_CONFIG": "b.yaml"}) == (Path("b.yaml"), True)
    assert find_file(None, {}) == (paths.config_file(), False)


@pytest.mark.parametrize(
    ("text", "value"), [("500ms", 0.5), ("1s", 1), ("2.5", 2.5), (" 1m ", 60), (".5", 0.5)]
)
def test_spans(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "-1", "99ms", "1h", "nan", "inf", "1e3", "s", "61m"])
def test_no_spans(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        seconds(text)


def test_endpoints() -> None:
    assert endpoints("a:1, https://b:2/,unix:///s") == ("a:1", "https://b:2", "unix:///s")
    for wrong in ("a", "a:0", "a:x", "a:70000", "ftp://a:1", "http://a:1/x", "u@a:1", "a:1?x", "", "a b:1"):
        with pytest.raises(ValueError, match="expected host:port"):
            endpoint(wrong)
    with pytest.raises(ValueError, match="got 'b'"):
        endpoints("a:1,b")
