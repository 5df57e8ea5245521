"""Starting, stopping and killing the etcd of a host: systemd, static pod or process."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from etcdtui.errors import NodeError, OutcomeUnknown, SiteError
from etcdtui.model.cluster import RunState
from etcdtui.sites.ssh import facts as found
from etcdtui.sites.ssh import probe
from etcdtui.sites.ssh.facts import Runs
from etcdtui.sites.ssh.host import Host
from etcdtui.sites.ssh.logs import last_words
from etcdtui.sites.ssh.shell import checked
from etcdtui.sites.ssh.words import describe

PATIENCE = 15.0
"""Seconds for a look that a change waits for: a busy host is better late than half done."""
POLL = 0.2
SETTLE = 1.5
"""Seconds in which a start that fails at once is seen to fail."""
KILL_WAIT = 5.0

_MOVE = """
from=$1 to=$2
if [ -e "$from" ] && [ -e "$to" ]; then echo "both $from and $to exist: one of them must go" >&2; exit 1; fi
if [ -e "$to" ]; then echo already; exit 0; fi
if [ ! -e "$from" ]; then echo "neither $from nor $to exists" >&2; exit 1; fi
mv -n -- "$from" "$to" && [ -e "$to" ] && [ ! -e "$from" ]
"""
_SPAWN = """
log=$1 pidfile=$2; shift 2
# Another console may have started it a moment ago: its pid must not be lost under ours.
old=$( [ -n "$pidfile" ] && cat "$pidfile" 2>/dev/null )
runs=$( [ -n "$old" ] && tr '\\0' '\\n' 2>/dev/null < "/proc/$old/cmdline" )
if [ -n "$runs" ] && [ "$runs" = "$(printf '%s\\n' "$@")" ]; then echo "$old"; exit 0; fi
nohup "$@" >> "${log:-/dev/null}" 2>&1 < /dev/null &
pid=$!
if [ -n "$pidfile" ]; then echo $pid > "$pidfile"; fi
echo $pid
"""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run on the host, and how a person reads it."""

    argv: list[str]
    root: bool
    words: str = ""
    """Instead of the argv, where that is a script."""


class Control(Protocol):
    """How one way of running etcd is handled: the commands for it."""

    def start(self, host: Host) -> Command:
        """Start it."""
        ...

    def stop(self, host: Host, pid: int | None) -> Command:
        """Stop it with SIGTERM."""
        ...

    def kill(self, host: Host, pid: int | None) -> Command:
        """Kill it with SIGKILL."""
        ...


class _Systemd:
    def start(self, host: Host) -> Command:
        return Command(["systemctl", "start", "--no-block", host.facts.unit], root=True)

    def stop(self, host: Host, pid: int | None) -> Command:
        del pid
        return Command(["systemctl", "stop", "--no-block", host.facts.unit], root=True)

    def kill(self, host: Host, pid: int | None) -> Command:
        del pid
        return Command(["systemctl", "kill", "--signal=KILL", host.facts.unit], root=True)


class _StaticPod:
    def start(self, host: Host) -> Command:
        aside = probe.beside(host.facts.manifest)
        command = move_in(host)
        # What was for one start alone is taken out before the next.
        once = f'[ ! -e "$1" ] || sed -i \'/--{found.ONCE}/d\' -- "$1" || exit 1\n'
        return replace(command, argv=["sh", "-c", once + _MOVE, "sh", aside, host.facts.manifest])

    def stop(self, host: Host, pid: int | None) -> Command:
        del pid
        return _move(host.facts.manifest, probe.beside(host.facts.manifest))

    def kill(self, host: Host, pid: int | None) -> Command:
        del host
        return Command(["kill", "-KILL", str(pid or "PID")], root=True)


def _move(source: str, target: str) -> Command:
    return Command(["sh", "-c", _MOVE, "sh", source, target], root=True, words=f"mv -n {source} {target}")


def move_in(host: Host) -> Command:
    """A static pod's manifest into its folder, as it is."""
    return _move(probe.beside(host.facts.manifest), host.facts.manifest)


class _Process:
    def start(self, host: Host) -> Command:
        facts = host.facts
        if not facts.argv:
            raise NodeError(
                f"{host.name}: it is not known how its etcd is started", "state `command` in the profile"
            )
        program = _program(facts)
        argv = ["sh", "-c", _SPAWN, "sh", facts.log_file, facts.pid_file, *program]
        words = f"nohup {shlex.join(program)} >> {facts.log_file or '/dev/null'} &"
        if self._foreign(host):
            return Command(["sudo", "-u", f"#{facts.uid}", "--", *argv], root=True, words=words)
        return Command(argv, root=False, words=words)

    def stop(self, host: Host, pid: int | None) -> Command:
        return Command(["kill", "-TERM", str(pid or "PID")], self._foreign(host))

    def kill(self, host: Host, pid: int | None) -> Command:
        return Command(["kill", "-KILL", str(pid or "PID")], self._foreign(host))

    @staticmethod
    def _foreign(host: Host) -> bool:
        return host.facts.uid not in (-1, host.uid)


def _program(facts: found.Facts) -> list[str]:
    """The command line, its program by the full path it had."""
    program = facts.binary if facts.binary and "/" not in facts.argv[0] else facts.argv[0]
    return [program.removesuffix(" (deleted)"), *facts.argv[1:]]


_CONTROLS: dict[Runs, Control] = {
    Runs.SYSTEMD: _Systemd(), Runs.STATIC_POD: _StaticPod(), Runs.PROCESS: _Process(),
}  # fmt: skip


