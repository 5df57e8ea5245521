"""``launch`` and ``demo``: configuration to site to session to console, and everything closed at the end."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import termios
from typing import TYPE_CHECKING

from etcdtui.cli.printing import complain
from etcdtui.cli.target import ask_password, choose, local, read_config, settings_for
from etcdtui.config import Config, KubeProfile, LocalProfile, Profile, SshProfile, UiSettings
from etcdtui.errors import UsageError
from etcdtui.model.text import plural
from etcdtui.runtime import quitting
from etcdtui.runtime.session import Session
from etcdtui.sites.build import Opening, open_for_console, stop_local

if TYPE_CHECKING:
    from etcdtui.ui.asking import ConsoleAsker


def launch(args: argparse.Namespace) -> int:
    """``etcdtui launch``: the console on the cluster that the arguments name."""
    config = read_config(args, check_keymap=True)
    return console(args, config, choose(args, config))


def demo(args: argparse.Namespace) -> int:
    """``etcdtui demo``: the console on the embedded cluster; ``--stop`` ends one that was left running."""
    config = read_config(args, check_keymap=not args.stop)
    profile = local(args.dir)
    if args.dir is None and isinstance(named := config.profiles.get(profile.name), LocalProfile):
        profile = named
    if args.stop:
        stopped = stop_local(profile)
        print(f"stopped {plural(len(stopped), 'node')}: {', '.join(stopped)}" if stopped else "nothing runs")
        return 0
    profile = dataclasses.replace(profile, nodes=args.nodes or profile.nodes, keep=args.keep or profile.keep)
    return console(args, config, profile)


def console(args: argparse.Namespace, config: Config, profile: Profile, *, begin: str = "") -> int:
    """The console on a profile; the process exit code.

    Args:
        begin: ID of an action whose review is opened at once.
    """
    settings = settings_for(args, config, profile)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        named = args.command == "demo" or args.profile
        status = f"`etcdtui status {profile.name}`" if named else "`etcdtui status` with the same arguments"
        hint = f"{status} prints the cluster once"
        raise UsageError("the console needs a terminal", hint)
    with quitting.asked_by_signal():
        try:
            code, other = _open(profile, settings, begin)
            if other is not None and not quitting.received():
                code, _ = _open(other, settings, begin)
        except quitting.Quit:
            code = 0
        except (OSError, termios.error):
            # The terminal went away together with the signal; everything else is closed already.
            if not quitting.received():
                raise
            code = 0
        return 128 + quitting.received() if quitting.received() else code


def _open(profile: Profile, settings: UiSettings, begin: str) -> tuple[int, Profile | None]:
    """One console; its exit code, and the profile to open next where the operator chose another."""
    asker = _asker(profile)
    ask = ask_password(new=begin == "bootstrap")
    opening = open_for_console(profile, ask=ask, asker=asker, chooser=asker)
    return _run(opening, profile, settings, asker, begin), opening.instead()


def _finish(opening: Opening) -> None:
    if left := opening.finish():
        # The terminal may be gone, and that must not keep anything from ending.
        with contextlib.suppress(OSError):
            complain(left)


def _asker(profile: Profile) -> ConsoleAsker | None:
    """Asks on the screen, for profiles that may have something to ask."""
    if not isinstance(profile, SshProfile | KubeProfile):
        return None
    from etcdtui.ui.asking import ConsoleAsker

    return ConsoleAsker()


def _run(
    opening: Opening, profile: Profile, settings: UiSettings, asker: ConsoleAsker | None, begin: str
) -> int:
    """The console's life; whatever ends it, the site's own work is undone afterwards."""
    with contextlib.ExitStack() as stack:
        stack.callback(_finish, opening)
        session = Session(
            opening.site,
            profile=profile.name,
            read_only=settings.read_only,
            refresh=settings.refresh,
            timeout=settings.timeout,
            change_lock=profile.change_lock,
        )
        stack.callback(session.close)
        stack.callback(quitting.closing)
        from etcdtui.ui.app import run_console

        return run_console(session, settings, prepare=opening.prepare, asker=asker, begin=begin)
