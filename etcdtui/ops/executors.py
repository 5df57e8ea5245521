"""How a step is carried out: one function a verb, each calling one capability of the site or of etcd.

A new verb is one function with `@executor` on it. An executor makes its change once, never retries,
and raises the `etcdtui.errors` family: `OutcomeUnknown` or `DeadlineExceeded` where a change was
sent and its result was not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from etcdtui.errors import NotOffered, UsageError
from etcdtui.ops.context import Context
from etcdtui.ops.plan import Args, Step
from etcdtui.sites.base import Killable, Startable

Executor = Callable[[Args, Context], str]
"""Carries the step out; what was done, in words (untrusted text)."""

EXECUTORS: dict[str, Executor] = {}


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