def describe_command(host: Host, verb: str, pid: int | None) -> str:
    """The command of ``start``, ``stop`` or ``kill``, for a review. Raises NodeError."""
    control = control_of(host)
    if verb == "start":
        command = control.start(host)
    else:
        command = control.stop(host, pid) if verb == "stop" else control.kill(host, pid)
    return host.shell.describe(command.argv, root=command.root, words=command.words)


def control_of(host: Host) -> Control:
    """How a host's etcd is handled. Raises NodeError where that is not known."""
    if host.facts.runs not in _CONTROLS:
        raise NodeError(
            f"{host.name}: it is not known how etcd is run: {host.facts.why or 'it was not reached yet'}",
            "state `unit`, `manifest` or `pid_file` in the profile",
        )
    return _CONTROLS[host.facts.runs]


def _state(host: Host) -> tuple[RunState, str, int | None]:
    return describe(host.look(PATIENCE), host.facts, host.stated, "")


def run(host: Host, command: Command) -> None:
    """Run it with the rights it needs. Raises NodeError."""
    call = host.shell.sudo if command.root else host.shell.run
    checked(call(command.argv), host.name)


@contextlib.contextmanager
def _sent(host: Host, what: str) -> Iterator[None]:
    """After a command was sent: a host that is lost leaves its result unknown."""
    try:
        yield
    except NodeError:
        raise
    except SiteError as error:
        raise OutcomeUnknown(
            f"{host.name}: {what} was sent, and then the host was lost: {error.message}",
            "look before doing it again",
        ) from None


def _await(host: Host, done: Callable[[RunState, int | None], bool], timeout: float) -> RunState:
    deadline = time.monotonic() + timeout
    while True:
        state, _, pid = _state(host)
        if done(state, pid) or time.monotonic() >= deadline:
            return state
        time.sleep(POLL)


def start(host: Host) -> str:
    """Start it; a failure that comes at once is an error with etcd's own last words."""
    state, detail, _ = _state(host)
    control = control_of(host)
    if state in (RunState.RUNNING, RunState.STARTING, RunState.FROZEN):
        return f"{host.name}: runs already ({detail})"
    if host.look(deep=True).data == "absent" and not host.stated.states():
        raise NodeError(
            f"{host.name}: {host.facts.data_dir} is missing: a member without data would start there",
            "state how etcd is run (`unit`, `manifest` or `pid_file`) in the profile if that is meant",
        )
    run(host, control.start(host))
    with _sent(host, "the start"):
        return started(host)


def started(host: Host) -> str:
    """See it run after it was started. Raises NodeError with etcd's own words when it ended at once."""
    state = _await(
        host, lambda s, p: s is RunState.FAILED or (s is RunState.RUNNING and p is not None), SETTLE
    )
    if state is RunState.RUNNING and host.facts.runs is Runs.PROCESS:
        # A process that is refused by its own data ends within a moment.
        state = _await(host, lambda s, _: s is not RunState.RUNNING, 0.4)
    host.look(deep=True)
    _, detail, pid = _state(host)
    if state in (RunState.FAILED, RunState.STOPPED):
        words = last_words(host)
        raise NodeError(f"{host.name}: started and ended at once: {detail}" + (f": {words}" if words else ""))
    return f"{host.name}: started" + (f" (pid {pid})" if pid else "")


def stop(host: Host, timeout: float) -> str:
    """Stop it and wait until it is gone."""
    return _end(host, "stopped", timeout, lambda control, pid: control.stop(host, pid))


def kill(host: Host) -> str:
    """Kill it and wait until that process is gone; whoever watches over it may start another one."""
    return _end(host, "killed", KILL_WAIT, lambda control, pid: control.kill(host, pid))


def _end(host: Host, how: str, timeout: float, make: Callable[[Control, int | None], Command]) -> str:
    state, _, pid = _state(host)
    control = control_of(host)
    if state in (RunState.STOPPED, RunState.FAILED) and pid is None and how == "killed":
        return f"{host.name}: does not run"
    waits = host.facts.runs is Runs.STATIC_POD and state is RunState.STARTING
    restarts = host.facts.runs is Runs.SYSTEMD and host.unit_property("SubState") == "auto-restart"
    if pid is None and not waits and not restarts and state is not RunState.STARTING:
        return f"{host.name}: does not run"
    if host.facts.runs is Runs.PROCESS and not host.stated.command:
        host.record()
    command = make(control, pid)
    try:
        run(host, command)
    except NodeError:
        # systemd complains of processes that ended while it was killing all of the unit.
        if how != "killed" or _state(host)[2] == pid:
            raise
    if state is RunState.FROZEN and pid is not None and host.facts.runs is not Runs.SYSTEMD:
        # It acts on SIGTERM only once it goes on; systemd sees to that itself.
        run(host, Command(["kill", "-CONT", str(pid)], command.root))
    with _sent(host, "the signal"):
        _await(host, lambda _, p: p is None or p != pid, timeout)
        host.look(deep=True)
        _, detail, now = _state(host)
    if now is not None and now == pid:
        hint = "wait, or kill it" if how == "stopped" else "look at its disk"
        raise NodeError(f"{host.name}: pid {pid} still runs {timeout:g} s after it was told to end", hint)
    again = f"; started again: {detail}" if now is not None else ""
    return f"{host.name}: {how}" + (f" (pid {pid})" if pid else "") + again
