"""The commands and their arguments; light, because every start pays for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

import etcdtui
from etcdtui.cli.action_args import add_actions, add_decision
from etcdtui.config import values
from etcdtui.errors import UsageError

EPILOG = """\
Exit codes: 0 healthy or done, 1 unhealthy or failed, 2 usage or configuration, 3 refused by a guard,
4 outcome unknown, 130 interrupted. Without PROFILE the configuration's default counts, then
ETCDCTL_ENDPOINTS. `demo` is always a profile: the cluster that `etcdtui demo` starts.
"""

Subparsers = Any
"""argparse's own type for it is private."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **kwargs})
        self._intermixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Let flags stand between positional arguments: ``scale 5 --yes prod``.

        By itself argparse matches an optional PROFILE with nothing at the first flag it meets.
        """
        if self._subparsers is not None or self._intermixing:
            return super().parse_known_args(args, namespace)
        self._intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixing = False

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise UsageError(message, f"{self.prog} --help")


def build_parser(asked: str = "") -> Parser:
    """The whole command line.

    Args:
        asked: the first word typed. A console is opened with its own arguments alone: building all
            of them is a tenth of what its first frame takes.
    """
    parser = Parser(prog="etcdtui", description="The operations console for etcd clusters.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"etcdtui {etcdtui.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    consoles = {"launch": _launch, "demo": _demo}
    for console in [consoles[asked]] if asked in consoles else consoles.values():
        console(commands)
    if asked in consoles:
        return parser
    for name, text in (
        ("status", "the endpoint-status grid, once"),
        ("members", "the member list, once"),
        ("health", "etcdctl's health check of every endpoint, and findings about the whole"),
    ):
        command = _command(commands, name, text)
        _target(command)
        forms = ("table", "json", "report") if name == "health" else ("table", "json")
        command.add_argument("-o", "--output", choices=forms, default="table", help="form of the output")
    add_actions(lambda name, text: _command(commands, name, text), _target)
    _plans(commands)
    _snapshots(commands)
    _doctor(commands)
    _render(commands)
    _adopt(commands)
    _about(commands)
    return parser


def _command(commands: Subparsers, name: str, text: str) -> Parser:
    command: Parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    return command


def _checked(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """A `values` function as argparse wants it."""

    def convert(text: str) -> Any:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _number(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high}, got {text!r}")
        return int(text)

    return convert


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise argparse.ArgumentTypeError("expected a comma-separated list")
    return words


def _config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE", help="configuration file to read")


def _target(command: Parser, *, timeout: bool = True, named: bool = True) -> None:
    """Which cluster is meant.

    Args:
        named: whether a profile may be named.
    """
    if named:
        command.add_argument("profile", nargs="?", metavar="PROFILE", help="name of a profile, or demo")
    else:
        command.set_defaults(profile=None)
    _config(command)
    seconds = _checked(values.seconds)
    if timeout:
        command.add_argument("--timeout", type=seconds, metavar="TIME", help="for one reading, such as 500ms")
    group = command.add_argument_group("a cluster without a profile")
    group.add_argument("--local", action="store_true", help="the embedded cluster of etcdtui demo")
    group.add_argument("--dir", metavar="DIR", help="with --local: where its data lies")
    group.add_argument("--ssh", type=_words, metavar="HOST,HOST", help="hosts reached over SSH")
    group.add_argument("-J", dest="jump", type=_words, metavar="JUMP", help="with --ssh: jump hosts")
    group.add_argument("--endpoints", type=_checked(values.endpoints), metavar="URL,URL", help="client URLs")
    group.add_argument("--cacert", metavar="FILE", help="CA certificates to trust")
    group.add_argument("--cert", metavar="FILE", help="client certificate")
    group.add_argument("--key", metavar="FILE", help="its key")
    group.add_argument("--server-name", metavar="NAME", help="name to check in the server's certificate")
    group.add_argument(
        "--user",
        metavar="NAME[:PASSWORD]",
        help="etcd user; better leave the password to ETCDCTL_PASSWORD or the prompt",
    )
    group = command.add_argument_group("a StatefulSet of Kubernetes")
    group.add_argument("--context", metavar="CTX", help="context of the kubeconfig")
    group.add_argument("-n", "--namespace", metavar="NS", help="with --context: namespace")
    group.add_argument("--statefulset", metavar="NAME", help="with --context: the StatefulSet")
    group.add_argument(
        "--static-pods",
        action="store_true",
        help="with --context: the static pods of kubeadm's control plane",
    )
    group.add_argument("--tls-secret", metavar="NAME", help="with --context: Secret with CA and certificate")
    group.add_argument(
        "--helper-image",
        metavar="IMAGE",
        help="image with a shell, to restore on volumes where etcd's own has none",
    )


def _screen(command: Parser) -> None:
    """How the console looks."""
    command.add_argument(
        "--read-only", action="store_true", help="leave out everything that changes anything"
    )
    command.add_argument(
        "--refresh", type=_checked(values.seconds), metavar="TIME", help="between two readings, such as 1s"
    )
    command.add_argument("--theme", metavar="NAME", help="theme to use; etcdtui themes lists them")


def _launch(commands: Subparsers) -> None:
    command = _command(commands, "launch", "open the console on a cluster")
    _target(command)
    _screen(command)
    command.set_defaults(nodes=None, keep=False, stop=False)


def _demo(commands: Subparsers) -> None:
    command = _command(commands, "demo", "open the console on a cluster of this machine, started for it")
    command.add_argument(
        "--nodes",
        type=_number(1, values.MAX_NODES),
        metavar="N",
        help=f"members of a new cluster, 1 to {values.MAX_NODES}",
    )
    command.add_argument("--keep", action="store_true", help="leave the members running on quit")
    command.add_argument("--dir", metavar="DIR", help="where the members' data lies")
    command.add_argument("--stop", action="store_true", help="stop a demo that was left running, and end")
    command.add_argument(
        "--timeout", type=_checked(values.seconds), metavar="TIME", help="for one reading, such as 500ms"
    )
    _config(command)
    _screen(command)


def _plans(commands: Subparsers) -> None:
    plans = _command(commands, "plans", "changes that were left unfinished")
    _target(plans)
    plans.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="form of the output"
    )
    for name, text in (
        ("finish", "do what remains of a change that was left unfinished"),
        ("undo", "take back a change that was left unfinished"),
        ("forget", "leave an unfinished change as it is"),
    ):
        command = _command(commands, name, text)
        command.add_argument(
            "id", metavar="ID", help="the plan's ID, or its beginning; etcdtui plans lists them"
        )
        _target(command)
        if name != "forget":
            add_decision(command)
    run = _command(commands, "run", "carry out a plan that was saved with --save")
    run.add_argument("file", metavar="FILE", help="the plan's file")
    _target(run)
    add_decision(run)


def _snapshots(commands: Subparsers) -> None:
    snapshot = _command(commands, "snapshot", "save the database to a file, or check such a file")
    verbs = snapshot.add_subparsers(dest="verb", metavar="save|verify", required=True)
    save = _command(verbs, "save", "save the database of a healthy follower, checked, on this machine")
    _target(save)
    save.add_argument(
        "--directory", metavar="DIR", help="where to; a directory of the cluster's own without it"
    )
    save.add_argument(
        "--keep",
        type=_number(0, 10_000),
        default=0,
        metavar="N",
        help="delete this cluster's older ones beyond N",
    )
    save.add_argument(
        "--days",
        type=_number(0, 100_000),
        default=0,
        metavar="N",
        help="with --keep: only those older than this",
    )
    save.set_defaults(command="snapshot save")
    verify = _command(verbs, "verify", "read all of a snapshot file and say what it is")
    verify.add_argument("file", metavar="FILE", help="the snapshot")
    verify.set_defaults(command="snapshot verify")


def _doctor(commands: Subparsers) -> None:
    command = _command(commands, "doctor", "what a cluster's site needs, such as rights, and what is missing")
    _target(command)
    command.add_argument(
        "--read-only", action="store_true", help="leave out what is only needed to change anything"
    )
    command.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="form of the output"
    )


def _render(commands: Subparsers) -> None:
    text = "print the files or manifests that bringing up a profile's cluster writes"
    command = _command(commands, "render", text)
    command.add_argument("profile", metavar="PROFILE", help="name of a profile with a mapping bootstrap")
    _config(command)
    command.add_argument("--founded", action="store_true", help="as they are once the cluster stands")
    command.add_argument(
        "--only",
        metavar="KIND/NAME",
        default="",
        help="one object in Kubernetes, such as service/etcd-client",
    )


def _adopt(commands: Subparsers) -> None:
    command = _command(commands, "adopt", "write a cluster that runs already down as a profile")
    command.add_argument("name", metavar="NAME", help="the profile's name")
    _target(command, named=False)
    command.add_argument("--replace", action="store_true", help="have a profile of that name give way")
    command.add_argument("--dry-run", action="store_true", help="show the profile, write nothing")


def _about(commands: Subparsers) -> None:
    config = _command(commands, "config", "check the configuration")
    verbs = config.add_subparsers(dest="verb", metavar="check|path", required=True)
    check = _command(verbs, "check", "read the configuration and say what is wrong with it")
    check.add_argument("file", nargs="?", metavar="FILE", help="the file; the usual one without it")
    _config(check)
    check.set_defaults(command="config check")
    path = _command(verbs, "path", "print which configuration file is read")
    _config(path)
    path.set_defaults(command="config path")
    _command(commands, "themes", "list the themes")
    audit = _command(commands, "audit", "what was done to clusters from here")
    audit.add_argument(
        "--last", type=_number(1, 1_000_000), default=20, metavar="N", help="how many records, 20 unless told"
    )
    audit.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="form of the output"
    )
