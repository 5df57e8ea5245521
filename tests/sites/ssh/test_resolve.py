"""The way to a host, compared with what OpenSSH itself makes of the same configuration."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from pathlib import Path

import pytest

from etcdtui.errors import ConfigError, UsageError
from etcdtui.sites.ssh.hop import Said, Settings, spot
from etcdtui.sites.ssh.resolve import Resolver
from tests.support.tools import missing

CONFIG = """\
Include {more}/*.conf
Match user admin
    Port 2200
Host web-*
    HostName %h.example.net
    User deploy
    IdentityFile ~/.ssh/%h_%r
    IdentityFile ~/.ssh/second
    CertificateFile ~/.ssh/one-cert.pub
    CertificateFile "~/.ssh/%h-cert.pub"
    IdentitiesOnly yes
    ConnectTimeout 7
    ServerAliveInterval 15
    StrictHostKeyChecking yes
    UserKnownHostsFile ~/.ssh/known_web /dev/null
Host web-db !web-2
    Port 2222
Match originalhost dynamic,other exec "test %n = dynamic && echo told >&2"
    HostName 10.0.0.7
    Port 2207
Match originalhost dynamic !exec "exit 1"
    User always
Match host 10.0.0.7 user nobody-there
    Port 1
Host inner
    HostName 10.0.0.9
    StrictHostKeyChecking accept-new
    ProxyJump ops@edge:2201,mid
Host commanded
    ProxyCommand nc -x proxy %h %p
    StrictHostKeyChecking no
Host *
    User everyone
    HashKnownHosts yes
"""
INCLUDED = "Host edge\n    HostName edge.example.net\nHost mid\n    HostName 10.0.0.2\n    User hop\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    more = tmp_path / "more"
    more.mkdir()
    (more / "a.conf").write_text(INCLUDED)
    file = tmp_path / "config"
    file.write_text(CONFIG.format(more=more))
    return file


def openssh(config: Path, host: str, *words: str) -> dict[str, list[str]]:
    """``ssh -G``."""
    if shutil.which("ssh") is None:
        missing("ssh", "install openssh-client")
    argv = ["ssh", "-F", str(config), *words, "-G", host]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True)
    out: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        out.setdefault(key, []).append(value)
    return out


@pytest.mark.parametrize(
    "word",
    ["web-1", "web-2", "web-db", "admin@web-1", "edge", "inner", "commanded", "x", "dynamic", "other"],
)
def test_a_hop_is_what_openssh_makes_of_it(config: Path, word: str) -> None:
    hop = Resolver(Settings(ssh_config=config)).way(word)[-1]
    theirs = openssh(config, word)
    assert (hop.host, str(hop.port), hop.user) == (
        theirs["hostname"][0],
        theirs["port"][0],
        theirs["user"][0],
    )
    assert hop.strict == (theirs["stricthostkeychecking"][0] == "true")
    assert hop.accept_new == (theirs["stricthostkeychecking"][0] in ("accept-new", "false"))
    assert hop.identities_only == (theirs["identitiesonly"][0] == "yes")
    assert hop.hash_known_hosts == (theirs["hashknownhosts"][0] == "yes")
    home = str(Path.home())
    expand = [
        f.replace("~", home).replace("%h", hop.host).replace("%r", hop.user) for f in theirs["identityfile"]
    ]
    if word.endswith(("web-1", "web-2", "web-db")):
        assert list(hop.identity_files) == expand
        assert list(hop.known_hosts[:2]) == [
            f.replace("~", home) for f in theirs["userknownhostsfile"][0].split()
        ]
        assert (hop.connect_timeout, hop.alive_interval) == (7, 15)
        assert [name.rpartition("/")[2] for name in hop.certificate_files] == [
            "one-cert.pub",
            f"{hop.host}-cert.pub",
        ]
    if "proxycommand" in theirs:
        assert hop.proxy_command == theirs["proxycommand"][0].replace("%h", hop.host).replace("%p", "22")


def test_several_jumps_each_have_their_own_account(config: Path) -> None:
    way = Resolver(Settings(ssh_config=config)).way("inner")
    assert [hop.label for hop in way] == ["ops@edge:2201", "hop@mid", "everyone@inner"]
    assert [hop.host for hop in way] == ["edge.example.net", "10.0.0.2", "10.0.0.9"]


def test_a_jump_that_is_asked_for_wins(config: Path) -> None:
    way = Resolver(Settings(ssh_config=config)).way("inner", ("me@edge",))
    assert [hop.label for hop in way] == ["me@edge", "everyone@inner"]


def test_a_profile_can_say_all_of_it_without_a_file(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    settings = Settings(
        ssh_config=empty,
        default=Said(user="op", identity_files=("/k/id",), known_hosts=("/k/known",), connect_timeout=3),
        hosts={
            "a": Said(address="10.1.1.1", port=2022, jump=()),
            "bastion": Said(user="gate", identity_files=("/k/gate",)),
        },
    )
    resolver = Resolver(settings)
    (a,) = resolver.way("a")
    assert (a.host, a.port, a.user, a.identity_files) == ("10.1.1.1", 2022, "op", ("/k/id",))
    bastion, b = resolver.way("root@b", ("bastion:2200",))
    assert (bastion.label, bastion.identity_files, bastion.known_hosts) == (
        "gate@bastion:2200",
        ("/k/gate",),
        ("/k/known",),
    )
    assert (b.user, b.connect_timeout) == ("root", 3)


def test_what_is_no_host_and_circles_and_broken_files_are_one_line(tmp_path: Path) -> None:
    for text in ("", "a b", "host:0", "host:99999", "user@"):
        with pytest.raises(UsageError, match="is no host"):
            spot(text)
    assert spot("ssh://u@[::1]:22").host == "::1"
    loop = tmp_path / "loop"
    loop.write_text("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(UsageError, match="circle"):
        Resolver(Settings(ssh_config=loop)).way("a")
    broken = tmp_path / "broken"
    broken.write_text("Host a\nnonsense\n")
    with pytest.raises(ConfigError, match="broken:2"):
        Resolver(Settings(ssh_config=broken))
    with pytest.raises(ConfigError, match="no such file"):
        Resolver(Settings(ssh_config=tmp_path / "none"))
    assert getpass.getuser()


def test_a_name_that_a_shell_would_take_apart_is_given_to_no_command(tmp_path: Path) -> None:
    """Hosts may come from the member list of a cluster that somebody else has written."""
    file = tmp_path / "config"
    for text in ("Host *\n ProxyCommand nc %h %p\n", 'Match exec "test %h"\n Port 1\n'):
        file.write_text(text)
        resolver = Resolver(Settings(ssh_config=file))
        for name in ("x;touch", "$(touch)", "`touch`", "-oProxy"):
            with pytest.raises((UsageError, ConfigError), match="given to"):
                resolver.way(name)
        resolver.way("fd00::1")
