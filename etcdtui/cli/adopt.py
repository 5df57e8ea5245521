"""``adopt``: a cluster that runs already, looked at and written down as a profile."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etcdtui.cli.headless import opened, settled
from etcdtui.cli.printing import complain
from etcdtui.cli.target import choose, read_config
from etcdtui.config import (
    EndpointsProfile,
    KubeProfile,
    Profile,
    SshProfile,
    TlsPaths,
    find_file,
)
from etcdtui.config.paper import as_yaml
from etcdtui.config.profiles import DEMO, NAME, NAME_HAS
from etcdtui.config.writer import save, with_profile
from etcdtui.errors import UsageError
from etcdtui.model.cluster import ClusterSnapshot
from etcdtui.model.text import clean, plural
from etcdtui.sites.base import Described, Site


def adopt(args: argparse.Namespace) -> int:
    """``etcdtui adopt NAME``: 0 when it is written down, or shown with ``--dry-run``."""
    file = find_file(args.config)[0]
    config = read_config(args, required=False)
    if not re.fullmatch(NAME, args.name) or args.name == DEMO:
        raise UsageError(f"{clean(args.name)!r} cannot be a profile's name", NAME_HAS)
    if args.name in config.profiles and not args.replace:
        text = f"{file}: there is a profile {args.name} already"
        raise UsageError(text, "give another name, or --replace to have it give way")
    profile = choose(args, config)
    if not isinstance(profile, SshProfile | KubeProfile | EndpointsProfile):
        raise UsageError("nothing to adopt is named", "give --ssh, --context or --endpoints")
    with opened(args, required=False) as (session, timeout):
        snapshot = settled(session, timeout)
        mapping = mapping_of(profile, session.site, snapshot)
    if not snapshot.members_known:
        why = clean(snapshot.members_error or snapshot.site_error) or "no endpoint answers"
        raise UsageError(f"nothing was adopted: no member list could be read: {why}")
    written = with_profile(file, args.name, mapping, replace=args.replace)
    sys.stdout.write(as_yaml({args.name: mapping}))
    versions = sorted({s.version for s in snapshot.answers})
    found = f"{plural(len(snapshot.members), 'member')}, etcd {', '.join(map(clean, versions))}"
    if args.dry_run:
        complain(f"{found}; nothing was written")
        return 0
    kept = save(written)
    beside = f"; as it was before: {kept}" if kept else ""
    complain(f"{found}; written into {file}{beside}; `etcdtui launch {args.name}` opens it")
    return 0


def mapping_of(profile: Profile, site: Site, snapshot: ClusterSnapshot) -> dict[str, Any]:
    """The profile's keys as a file has them: what was given and what was found; no password."""
    found = dict(site.profile_keys()) if isinstance(site, Described) else {}
    out: dict[str, Any] = {"kind": profile.kind}
    if isinstance(profile, SshProfile):
        out |= {"hosts": list(profile.hosts), "jump": list(profile.jump), "etcd_user": profile.etcd_user}
    elif isinstance(profile, KubeProfile):
        out |= {
            "context": profile.context,
            "kubeconfig": _kubeconfig(os.environ),
            "tls_secret": profile.tls_secret,
            "helper_image": profile.helper_image,
            "user": profile.user,
        }
    elif isinstance(profile, EndpointsProfile):
        answering = [row.endpoint for row in snapshot.rows if row.endpoint and row.reading.answered]
        out |= {"endpoints": list(dict.fromkeys([*profile.endpoints, *answering])), "user": profile.user}
    tls = getattr(profile, "tls", None)
    return _said({**out, **found, "tls": _tls(tls) if tls else {}})


def _kubeconfig(environ: Mapping[str, str]) -> str:
    """The one file that ``KUBECONFIG`` names, so that the profile opens in other shells too."""
    named = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return str(Path(named[0]).expanduser().absolute()) if len(named) == 1 else ""


def _tls(files: TlsPaths) -> dict[str, str]:
    def text(path: Path | None) -> str:
        return str(path.expanduser().absolute()) if path else ""

    paths = {"ca": text(files.ca), "cert": text(files.cert), "key": text(files.key)}
    return _said({**paths, "server_name": files.server_name})


def _said(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value not in ("", None, [], {})}
