"""Every way to the hosts: passwords, an agent, several jumps, from outside and on the jump host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml

from bench.terminal import Terminal
from etcdtui.config import SshHost
from tests.cli.command import Cli
from tests.labs.hosts.clusters import LabCluster
from tests.labs.hosts.lab import Lab
from tests.labs.hosts.opened import Answers, opened
from tests.sites.local.support import wait_until
from tests.support.sshd import keygen, listens

pytestmark = pytest.mark.timeout(150)


def test_passwords_of_logins_and_of_sudo_are_asked_once(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    """A further host is set up with them too; they are in no file and no log."""
    asker = Answers(pat="pat-secret")
    hosts = ("pat@n1", "pat@n2", "n3", "pat@n4")
    config = tmp_path / "config"
    text = lab.ssh_config.read_text()
    config.write_text("Host n1 n2\n    PubkeyAuthentication no\n" + text)
    # Sudo that remembers a login for all of an account's sessions takes no password a second time.
    lab["n4"].write("/etc/sudoers.d/remembers", "Defaults timestamp_type=global\n", 0o440)
    with (
        lab["n4"].without("/etc/sudoers.d/remembers"),
        opened(lab, tmp_path, asker=asker, hosts=hosts, ssh_config=config) as seen,
    ):
        seen.settled()
        # Members change before a node is restarted: etcd wants all of them connected for five seconds.
        seen.done("add-member", node="n4", name="fourth")
        assert seen.row("n4").member.name == "fourth"
        assert 'ETCD_NAME="fourth"' in lab["n4"].run("cat", "/etc/default/etcd")
        seen.done("remove-member", "n4")
        # It stops and starts: root is needed twice.
        seen.done("restart-node", "n2")
    kinds = [prompt.split(" of ")[0] for prompt in asker.prompts]
    # n1 is the pattern for n4, so that its files are read.
    assert sorted(kinds) == ["password"] * 2 + ["sudo password"] * 3
    told = (tmp_path / "audit.jsonl").read_text() + "".join(
        p.read_text() for p in (tmp_path / "plans").rglob("*") if p.is_file()
    )
    assert "pat-secret" not in told
    for name in ("n1", "n2", "n4"):
        assert "pat-secret" not in lab[name].run("journalctl", "--no-pager")
        assert lab[name].run("grep", "-rl", "pat-secret", "/etc", "/home", "/var/lib/etcd", check=False) == ""


@contextmanager
def agent(folder: Path, key: Path) -> Iterator[Path]:
    """An agent that holds a key; a configuration that names its socket and no key."""
    folder.mkdir()
    socket, config = folder / "socket", folder / "config"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(socket), "the agent listens")
        env = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", str(key)], check=True, env=env)
        config.write_text(
            f"IdentityAgent {socket}\nIdentityFile {folder}/none\nMatch user nosudo\n    IdentitiesOnly yes\n"
        )
        yield config
    finally:
        process.terminate()
        process.wait(5)


def test_two_jumps_with_accounts_of_their_own_and_a_seed_host(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    """One jump takes a key with a passphrase; the other and the hosts one that an agent holds."""
    key = keygen(tmp_path / "second", "correct horse")
    asker = Answers(passphrase="correct horse")
    lab["n1"].run("sh", "-c", "cat >> /home/nosudo/.ssh/authorized_keys",
                  stdin=key.with_suffix(".pub").read_text())  # fmt: skip
    with agent(tmp_path / "agent", lab.key) as config, opened(
        lab, tmp_path, asker=asker, hosts=(f"op@{lab['n3'].address}",),
        jump=("ops@10.213.0.2", "nosudo@10.213.1.11"), ssh_config=config, known_hosts=lab.known_hosts,
        host_settings={"nosudo@10.213.1.11": SshHost(identity_file=key)},
    ) as seen:  # fmt: skip
        # The other hosts come from the member list.
        seen.settled()
        ways = [[link.hop.label for link in host.link.chain()] for host in seen.site.hosts().values()]
        assert all(way[:2] == ["ops@10.213.0.2", "nosudo@10.213.1.11"] for way in ways)
        assert len({id(host.link.chain()[0]) for host in seen.site.hosts().values()}) == 1
        seen.done("restart-node", "n2")
    assert len(asker.prompts) == 1


def test_the_command_line_from_outside_and_on_the_jump_host(
    lab: Lab, cluster: LabCluster, tmp_path: Path
) -> None:
    """On the jump host: this program in that machine's network, from which there is no way through a jump."""
    config = tmp_path / "config.yaml"
    config.write_text(
        f"profiles:\n  prod: {{kind: ssh, hosts: [n1, n2, n3], ssh_config: {lab.ssh_config}}}\n"
        f"  asked: {{kind: ssh, hosts: [n1, n2, n3], ssh_config: {lab.ssh_config}, etcdctl: true}}\n"
    )
    home = lab.home(tmp_path / "home")
    etcdtui = [sys.executable, "-m", "etcdtui", "status", "--config", str(config)]
    hosts = ",".join(machine.address for machine in lab.nodes)
    for argv in (
        [*etcdtui, "prod"],
        [*etcdtui, "asked"],
        [*etcdtui, "--ssh", hosts, "-J", "ops@jump"],
        lab.jump.from_here(*etcdtui, "--ssh", hosts),
        lab.jump.from_here(*etcdtui, "--ssh", f"op@{lab.nodes[0].address}"),
    ):
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL, env=home
        )
        assert done.returncode == 0, done.stderr
        assert "3 of 3 voters healthy" in done.stdout


def test_a_cluster_is_adopted_from_one_of_its_hosts(lab: Lab, cluster: LabCluster, tmp_path: Path) -> None:
    """The profile has the hosts that the member list led to, so that it does without the first one."""
    home = lab.home(tmp_path / "home")
    cli = Cli(tmp_path, {name: home[name] for name in ("HOME", "SSH_AUTH_SOCK")})
    file = cli.config("# mine\nprofiles: {}\n")
    done = cli("adopt", "prod", "--ssh", "n3", "-J", "ops@jump")
    assert done.returncode == 0, done.stderr
    assert "3 members, etcd 3.4.23" in done.stderr
    profile = yaml.safe_load(done.stdout)["prod"]
    assert profile == yaml.safe_load(file.read_text())["profiles"]["prod"]
    assert profile["kind"] == "ssh" and profile["jump"] == ["ops@jump"]
    assert len(profile["hosts"]) == 3 and "n3" in profile["hosts"]
    # Its nodes are found under their unit, and acted on.
    other = next(host for host in profile["hosts"] if host != "n3")
    done = cli("restart", other, "prod", "--yes")
    assert done.returncode == 0, done.stderr
    with closing(Terminal([sys.executable, "-m", "etcdtui", "launch", "prod"], env=cli.environ())) as console:
        console.wait_for("3 of 3 voters healthy")
        console.send("q")
        assert console.process.wait(10) == 0
    lab["n3"].run("systemctl", "stop", "ssh")
    try:
        rows = cli.json("status", "prod", "-o", "json")
    finally:
        lab["n3"].run("systemctl", "start", "ssh")
    assert sum(row["revision"] is not None for row in rows) == 2, rows
