"""Logging in through real sshds on loopback: keys, host keys, several hops, loss and return."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from paramiko.message import Message

from etcdtui.errors import SiteError
from etcdtui.sites.asking import Asker, Nobody
from etcdtui.sites.ssh.hop import Hop
from etcdtui.sites.ssh.known_hosts import entries
from etcdtui.sites.ssh.link import Link, Status
from etcdtui.sites.ssh.proxy import Piped
from etcdtui.sites.ssh.secrets import Secrets
from etcdtui.sites.ssh.shell import Shell
from tests.labs.hosts import slow
from tests.support.sshd import USER, Sshd, keygen, listens, sshds

SECRET = "correct horse"
WAIT = 30.0
"""Seconds for what takes a fraction of one where nothing else runs."""


class Person:
    """Answers every question the same way and counts them."""

    def __init__(self, secret: str | None = None, accept: bool = False) -> None:
        self.secret, self.accept = secret, accept
        self.asked: list[str] = []

    def ask_secret(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        return self.secret

    def confirm_host_key(self, host: str, fingerprint: str) -> bool:
        self.asked.append(fingerprint)
        return self.accept


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Sshd]]:
    with sshds(tmp_path, 2) as started:
        yield started


def hop(server: Sshd, key: Path, known: Path) -> Hop:
    return Hop(
        name="127.0.0.1", host="127.0.0.1", port=server.port, user=USER, agent="none",
        identity_files=(str(key),), known_hosts=(str(known),), connect_timeout=5,
    )  # fmt: skip


def known(path: Path, *servers: Sshd) -> Path:
    path.write_text("".join(server.known_hosts_line for server in servers))
    return path


def linked(*hops: Hop, asker: Asker | None = None, secrets: Secrets | None = None) -> Link:
    secrets = secrets or Secrets(asker or Nobody())
    link: Link | None = None
    for each in hops:
        link = Link(each, link, secrets)
    assert link is not None
    return link


def close(link: Link) -> None:
    for each in link.chain():
        each.close()


def test_two_hops_ask_for_a_passphrase_once_and_show_it_nowhere(servers: list[Sshd], tmp_path: Path) -> None:
    key = keygen(tmp_path / "locked", SECRET)
    for server in servers:
        server.authorize(key)
    file = known(tmp_path / "known", *servers)
    person = Person(SECRET)
    secrets = Secrets(person)
    link = linked(*(hop(server, key, file) for server in servers), secrets=secrets)
    try:
        link.transport(WAIT)
        shell = Shell("n1", link, secrets)
        assert shell.run(["printf", "%s", "a b'c\n$HOME"]).text == "a b'c\n$HOME"
        assert len(person.asked) == 1
        assert SECRET not in repr(secrets) + repr(link.__dict__) + repr(link.via.__dict__ if link.via else "")
        told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert SECRET not in told
    finally:
        close(link)


def test_a_wrong_or_withheld_passphrase_is_one_sentence(servers: list[Sshd], tmp_path: Path) -> None:
    key = keygen(tmp_path / "locked", SECRET)
    servers[0].authorize(key)
    file = known(tmp_path / "known", servers[0])
    for person, questions in ((Person("hunter2"), 3), (Person(None), 1)):
        link = linked(hop(servers[0], key, file), asker=person)
        with pytest.raises(SiteError, match=r"login refused: .*locked .its passphrase was not given"):
            link.transport(WAIT)
        assert link.status is Status.REFUSED
        assert len(person.asked) == questions
        assert "hunter2" not in link.reason
        close(link)


def test_an_agent_and_a_certificate_are_used(
    servers: list[Sshd], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keygen(tmp_path / "inagent")
    servers[0].authorize(key)
    ca, person = keygen(tmp_path / "ca"), keygen(tmp_path / "person")
    sign = ["ssh-keygen", "-q", "-s", str(ca), "-I", "test", "-n", USER, str(person.with_suffix(".pub"))]
    subprocess.run(sign, check=True)
    servers[1].stop()
    servers[1].more = f"TrustedUserCAKeys {ca}.pub"
    servers[1].start()
    sock = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    try:
        until(lambda: listens(sock))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))
        subprocess.run(
            ["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": str(sock)}
        )
        file = known(tmp_path / "known", servers[0])
        for named in ("", str(sock)):
            if named:
                monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "another"))
            link = linked(replace(hop(servers[0], tmp_path / "none", file), agent=named))
            link.transport(WAIT)
            close(link)
        # Of the agent's keys the one that a file names, with its certificate.
        subprocess.run(
            ["ssh-add", "-q", str(person)], check=True, env={**os.environ, "SSH_AUTH_SOCK": str(sock)}
        )
        person.rename(tmp_path / "away")
        held = hop(servers[1], person, known(tmp_path / "known", servers[1]))
        link = linked(replace(held, agent=str(sock), identities_only=True))
        link.transport(WAIT)
        close(link)
        (tmp_path / "away").rename(person)
    finally:
        agent.terminate()
        agent.wait(5)
    for apart in (False, True):
        held = hop(servers[1], person, known(tmp_path / "known", servers[1]))
        if apart:
            place = tmp_path / "elsewhere"
            (tmp_path / "person-cert.pub").rename(place)
            held = replace(held, certificate_files=(str(tmp_path / "none"), str(place)))
        link = linked(held)
        link.transport(WAIT)
        close(link)
    # A certificate for somebody else does not keep the key from being tried.
    subprocess.run([*sign[:7], "nobody", sign[-1]], check=True)
    servers[1].authorize(person)
    link = linked(hop(servers[1], person, known(tmp_path / "known", servers[1])))
    link.transport(WAIT)
    close(link)


def test_an_unknown_host_key_is_shown_and_written_only_when_accepted(
    servers: list[Sshd], tmp_path: Path
) -> None:
    key = keygen(tmp_path / "id")
    servers[0].authorize(key)
    file = tmp_path / "new" / "known_hosts"
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(servers[0].root / "host_key.pub")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[1]
    asked = hop(servers[0], key, file)
    refusing = Person(accept=False)
    link = linked(asked, asker=refusing)
    with pytest.raises(SiteError, match="was not accepted"):
        link.transport(WAIT)
    close(link)
    assert refusing.asked == [f"ED25519 {shown}"]
    assert not file.exists()

    strict = Person(accept=True)
    link = linked(replace(asked, strict=True), asker=strict)
    with pytest.raises(SiteError, match="StrictHostKeyChecking"):
        link.transport(WAIT)
    close(link)
    assert not strict.asked

    unasked = replace(asked, accept_new=True, known_hosts=(str(tmp_path / "unasked"),))
    link = linked(unasked, asker=refusing)
    link.transport(WAIT)
    close(link)
    assert len(refusing.asked) == 1
    assert len(entries(unasked.known_hosts, unasked.key_name)) == 1

    for hashed in (True, False):
        link = linked(replace(asked, hash_known_hosts=hashed), asker=(accepting := Person(accept=True)))
        link.transport(WAIT)
        close(link)
        # It is known the second time, and OpenSSH finds it too.
        assert len(accepting.asked) == int(hashed)
    name = f"[127.0.0.1]:{servers[0].port}"
    subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], check=True, stdout=subprocess.DEVNULL)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(entries([str(file)], name)) == 1


def test_a_proxy_command_is_run_as_ssh_runs_it_and_its_end_is_said(
    servers: list[Sshd], tmp_path: Path
) -> None:
    key = keygen(tmp_path / "id")
    servers[0].authorize(key)
    way = hop(servers[0], key, known(tmp_path / "known", servers[0]))
    carry = f"{sys.executable} {Path(slow.__file__)} 127.0.0.1 {servers[0].port} 0 0"
    link = linked(replace(way, proxy_command=f'{carry} 2>"{tmp_path}/told"'))
    try:
        link.transport(WAIT)
        (process,) = proxies()
        process.kill()
        until(lambda: link.status is Status.LOST)
        assert "its ProxyCommand ended (signal 9)" in link.reason or "(exit code" in link.reason
        until(lambda: link.reconnects >= 1 and link.status is Status.UP)
    finally:
        close(link)
    until(lambda: proxies() == [])
    # ssh itself does this: an end that the console asked for is nobody's reason.
    killed = """sh -c 'trap "echo Killed by signal 15. >&2; exit 255" TERM; sleep 60 & wait'"""
    for command, timeout, words in (
        ("no-such-program", 5, r"ProxyCommand ended \(exit code 127\).*not found"),
        ("sh -c 'echo it is forbidden >&2; exit 3'", 5, r"ended \(exit code 3\): it is forbidden"),
        ("sleep 60", 1, "says nothing"),
        (killed, 1, "says nothing"),
    ):
        link = linked(replace(way, proxy_command=command, connect_timeout=timeout))
        with pytest.raises(SiteError, match=words):
            link.transport(WAIT)
        close(link)


def test_the_end_of_a_proxy_command_that_was_closed_is_no_reason() -> None:
    for command, words in (("sleep 60", ""), ("exit 3", "its ProxyCommand ended (exit code 3)")):
        piped = Piped(f"sh -c '{command}'")
        if words:
            assert piped.recv(1) == b""
        piped.close()
        piped.close()
        assert piped.ended() == words


def proxies() -> list[psutil.Process]:
    """The commands of this process that carry a connection."""

    def carries(process: psutil.Process) -> bool:
        # One may end, and be a zombie, while it is asked.
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.name() != "sshd" and Path(slow.__file__).name in str(process.cmdline())
        return False

    return [each for each in psutil.Process().children(recursive=True) if carries(each)]


def test_a_changed_and_a_revoked_host_key_are_refused(servers: list[Sshd], tmp_path: Path) -> None:
    key = keygen(tmp_path / "id")
    servers[0].authorize(key)
    old = servers[0].known_hosts_line
    servers[0].stop()
    servers[0].new_host_key()
    servers[0].start()
    file = tmp_path / "known"
    for line, words in ((f"# first\n{old}", f"HAS CHANGED.*{file}:2"),
                        (f"@revoked {servers[0].known_hosts_line}", f"revoked: {file}:1")):  # fmt: skip
        file.write_text(line)
        person = Person(accept=True)
        link = linked(hop(servers[0], key, file), asker=person)
        with pytest.raises(SiteError, match=words):
            link.transport(WAIT)
        close(link)
        assert not person.asked


def test_a_lost_connection_is_said_and_made_again(servers: list[Sshd], tmp_path: Path) -> None:
    key = keygen(tmp_path / "id")
    for server in servers:
        server.authorize(key)
    file = known(tmp_path / "known", *servers)
    link = linked(*(hop(server, key, file) for server in servers))
    try:
        link.transport(WAIT)
        servers[0].stop()
        # Both hops notice it, one a moment after the other; then the outer one is named.
        until(lambda: link.status is Status.LOST and f"{servers[0].port}" in link.why())
        with pytest.raises(SiteError, match=rf"{servers[0].port}"):
            link.transport(0.1)
        servers[0].start()
        until(lambda: link.status is Status.UP)
        assert link.reconnects == 1
    finally:
        began = time.monotonic()
        close(link)
        assert time.monotonic() - began < 5


def test_a_message_that_is_late_for_its_channel_costs_nobody_the_connection(
    servers: list[Sshd], tmp_path: Path
) -> None:
    """Like a `shutdown_write` between whose two halves, the message made and sent, the channel is closed."""
    key = keygen(tmp_path / "id")
    servers[0].authorize(key)
    told: list[str] = []

    def changed(link: Link, _old: Status, _new: Status) -> None:
        told.append(link.reason)

    way = hop(servers[0], key, known(tmp_path / "known", servers[0]))
    link = Link(way, None, Secrets(Nobody()), changed)
    try:
        channel = link.session(WAIT)
        channel.exec_command("true")
        late = channel._send_eof()
        until(lambda: channel.closed)
        # Our close went out before the first of these, and sshd forgot the channel before the second.
        assert link.answers(WAIT) and link.answers(WAIT)
        channel.transport._send_user_message(late)
        assert link.answers(WAIT) and link.reconnects == 0
        # Of the same message, sent past the channel, sshd says what it thinks.
        link.transport(WAIT)._send_user_message(Message(late.asbytes()))
        until(lambda: link.reconnects == 1)
        assert "the server ended it: " in told[1] and "nonexistent channel" in told[1]
    finally:
        close(link)


def until(true: object, timeout: float = WAIT) -> None:
    assert callable(true)
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
