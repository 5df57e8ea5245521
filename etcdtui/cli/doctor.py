"""``doctor``: what a cluster's site needs, such as rights, and whether it is there."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses

from etcdtui.cli.printing import print_json
from etcdtui.cli.target import ask_password, choose, read_config, settings_for
from etcdtui.errors import NotOffered
from etcdtui.model.severity import Severity
from etcdtui.model.text import clean
from etcdtui.sites.base import Examined
from etcdtui.sites.build import open_site


def doctor(args: argparse.Namespace) -> int:
    """``etcdtui doctor``: 0 when all is there that showing needs, 1 when something of it is missing."""
    config = read_config(args)
    profile = choose(args, config)
    with contextlib.closing(open_site(profile, ask=ask_password())) as site:
        if not isinstance(site, Examined):
            raise NotOffered(
                f"{profile.name}: a {site.kind} site has nothing to examine", "etcdtui health looks at etcd"
            )
        found = site.examine(settings_for(args, config, profile).read_only)
    if args.output == "json":
        print_json([dataclasses.asdict(finding) for finding in found])
    else:
        for finding in found:
            print(f"{finding.severity.value}: {clean(finding.check)}: {clean(finding.message)}")
    return 1 if any(finding.severity is Severity.CRITICAL for finding in found) else 0
