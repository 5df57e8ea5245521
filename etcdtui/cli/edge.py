"""The outermost edge: one command run, every error turned into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module

from etcdtui import paths
from etcdtui.cli.parser import build_parser
from etcdtui.cli.printing import complain
from etcdtui.errors import EtcdtuiError

CRASHED = 70
"""EX_SOFTWARE of sysexits.h: a fault of etcdtui itself."""
INTERRUPTED = 130
BROKEN_PIPE = 141
"""128 + SIGPIPE, as shells count a program whose reader went away."""

COMMANDS = {
    "launch": "launch:launch",
    "demo": "launch:demo",
    "status": "headless:status",
    "members": "headless:members",
    "health": "headless:health",
    "doctor": "doctor:doctor",
    "render": "render:render",
    "adopt": "adopt:adopt",
    "plans": "plans:plans",
    "finish": "plans:settle",
    "undo": "plans:settle",
    "forget": "plans:settle",
    "run": "plans:run",
    "snapshot save": "snapshots:save",
    "snapshot verify": "snapshots:verify",
    "config check": "about:config_check",
    "config path": "about:config_path",
    "themes": "about:themes",
    "audit": "about:audit",
}
"""Which function of which module runs a command; imported only when it is the one."""
ACTING = "acting:act"
"""What runs the commands of the registry's actions."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the process exit code, see ``docs/exit-codes.md``."""
    try:
        for stream in (sys.stdout, sys.stderr):
            # A terminal that cannot show a glyph gets a question mark instead of a crash.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except EtcdtuiError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return BROKEN_PIPE
    except OSError as error:
        # A disk that is full or a terminal that is gone: print() names no file, everything else does.
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO):
            complain(_crash(error))
            return CRASHED
        _forget_stdout()
        complain(f"standard output cannot be written: {error.strerror}")
        return 1
    except Exception as error:  # noqa: BLE001  # the last resort: a person gets a line, the log gets the rest
        complain(_crash(error))
        return CRASHED
    return code


def _run(argv: Sequence[str]) -> int:
    words = list(argv) or ["launch"]
    if words[0] in ("launch", "demo"):
        # Nothing that start-up makes is garbage; the console turns the collector on again.
        gc.disable()
    args = build_parser(words[0]).parse_args(words)
    module, name = (ACTING if hasattr(args, "action") else COMMANDS[args.command]).split(":")
    run: Callable[[argparse.Namespace], int] = getattr(import_module(f"etcdtui.cli.{module}"), name)
    return run(args)


def _forget_stdout() -> None:
    # The interpreter flushes stdout once more when it ends; there must be something to flush to.
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _crash(error: Exception) -> str:
    """Write the traceback down, without arguments and values; the line that says where."""
    import traceback

    what = f"internal error: {type(error).__name__}"
    file = paths.state_dir() / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as log:
            log.write(
                "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__name__}: {error}\n"
            )
    except OSError as problem:
        return f"{what}; the traceback could not be written to {file}: {problem.strerror}"
    return f"{what}; the traceback is in {file}"
