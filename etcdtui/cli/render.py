"""``render``: what bringing up a profile's cluster would write, printed."""

from __future__ import annotations

import argparse
import sys

from etcdtui.cli.printing import complain
from etcdtui.cli.target import by_name, read_config
from etcdtui.config import KubeProfile, SshProfile
from etcdtui.sites.rendering import render as rendered


def render(args: argparse.Namespace) -> int:
    """Print the files or manifests; what could be better goes to stderr."""
    profile = by_name(args.profile, read_config(args))
    text = rendered(profile, founded=args.founded, only=args.only)
    if isinstance(profile, KubeProfile | SshProfile) and profile.bootstrap is not None:
        from etcdtui.model.bootstrap_checks import problems, sentence

        for problem in problems(profile.bootstrap):
            complain(f"advice: {sentence(problem)}")
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return 0
