"""How a step is carried out: one function a verb, each calling one capability of the site or of etcd.

A new verb is one function with `@executor` on it. An executor makes its change once, never retries,
and raises the `etcdtui.errors` family: `OutcomeUnknown` or `DeadlineExceeded` where a change was
sent and its result was not seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from etcdtui.errors import NotOffered, UsageError
from etcdtui.ops.context import Context
from etcdtui.ops.plan import Args, Step
from etcdtui.sites.base import Killable, Startable
from etcdtui.sites.manager import Collective, Restartable

Executor = Callable[[Args, Context], str]
"""Carries the step out; what was done, in words (untrusted text)."""

FRESH = 6.0
"""Seconds that a look before a step may take."""

EXECUTORS: dict[str, Executor] = {}

READS = frozenset({"wait", "found.look", "snapshot.save", "snapshot.check", "hash.compare", "keys.count"})
"""The verbs that change nothing in the cluster: a plan of these alone needs no lock."""

TELL_EVERY = 0.5
"""Seconds between two words of a step about how far it is."""


def executor(verb: str) -> Callable[[Executor], Executor]:
    """Enter a function into the table of executors."""

    def enter(function: Executor) -> Executor:
        EXECUTORS[verb] = function
        return function

    return enter


def execute(step: Step, context: Context, table: Mapping[str, Executor] = EXECUTORS) -> str:
    """Carry a step out; what was done, in words."""
    if step.verb not in table:
        raise UsageError(f"this version knows no step {step.verb!r}")
    return table[step.verb](step.args, context)


def only_reads(steps: Iterable[Step]) -> bool:
    """Whether these steps leave the cluster as it is."""
    return all(step.verb in READS for step in steps)


_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


@contextmanager
def heard(listener: Callable[[str], None]) -> Iterator[None]:
    """Have `listener` told, within the block, what executors of this thread `tell`."""
    last = 0.0

    def seldom(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_EVERY:
            last = time.monotonic()
            listener(text)

    token = _listener.set(seldom)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(text: str) -> None:
    """Say how far the step under way has come, to whoever watches; costs nothing when called often."""
    listener = _listener.get()
    if listener is not None:
        listener(text)


def _startable(context: Context) -> Startable:
    if not isinstance(context.site, Startable):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site cannot start or stop nodes")
    return context.site


@executor("node.start")
def _start(args: Args, context: Context) -> str:
    """Args: ``node``."""
    return _startable(context).start_node(args["node"])


@executor("node.stop")
def _stop(args: Args, context: Context) -> str:
    """Args: ``node``, ``timeout`` in seconds."""
    return _startable(context).stop_node(args["node"], args["timeout"])


@executor("node.restart")
def _restart(args: Args, context: Context) -> str:
    """Args: ``node``; ``run``, the one that is to end (`Node.run`)."""
    if not isinstance(context.site, Restartable):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site cannot restart nodes by one call")
    snapshot = context.fresh(FRESH)
    node = next((n for n in snapshot.nodes if n.name == args["node"]), None)
    if node is not None and args["run"] and node.run not in ("", args["run"]):
        return f"{args['node']}: was restarted already"
    return context.site.restart_node(args["node"])


def _collective(context: Context) -> Collective:
    if not isinstance(context.site, Collective):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site has no call for all its nodes")
    return context.site


@executor("nodes.stop")
def _stop_all(_args: Args, context: Context) -> str:
    """All nodes by one call."""
    return _collective(context).stop_all()


@executor("nodes.start")
def _start_all(_args: Args, context: Context) -> str:
    """All nodes by one call."""
    return _collective(context).start_all()


@executor("node.kill")
def _kill(args: Args, context: Context) -> str:
    """Args: ``node``."""
    if not isinstance(context.site, Killable):
        raise NotOffered(f"{context.site.name}: a {context.site.kind} site cannot kill nodes")
    return context.site.kill_node(args["node"])


@executor("wait")
def _wait(_args: Args, _context: Context) -> str:
    """Nothing is sent: the step is its verification."""
    return "nothing was sent"
